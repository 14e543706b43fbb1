/**
 * From a dispatched step to its outcome: what to run, whether its arguments fit, with which credentials, within
 * which time, behind which breaker and, when it is unsafe, under which claim.
 *
 * Owns the order of these. Does not own any of them.
 *
 * - The order is: operation, arguments, connection, claim, breaker, performance. A claim comes before the breaker,
 *   so that a step that was performed already answers with its outcome while the target is down.
 * - Secrets are opened here, for this step alone, and none leaves: outputs and failures are scrubbed before anything
 *   else sees them.
 */
import { MillraceError } from '@millrace/errors';
import { parseTraceparent, type Logger } from '@millrace/telemetry';
import { traceparentOf, type Step, type StepControl, type StepHandler, type StepOutcome } from '@millrace/worker';
import type { Catalogue, CatalogueEntry } from './catalogue.ts';
import type { BreakerBook } from './circuit-breaker.ts';
import type { Claims, UnknownPolicy } from './claimed-step.ts';
import { failure, refused, uncertain } from './failure.ts';
import { OUTPUT_BYTES_MAX, TIMEOUT_MS_MAX } from './limits.ts';
import type { JsonObject, JsonValue, OpenConnection, OperationCall, Performed } from './manifest.ts';
import type { ConnectionSource } from './ports.ts';
import { hideCredentials } from './auth/credentials.ts';
import { scrub } from './scrub.ts';
import { breakHandles, openHandles, SecretRefused, stepSecrets } from './secret-handles.ts';
import type { StepMetrics } from './step-metrics.ts';

export interface StepHandlerOptions {
  readonly catalogue: Catalogue;
  readonly connections: ConnectionSource;
  readonly claims: Claims;
  readonly breakers: BreakerBook;
  readonly metrics: StepMetrics;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

export function createStepHandler(options: StepHandlerOptions): StepHandler {
  const { catalogue, metrics } = options;
  return {
    operations: catalogue.entries.map(({ name }) => name),
    execute: (step, control) => {
      const entry = catalogue.find(step.operation);
      if (entry === undefined) {
        return failed(failure('configuration', 404, `this worker has no operation ${step.operation}; the catalogue lists what there is`));
      }
      const { action } = entry.operation;
      if (action.kind === 'answer') {
        const outcome = action.answer(step, control);
        metrics.ended(entry.name, outcome.kind);
        return outcome;
      }
      return follow(options, entry, step, control);
    },
  };
}

/** Runs the step and says how it ended: one record when it failed. */
async function follow(options: StepHandlerOptions, entry: CatalogueEntry, step: Step, control: StepControl): Promise<StepOutcome> {
  const startedMs = performance.now();
  const outcome = await runStep(options, entry, step, control);
  const durationMs = performance.now() - startedMs;
  options.metrics.ended(entry.name, outcome.kind);
  options.metrics.took(entry.name, durationMs / 1000);
  if (outcome.kind === 'failure') {
    const { organisation, execution, run, activation, attempt, operation, connection } = step;
    const { type, status, detail } = outcome.failure;
    const trace = parseTraceparent(traceparentOf(step));
    options.log.info('a step failed', {
      ...(trace === undefined ? {} : { traceId: trace.traceId, spanId: trace.spanId }),
      ...{ organisation, execution, run, activation, attempt, operation, connection, type, status, detail },
      durationMs: Math.round(durationMs),
    });
  }
  return outcome;
}

async function runStep(options: StepHandlerOptions, entry: CatalogueEntry, step: Step, control: StepControl): Promise<StepOutcome> {
  const { operation, connector } = entry;
  const given = readArguments(step.argumentsJson);
  if (given === undefined) return failed(failure('validation', 400, `arguments of ${entry.name} are not a JSON object`));
  const secrets = stepSecrets(options.connections, step.organisation);
  let args: JsonObject;
  try {
    args = openHandles(given, secrets);
  } catch (error) {
    if (error instanceof SecretRefused) return failed(failure('authorization', 403, error.message));
    throw error;
  }
  const misfit = entry.check(args);
  if (misfit !== undefined) return failed(failure('validation', 400, scrub(`arguments of ${entry.name}: ${misfit}`, secrets.texts)));
  let connection: OpenConnection | undefined;
  if (step.connection !== '') {
    try {
      connection = options.connections.open(step.organisation, step.connection);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      return failed(failure('configuration', 400, error.message));
    }
    if (connection.connector !== connector.id && connector.borrows?.includes(connection.connector) !== true) {
      return failed(failure('configuration', 400, `connection ${connection.name} is of connector ${connection.connector}, not ${connector.id}`));
    }
  }
  const timeoutMs = Math.min(step.timeoutMs > 0 ? step.timeoutMs : operation.timeoutMs, operation.timeoutMsMax ?? TIMEOUT_MS_MAX);
  if (connection !== undefined) hideCredentials(connection.auth, secrets);
  const perform = (): Promise<Performed> => performGuarded(options, entry, { step, arguments: args, connection, secrets, timeoutMs }, control);
  const outcomeOf = (performed: Performed): StepOutcome => conclude(performed, secrets.texts, entry.name);
  if (operation.retryClass !== 'unsafe') return outcomeOf(await perform());
  const policy = (args['onUnknown'] ?? 'ask') as UnknownPolicy;
  return options.claims.perform({ step, policy, signal: control.signal, perform, outcomeOf });
}

/** The arguments without `null` members (a parameter that is null is left out) and without the connection's name. */
function readArguments(json: string): JsonObject | undefined {
  let value: JsonValue;
  try {
    value = json === '' ? {} : (JSON.parse(json) as JsonValue);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value).filter(([name, member]) => member !== null && name !== 'connection'));
}

