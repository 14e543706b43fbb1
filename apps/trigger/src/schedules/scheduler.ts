/**
 * Starts what is due. Every instance does; a due schedule is one instance's alone, and a due time one execution.
 *
 * C1 A start is durable before its schedule goes on: a crash between starts it again, under the same key, which is
 *    the same execution.
 * C2 What cannot be started now is taken up again; while the database is away nothing is due, and what passed
 *    meanwhile is treated as the schedule says (`catchUp`).
 */
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClaimedSchedule, ScheduleStore } from '../adapters/schedule-store.ts';
import type { StartAppender } from '../start-appender.ts';
import { dueKey } from './schedule.ts';
import { planDue } from './schedule-machine.ts';

/** Schedules that are worked on at once. */
export const CLAIMED_MAX = 500;
/** Longest time between two looks at what is due, milliseconds: so late is what another instance has stored. */
export const LOOK_MS = 500;
/** How long a start that failed waits, milliseconds. */
export const AGAIN_MS = 1_000;
/** How long an end is waited for before it is asked for, milliseconds: the event may have been lost. */
export const ASK_END_MS = 60_000;
/** Executions that are asked for at a time. */
const ASKED_MAX = 100;

export interface SchedulerPorts {
  readonly store: ScheduleStore;
  readonly starts: StartAppender;
  /** When an execution ended, Unix milliseconds; undefined while it goes on. An unknown one counts as ended now. */
  endOf(organisation: string, execution: string): Promise<number | undefined>;
  readonly logger: Logger;
  readonly now: () => number;
  onStarted(count: number, lateMs: number): void;
  onMissed(count: number): void;
}

export interface Scheduler {
  /** Something is due earlier than was known. */
  ring(): void;
  stop(): Promise<void>;
}

export function startScheduler(ports: SchedulerPorts): Scheduler {
  const stopping = new AbortController();
  let wake = new AbortController();
  let toldOfOutage = false;

  async function loop(): Promise<void> {
    let indexed = false;
    let askedMs = 0;
    while (!stopping.signal.aborted) {
      let waitMs = LOOK_MS;
      try {
        if (!indexed) await ports.store.ensureIndexes();
        indexed = true;
        const worked = await round(ports);
        if (ports.now() - askedMs >= ASK_END_MS) {
          askedMs = ports.now();
          await askForEnds(ports);
        }
        toldOfOutage = false;
        waitMs = worked === CLAIMED_MAX ? 0 : await untilDue(ports);
      } catch (error) {
        if (!toldOfOutage) ports.logger.warn('Schedules wait for the database', { error });
        toldOfOutage = true;
      }
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: AbortSignal.any([stopping.signal, wake.signal]) }).catch(() => undefined);
      if (wake.signal.aborted) wake = new AbortController();
    }
  }
  const ended = loop();

  return {
    ring: () => wake.abort(),
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

async function untilDue({ store, now }: SchedulerPorts): Promise<number> {
  const dueMs = await store.nextDueMs();
  return dueMs === undefined ? LOOK_MS : Math.min(LOOK_MS, Math.max(10, dueMs - now()));
}

/** One look at what is due; how many schedules were worked on. */
async function round(ports: SchedulerPorts): Promise<number> {
  const claimed = await ports.store.claimDue(ports.now(), CLAIMED_MAX);
  await Promise.all(claimed.map((each) => startDue(ports, each)));
  return claimed.length;
}

/** C1. */
async function startDue(ports: SchedulerPorts, claimed: ClaimedSchedule): Promise<void> {
  const { store, starts, logger, now } = ports;
  const { record, dueMs } = claimed;
  const { organisation, workflow, rule } = record;
  try {
    const plan = planDue(rule, record.catchUp, dueMs, now());
    const orders = plan.starts.map((startMs) => ({ organisation, workflow, key: dueKey(record, startMs), inputJson: JSON.stringify(record.input), acceptedAtMs: now() }));
    const [only] = orders;
    if (rule.kind === 'after' && only !== undefined && !(await store.awaitEnd(claimed, starts.executionOf(only), now()))) return;
    const executions = await Promise.all(orders.map((order) => starts.append(order)));
    await store.advance(claimed, { nextMs: plan.nextMs, execution: executions.at(-1), startedMs: plan.starts.at(-1), started: executions.length, missed: plan.missed });
    if (executions.length > 0) ports.onStarted(executions.length, now() - (plan.starts.at(-1) ?? now()));
    if (plan.missed > 0) {
      ports.onMissed(plan.missed);
      logger.warn('Times of a schedule passed without a start', { organisation, schedule: record.name, missed: plan.missed, catchUp: record.catchUp });
    }
  } catch (error) {
    logger.warn('A schedule could not start its workflow; it is tried again', { organisation, schedule: record.name, error: MillraceError.from(error) });
    await store.release(claimed, now() + AGAIN_MS).catch(() => undefined);
  }
}

async function askForEnds({ store, endOf, now, logger }: SchedulerPorts): Promise<void> {
  for (const { organisation, execution } of await store.waitingSince(now() - ASK_END_MS, ASKED_MAX)) {
    try {
      const endedMs = await endOf(organisation, execution);
      if (endedMs !== undefined) await store.ended(new Map([[execution, endedMs]]));
    } catch (error) {
      logger.debug('The end of an execution could not be asked for', { organisation, execution, error });
    }
  }
}
