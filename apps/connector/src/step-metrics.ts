/**
 * What the service counts about steps; read at `/metrics`.
 *
 * Steps are counted in plain numbers that reach their metric once a turn of the event loop: a labelled counter
 * costs as much as all the rest of a step that answers at once.
 */
import type { Counter, Histogram, Metrics } from '@millrace/telemetry';
import type { Worker } from '@millrace/worker';
import type { BreakerBook } from './circuit-breaker.ts';
import type { Claims } from './claimed-step.ts';

export interface StepMetrics {
  ended(operation: string, outcome: 'output' | 'failure'): void;
  took(operation: string, seconds: number): void;
  breakerOpened(): void;
}

export function createStepMetrics(metrics: Metrics): StepMetrics {
  const steps: Counter = metrics.counter('millrace_connector_steps_total', 'Steps that ended, by operation and outcome', ['operation', 'outcome']);
  const durations: Histogram = metrics.histogram('millrace_connector_step_duration_seconds', 'Time that steps took in this worker, those that answer at once left out', { labels: ['operation'] });
  const opened: Counter = metrics.counter('millrace_connector_breakers_opened_total', 'Times that a circuit breaker opened');
  const pending = new Map<string, { output: number; failure: number }>();
  let planned = false;

  function flush(): void {
    planned = false;
    for (const [operation, counts] of pending) {
      for (const outcome of ['output', 'failure'] as const) {
        if (counts[outcome] === 0) continue;
        steps.inc({ operation, outcome }, counts[outcome]);
        counts[outcome] = 0;
      }
    }
  }

  return {
    ended: (operation, outcome) => {
      let counts = pending.get(operation);
      if (counts === undefined) {
        counts = { output: 0, failure: 0 };
        pending.set(operation, counts);
      }
      counts[outcome] += 1;
      if (planned) return;
      planned = true;
      setImmediate(flush);
    },
    took: (operation, seconds) => durations.observe({ operation }, seconds),
    breakerOpened: () => opened.inc(),
  };
}

/** Gauges that are read when somebody asks. */
export function exposeGauges(metrics: Metrics, worker: Worker, breakers: BreakerBook, claims: Claims): void {
  metrics.gauge('millrace_connector_running_steps', 'Steps that run now', [], (gauge) => gauge.set(worker.stats().running));
  metrics.gauge('millrace_connector_kept_results', 'Results kept until they are durable', [], (gauge) => gauge.set(worker.stats().kept));
  metrics.gauge('millrace_connector_kept_bytes', 'Size of the kept results', [], (gauge) => gauge.set(worker.stats().keptBytes));
  metrics.gauge('millrace_connector_open_streams', 'Streams to orchestrators', [], (gauge) => gauge.set(worker.stats().streams));
  metrics.gauge('millrace_connector_arrived_steps', 'Steps since the start that ran, joined a running one, got a kept result, or were stale', ['kind'], (gauge) => {
    const { executed, joined, resent, stale } = worker.stats();
    for (const [kind, value] of Object.entries({ executed, joined, resent, stale })) gauge.set({ kind }, value);
  });
  metrics.gauge('millrace_connector_claimed_steps', 'Unsafe steps that are claimed and worked on here', [], (gauge) => gauge.set(claims.working));
  metrics.gauge('millrace_connector_circuit_breakers', 'Circuit breakers by state, those without a failure left out', ['state'], (gauge) => {
    for (const [state, value] of Object.entries(breakers.counts())) gauge.set({ state }, value);
  });
}
