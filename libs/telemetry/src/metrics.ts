/**
 * Metrics of one process in Prometheus' text format.
 *
 * Owns the registry and the rule for names: `millrace_<thing>_<unit>`. A name asked for twice gives the same
 * metric, so two parts of a process may count into one.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { Defect } from '@millrace/errors';

/** Seconds; from half a millisecond, which one step takes, to the minute a slow target takes. */
export const DURATION_BUCKETS_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

export interface HistogramOptions {
  readonly labels?: readonly string[];
  /** Upper bounds; default `DURATION_BUCKETS_SECONDS`. */
  readonly buckets?: readonly number[];
}

export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  /** `collect` is called at every scrape, to set a value that is cheaper to read than to track. */
  gauge(name: string, help: string, labels?: readonly string[], collect?: (gauge: Gauge) => void): Gauge;
  histogram(name: string, help: string, options?: HistogramOptions): Histogram;
  /** The body of `/metrics`. */
  render(): Promise<string>;
  /** The content type of that body. */
  readonly contentType: string;
}

/** Makes the metrics of a process; every sample carries `service` and `instance`. */
export function createMetrics({ service, instance }: { readonly service: string; readonly instance: string }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service, instance });
  collectDefaultMetrics({ register: registry });

  function once<T>(kind: new (...args: never[]) => T, name: string, make: () => T): T {
    const known: unknown = registry.getSingleMetric(name);
    if (known === undefined) return make();
    if (known instanceof kind) return known;
    throw new Defect(`The metric ${name} exists with another type`);
  }

  const registers = [registry];
  return {
    counter: (name, help, labels = []) =>
      once(Counter<string>, name, () => new Counter({ name: checked(name), help, labelNames: labels, registers })),
    gauge: (name, help, labels = [], collect) =>
      once(Gauge<string>, name, () => {
        const callback = collect === undefined ? {} : { collect(this: Gauge) { collect(this); } };
        return new Gauge({ name: checked(name), help, labelNames: labels, registers, ...callback });
      }),
    histogram: (name, help, { labels = [], buckets = DURATION_BUCKETS_SECONDS } = {}) =>
      once(Histogram<string>, name, () => new Histogram({ name: checked(name), help, labelNames: labels, buckets: [...buckets], registers })),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function checked(name: string): string {
  if (!/^millrace(_[a-z0-9]+){2,}$/.test(name)) {
    throw new Defect(`The metric name ${name} is not of the form millrace_<thing>_<unit>`);
  }
  return name;
}
