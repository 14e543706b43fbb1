/** What the public API tells of one execution that has ended, and what an organisation's come to. */
import type { ExecutionDocument, TraceDocument } from '@millrace/documents';

/** A wait in a queue that lasted longer is counted as throttled, in milliseconds. */
export const THROTTLED_MS = 25;

export interface Observation {
  readonly execution: string;
  readonly status: string;
  /** Tasks that were run. */
  readonly steps: number;
  /** Attempts after a task's first. */
  readonly retries: number;
  /** Starts and steps that waited for their organisation's limits. */
  readonly throttled: number;
  readonly tookMs: number;
}

export interface Totals {
  readonly organisation: string;
  readonly executions: number;
  readonly steps: number;
  readonly retries: number;
  readonly throttled: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mails: number;
}

export function observationOf({ execution, status, tasks, startedAt, endedAt }: ExecutionDocument, { spans }: TraceDocument): Observation {
  const between = (from: string | null, to: string | null): number => (from === null || to === null ? 0 : Date.parse(to) - Date.parse(from));
  return {
    execution,
    status,
    steps: tasks.length,
    retries: tasks.reduce((sum, task) => sum + Math.max(0, task.attempts - 1), 0),
    throttled: spans.filter((span) => (span.name === 'queue' || span.name === 'queue start') && between(span.startedAt, span.endedAt) > THROTTLED_MS).length,
    tookMs: between(startedAt, endedAt),
  };
}

export function totalsOf(organisation: string, observations: readonly Observation[], mails: number): Totals {
  const sum = (read: (each: Observation) => number): number => observations.reduce((total, each) => total + read(each), 0);
  const times = observations.map((each) => each.tookMs).sort((a, b) => a - b);
  return {
    organisation,
    executions: observations.length,
    steps: sum((each) => each.steps),
    retries: sum((each) => each.retries),
    throttled: sum((each) => each.throttled),
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    mails,
  };
}

/** The smallest value that at least the share `q` of all is not above; 0 of nothing. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}
