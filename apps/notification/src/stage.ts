/**
 * One stage of the work: a loop that takes what is due, bounded, until nothing is, then waits for its alarm.
 *
 * Invariants
 * 1. One round at a time; a round that took nothing is followed by a wait, never by another round at once.
 * 2. A round that fails (the database is away) is followed by a wait that grows; the stage never ends by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@millrace/telemetry';
import { createAlarm, type Alarm } from './alarm.ts';

/** How long a stage waits before it looks for what other instances left, in milliseconds. */
export const STAGE_POLL_MS = 1_000;
/** Waits after a failed round, in milliseconds. */
export const STAGE_RETRY_MIN_MS = 100;
export const STAGE_RETRY_MAX_MS = 2_000;

/** What a round came to: `more` when there may be more to do at once. */
export type Round = 'more' | 'idle';

export interface Stage {
  readonly alarm: Alarm;
  /** No further round begins; resolves when the current one has ended. */
  stop(): Promise<void>;
}

export interface StageOptions {
  readonly name: string;
  readonly logger: Logger;
  readonly now: () => number;
  round(): Promise<Round>;
}

export function runStage({ name, logger, now, round }: StageOptions): Stage {
  const alarm = createAlarm(STAGE_POLL_MS, now);
  const stopping = new AbortController();
  const { signal } = stopping;

  const loop = async (): Promise<void> => {
    let retryMs = STAGE_RETRY_MIN_MS;
    let failing = false;
    while (!signal.aborted) {
      try {
        const result = await round();
        if (failing) logger.info('A stage of delivery goes on', { stage: name });
        failing = false;
        retryMs = STAGE_RETRY_MIN_MS;
        if (result === 'idle') await alarm.wait(signal);
      } catch (error) {
        if (!failing) logger.warn('A stage of delivery waits', { stage: name, error });
        failing = true;
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
        retryMs = Math.min(2 * retryMs, STAGE_RETRY_MAX_MS);
      }
    }
  };
  const ended = loop();

  return {
    alarm,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}
