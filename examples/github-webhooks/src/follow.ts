/** Follows an organisation's executions through the public API until all have ended. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ExecutionSummaryDocument } from '@millrace/documents';
import { observationOf, type Observation } from './observation.ts';
import type { PublicApi } from './public-api.ts';

const POLL_MS = 500;
/** Questions for single executions at once. */
const CONCURRENCY = 8;

export interface FollowOptions {
  readonly organisation: string;
  readonly workflow: string;
  /** Executions of this run: those that started at or after it, as ISO 8601. */
  readonly since: string;
  readonly count: number;
  readonly onProgress: (ended: number) => void;
  readonly signal: AbortSignal;
}

/** Executions of the run that the API lists. */
export async function listRun(api: PublicApi, { organisation, workflow, since }: Pick<FollowOptions, 'organisation' | 'workflow' | 'since'>): Promise<readonly ExecutionSummaryDocument[]> {
  return (await api.list(organisation, workflow)).filter((each) => each.startedAt !== null && each.startedAt >= since);
}

/** Resolves when `count` executions have ended. @throws when `signal` says that it takes too long. */
export async function untilAllEnded(api: PublicApi, options: FollowOptions): Promise<void> {
  for (;;) {
    const ended = (await listRun(api, options)).filter((each) => each.endedAt !== null).length;
    options.onProgress(ended);
    if (ended >= options.count) return;
    if (options.signal.aborted) throw new Error(`${options.organisation}: ${ended} of ${options.count} executions have ended, and the time is up`);
    await delay(POLL_MS);
  }
}

/** Asks for every execution and its trace. */
export async function observe(api: PublicApi, organisation: string, executions: readonly string[]): Promise<readonly Observation[]> {
  const waiting = executions.values();
  const found: Observation[] = [];
  const lane = async (): Promise<void> => {
    for (const execution of waiting) {
      const [document, trace] = await Promise.all([api.get(organisation, execution), api.trace(organisation, execution)]);
      found.push(observationOf(document, trace));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return found;
}
