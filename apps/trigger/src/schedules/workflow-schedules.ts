/**
 * Schedules that workflows have in their own documents (DSL reference, Schedule): those of the latest version count.
 *
 * Owns following the definitions that are applied. Times go to the store, where they are schedules like all others;
 * events go to whoever starts by events. What the store did not take is offered again until it does.
 */
import { BUCKETS, decodeJson, openBucket, type Bus, type Watch } from '@millrace/bus';
import { scheduleOf, workflowOfValue, TIME_ZONE_DEFAULT, type StartingEvents, type WorkflowSchedule } from '@millrace/dsl';
import type { JsonValue } from '@millrace/engine';
import type { Logger } from '@millrace/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScheduleStore } from '../adapters/schedule-store.ts';
import { documentScheduleName, type ScheduleSpec } from './schedule.ts';

/** Between two offers of what was not taken, milliseconds. */
const AGAIN_MS = 2_000;

/** Drafts, which stand apart, start nothing. */
interface NamedVersions {
  readonly versions: readonly { readonly version: string; readonly hash: string }[];
}

export interface WorkflowSchedulesOptions {
  readonly bus: Bus;
  readonly store: ScheduleStore;
  readonly logger: Logger;
  readonly now: () => number;
  /** The events that start a workflow; undefined: none do any more. `hash` names the document that says so. */
  onEvents(organisation: string, workflow: string, starting: { readonly events: StartingEvents; readonly version: string; readonly hash: string } | undefined): void;
  /** A schedule of times was stored or removed. */
  onTimes(): void;
}

export interface WorkflowSchedules {
  /** Resolves once every definition that was there at first has been looked at. */
  readonly caughtUp: Promise<void>;
  stop(): Promise<void>;
}

interface Change {
  readonly organisation: string;
  readonly workflow: string;
  readonly revision: number;
  readonly latest: { readonly version: string; readonly hash: string } | undefined;
}

export async function followWorkflowSchedules(options: WorkflowSchedulesOptions): Promise<WorkflowSchedules> {
  const { bus, store, logger } = options;
  const bucket = await openBucket(bus, BUCKETS.definitions);
  const stopping = new AbortController();
  /** The last change of each workflow that has not been looked at. */
  const waiting = new Map<string, Change>();
  let wake: () => void = () => undefined;

  const watch: Watch = await bucket.watch(
    ({ key, value, revision }) => {
      const [, organisation = '', ...rest] = key.split('.');
      const versions = value === undefined ? [] : (decodeJson(value) as NamedVersions).versions;
      waiting.set(key, { organisation, workflow: rest.join('.'), revision, latest: versions.at(-1) });
      wake();
    },
    { prefix: 'name.' },
  );

  async function take({ organisation, workflow, revision, latest }: Change): Promise<void> {
    const schedule = latest === undefined ? undefined : await read(latest.hash);
    options.onEvents(organisation, workflow, schedule?.kind === 'on' && latest !== undefined ? { events: schedule.events, ...latest } : undefined);
    const name = documentScheduleName(workflow);
    if (schedule === undefined || schedule.kind === 'on' || latest === undefined) {
      if (await store.remove(organisation, name, revision)) options.onTimes();
      return;
    }
    const { outcome } = await store.put({ organisation, name }, specOf(schedule, `${workflow}@${latest.version}`), { nowMs: options.now(), documentOf: { workflow, revision } });
    if (outcome !== 'unchanged') options.onTimes();
  }

  async function read(hash: string): Promise<WorkflowSchedule | undefined> {
    const value = (await bucket.getJson(`hash.${hash}`))?.value as { readonly [key: string]: JsonValue } | undefined;
    return value?.['schedule'] === undefined ? undefined : scheduleOf(workflowOfValue(value, hash));
  }

  /** Everything that waits, once; what fails waits again. */
  async function takeAll(): Promise<boolean> {
    let failed = false;
    for (const [key, change] of [...waiting]) {
      if (stopping.signal.aborted) return true;
      try {
        await take(change);
        if (waiting.get(key) === change) waiting.delete(key);
      } catch (error) {
        if (!failed) logger.warn('The schedules of workflows wait for a store', { workflow: change.workflow, organisation: change.organisation, error });
        failed = true;
      }
    }
    return !failed;
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (!(await takeAll())) await sleep(AGAIN_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      else if (waiting.size === 0) await Promise.race([woken, aborted(stopping.signal)]);
    }
  }

  const first = takeAll().then(() => undefined);
  const running = first.then(loop);
  return {
    caughtUp: first,
    async stop() {
      stopping.abort();
      watch.stop();
      await running;
    },
  };
}

function specOf(schedule: Exclude<WorkflowSchedule, { kind: 'on' }>, workflow: string): ScheduleSpec {
  const rule = schedule.kind === 'cron' ? { kind: 'cron' as const, cron: schedule.cron, timeZone: TIME_ZONE_DEFAULT } : schedule;
  return { workflow, rule, input: {}, catchUp: 'latest' };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
