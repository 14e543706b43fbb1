/** Runs steps through the whole pipeline in a test: catalogue, arguments, connection, breaker, time limit. */
import { createMetrics } from '@millrace/telemetry';
import type { Step, StepControl, StepFailure, StepOutcome } from '@millrace/worker';
import { compileCatalogue } from '../catalogue.ts';
import { BreakerBook, type BreakerLimits } from '../circuit-breaker.ts';
import { createClaims, type Claims } from '../claimed-step.ts';
import { createStepHandler } from '../execute-step.ts';
import type { ConnectorManifest, JsonValue, OpenConnection } from '../manifest.ts';
import { MillraceError } from '@millrace/errors';
import { createStepMetrics } from '../step-metrics.ts';

export interface Bench {
  run(operation: string, args: JsonValue, change?: Partial<Step>, control?: StepControl): Promise<StepOutcome>;
  /** The output, parsed. Fails the test when there is none. */
  output(operation: string, args: JsonValue, change?: Partial<Step>): Promise<JsonValue>;
  /** The failure. Fails the test when there is none. */
  failure(operation: string, args: JsonValue, change?: Partial<Step>): Promise<StepFailure>;
  readonly logged: Record<string, unknown>[];
  readonly operations: readonly string[];
}

export interface BenchOptions {
  readonly connections?: readonly OpenConnection[];
  /** Values of `kind: secret` by name. */
  readonly secrets?: Readonly<Record<string, JsonValue>>;
  readonly claims?: Claims;
  readonly breakers?: BreakerLimits;
}

const unclaimed = createClaims({
  worker: 'test',
  workers: { isAlive: () => false },
  store: {
    make: () => Promise.resolve(undefined),
    replace: () => Promise.resolve(true),
    settle: () => Promise.resolve(),
  },
});

let activations = 0;

export function bench(connectors: readonly ConnectorManifest[], options: BenchOptions = {}): Bench {
  const logged: Record<string, unknown>[] = [];
  const record = (message: string, attributes?: Readonly<Record<string, unknown>>): void => void logged.push({ message, ...attributes });
  const handler = createStepHandler({
    catalogue: compileCatalogue(connectors),
    connections: {
      open: (_organisation, name) => {
        const found = options.connections?.find((connection) => connection.name === name);
        if (found === undefined) throw new MillraceError('connection-unknown', { message: `There is no connection ${name}` });
        return found;
      },
      secret: (_organisation, name) => options.secrets?.[name],
    },
    claims: options.claims ?? unclaimed,
    breakers: new BreakerBook(options.breakers),
    metrics: createStepMetrics(createMetrics({ service: 'connector', instance: 'test' })),
    log: { info: record, warn: record },
  });
  const run: Bench['run'] = async (operation, args, change = {}, control = { signal: new AbortController().signal }) =>
    handler.execute(stepOf(operation, args, change), control);
  return {
    run,
    logged,
    operations: handler.operations,
    output: async (operation, args, change) => {
      const outcome = await run(operation, args, change);
      if (outcome.kind === 'failure') throw new Error(`expected an output, got ${JSON.stringify(outcome.failure)}`);
      return JSON.parse(outcome.json) as JsonValue;
    },
    failure: async (operation, args, change) => {
      const outcome = await run(operation, args, change);
      if (outcome.kind === 'output') throw new Error(`expected a failure, got ${outcome.json}`);
      return outcome.failure;
    },
  };
}

export function stepOf(operation: string, args: JsonValue, change: Partial<Step> = {}): Step {
  return {
    organisation: 'acme',
    execution: 'x1',
    lane: 0,
    epoch: 1,
    run: 1,
    activation: (activations += 1),
    attempt: 1,
    operation: `${operation}:1.0.0@default`,
    connection: '',
    argumentsJson: JSON.stringify(args),
    timeoutMs: 0,
    traceparent: '',
    dispatchedAtMs: 0,
    ...change,
  };
}