async function performGuarded(options: StepHandlerOptions, entry: CatalogueEntry, call: Omit<OperationCall, 'signal'>, control: StepControl): Promise<Performed> {
  const { breakers, log, metrics } = options;
  const { step } = call;
  const target = step.connection === '' ? entry.operation.target?.(call.arguments) : `connection ${step.connection}`;
  if (target === undefined) return performLimited(options, entry, call, control);
  const breaker = `${step.organisation} ${target}`;
  const admittance = breakers.admit(breaker, performance.now());
  if (admittance.kind === 'refused') {
    const seconds = (admittance.retryInMs / 1000).toFixed(1);
    return refused(failure('communication', 503, `the circuit breaker of ${target} is open after repeated failures; it lets a trial through in ${seconds} s`, 'Circuit breaker open'));
  }
  const performed = await performLimited(options, entry, call, control);
  const state = breakers.report(breaker, performed.kind === 'output' ? 'up' : performed.target, performance.now());
  if (state === 'open') metrics.breakerOpened();
  if (state !== undefined) log.info('a circuit breaker changed', { organisation: step.organisation, target, state });
  return performed;
}

/** Performs within the time limit. An action that does not heed its signal is left behind. */
async function performLimited(options: StepHandlerOptions, entry: CatalogueEntry, call: Omit<OperationCall, 'signal'>, control: StepControl): Promise<Performed> {
  const { action } = entry.operation;
  if (action.kind !== 'run') throw new TypeError(`${entry.name} has nothing to run`);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), call.timeoutMs);
  const cancel = (): void => limit.abort();
  if (control.signal.aborted) cancel();
  else control.signal.addEventListener('abort', cancel, { once: true });
  try {
    const running = action.run({ ...call, signal: limit.signal });
    // An action that heeds the signal may still say what it knows, hence the turn of grace.
    const ended = new Promise<'ended'>((resolve) => {
      const end = (): void => void setImmediate(() => resolve('ended'));
      if (limit.signal.aborted) end();
      else limit.signal.addEventListener('abort', end, { once: true });
    });
    const first = await Promise.race([running, ended]);
    if (first !== 'ended') return first;
    running.catch(() => undefined);
    return abandoned(entry, call, control);
  } catch (error) {
    if (limit.signal.aborted) return abandoned(entry, call, control);
    options.log.warn('an operation broke', { operation: entry.name, execution: call.step.execution, error: error instanceof Error ? error.name : typeof error });
    return uncertain(failure('runtime', 500, `${entry.name} broke in the worker; this is a defect of the operation`), 'unasked');
  } finally {
    clearTimeout(timer);
    control.signal.removeEventListener('abort', cancel);
  }
}

function abandoned(entry: CatalogueEntry, call: Omit<OperationCall, 'signal'>, control: StepControl): Performed {
  return control.signal.aborted
    ? uncertain(failure('runtime', 499, `${entry.name} was cancelled`, 'Cancelled'), 'unasked')
    : uncertain(failure('timeout', 408, `${entry.name} did not end within ${call.timeoutMs} ms`));
}

function conclude(performed: Performed, secrets: readonly string[], name: string): StepOutcome {
  if (performed.kind === 'failure') {
    const { failure: found } = performed;
    return failed({ ...found, detail: scrub(found.detail, secrets) });
  }
  const json = breakHandles(scrub(JSON.stringify(performed.value), secrets));
  if (json.length > OUTPUT_BYTES_MAX || Buffer.byteLength(json) > OUTPUT_BYTES_MAX) {
    return failed(failure('communication', 502, `the output of ${name} is larger than ${OUTPUT_BYTES_MAX} bytes; ask for less`));
  }
  return { kind: 'output', json };
}

function failed(found: ReturnType<typeof failure>): StepOutcome {
  return { kind: 'failure', failure: found };
}
