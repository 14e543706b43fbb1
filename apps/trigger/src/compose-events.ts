/**
 * Schedules and events of the trigger, put together: what starts workflows besides webhooks.
 *
 * Owns the order of starting and stopping of these parts, and how they know of each other.
 */
import { randomBytes } from 'node:crypto';
import type { Bus } from '@millrace/bus';
import { EventsService, SubscriptionsService } from '@millrace/contracts/trigger/v1/events';
import { SchedulesService } from '@millrace/contracts/trigger/v1/schedules';
import { ExecutionsClient } from '@millrace/contracts/orchestrator/v1/executions';
import { MillraceError } from '@millrace/errors';
import type { ChannelPool, RpcService } from '@millrace/rpc';
import type { SecretBox, Store } from '@millrace/store';
import type { Logger, Metrics } from '@millrace/telemetry';
import { createArrivalsLog, publishArrival, readArrivals, type Arrival } from './adapters/arrivals.ts';
import { openEventFeed } from './adapters/event-feed.ts';
import { createEventsService, createSubscriptionsService } from './adapters/events-grpc.ts';
import { createScheduleStore } from './adapters/schedule-store.ts';
import { createSchedulesService } from './adapters/schedules-grpc.ts';
import { createSetStore } from './adapters/set-store.ts';
import { openSubscriptionStore } from './adapters/subscription-store.ts';
import { createEventRouter, type EventStarter } from './events/event-router.ts';
import { typesOf } from './events/starting-events.ts';
import { createTypeIndex, subjectsOf } from './events/subscription-book.ts';
import { compileSubscription, type ServedSubscription } from './events/subscription.ts';
import { createLaneAppender, type LaneAppender } from './lane-appender.ts';
import { startScheduler } from './schedules/scheduler.ts';
import { followWorkflowSchedules } from './schedules/workflow-schedules.ts';
import type { StartAppender } from './start-appender.ts';

const LIFECYCLE_TYPES = 'io.serverlessworkflow.*';
const ENDED = /^io\.serverlessworkflow\.workflow\.(?:completed|faulted|cancelled)\.v1$/;
/** How long the filters of events may wait to follow the subscriptions, milliseconds. */
const FOLLOW_MS = 200;
const ENDED_STATUS: ReadonlySet<string> = new Set(['completed', 'faulted', 'cancelled']);

export interface EventPartsOptions {
  readonly bus: Bus;
  readonly store: Store;
  readonly box: SecretBox;
  readonly instance: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The inputs of lanes. */
  readonly appender: LaneAppender;
  readonly messageBytesMax: () => number;
  readonly lanes: () => number;
  readonly starts: StartAppender;
  readonly orchestrators: ChannelPool;
}

export interface EventParts {
  readonly rpcServices: readonly RpcService[];
  drain(): Promise<void>;
}

export async function composeEvents({ bus, store, box, instance, logger, metrics, appender, messageBytesMax, lanes, starts, orchestrators }: EventPartsOptions): Promise<EventParts> {
  const accepted = metrics.counter('millrace_trigger_events_total', 'CloudEvents accepted from outside');
  const byEvents = metrics.counter('millrace_trigger_event_starts_total', 'Starts by events');
  const bySchedules = metrics.counter('millrace_trigger_schedule_starts_total', 'Starts by schedules');
  const missed = metrics.counter('millrace_trigger_schedule_missed_total', 'Due times of schedules that were not started');
  const late = metrics.histogram('millrace_trigger_schedule_late_seconds', 'From the due time of a schedule to its durable start');
  const now = (): number => Date.now();

  const schedules = createScheduleStore(store);
  const scheduler = startScheduler({
    store: schedules,
    starts,
    endOf: (organisation, execution) => endOf(orchestrators, organisation, execution, now()),
    logger,
    now,
    onStarted: (count, lateMs) => {
      bySchedules.inc({}, count);
      late.observe(Math.max(0, lateMs) / 1_000);
    },
    onMissed: (count) => missed.inc({}, count),
  });

  const subscriptions = createTypeIndex<ServedSubscription>();
  const starters = createTypeIndex<EventStarter>();
  const router = createEventRouter({ subscriptions, starters, starts, sets: createSetStore(store), deliver: () => Promise.reject(new MillraceError('internal')), logger, now, onStarted: () => byEvents.inc() });

  const feed = openEventFeed(bus, logger, async (organisation, events) => {
    const ends = new Map(events.filter(({ type }) => ENDED.test(String(type))).map((event) => [String(event['subject']), Date.parse(String(event['time']))]));
    if (ends.size > 0 && waitingOrganisations.has(organisation)) {
      await schedules.ended(ends);
      scheduler.ring();
    }
    await Promise.all(events.map((event) => router.route(organisation, event)));
  });
  let waitingOrganisations: ReadonlySet<string> = new Set();
  const follow = async (): Promise<void> => {
    const wanted = new Map<string, Set<string>>();
    const add = (organisation: string, types: Iterable<string>): void => void wanted.set(organisation, new Set([...(wanted.get(organisation) ?? []), ...types]));
    for (const [organisation, types] of subscriptions.wanted()) add(organisation, types);
    for (const [organisation, types] of starters.wanted()) add(organisation, types);
    for (const organisation of waitingOrganisations) add(organisation, [LIFECYCLE_TYPES]);
    await feed.want(subjectsOf(wanted));
  };
  const findWaiting = async (): Promise<void> => {
    waitingOrganisations = new Set(await schedules.organisationsThatWait());
    await follow();
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  /** Soon, and again until it has been done. */
  const followLater = (what: () => Promise<void> = follow, waitMs = FOLLOW_MS): void => {
    if (stopped) return;
    if (what === follow) clearTimeout(timer);
    timer = setTimeout(() => void what().catch(() => followLater(what, 5 * FOLLOW_MS)), waitMs);
  };
  const timesChanged = (): void => {
    scheduler.ring();
    followLater(findWaiting);
  };

  const serve = (served: ServedSubscription): void => {
    const { organisation, name, type } = served.subscription;
    if (!subscriptions.set({ organisation, key: name, types: [type], value: served })) logger.error('A subscription is not served: there are too many', { organisation, subscription: name });
  };
  const stored = await openSubscriptionStore(bus, box, logger);
  const watch = await stored.watch({
    onSet: ({ subscription }) => {
      const compiled = compileSubscription(subscription);
      if (compiled.kind === 'served') serve(compiled.served);
      else logger.error('A stored subscription is not served', { organisation: subscription.organisation, subscription: subscription.name, problems: compiled.problems });
      followLater();
    },
    onRemoved: (organisation, name) => {
      subscriptions.remove(organisation, name);
      followLater();
    },
  });
  const workflows = await followWorkflowSchedules({
    bus,
    store: schedules,
    logger,
    now,
    onTimes: timesChanged,
    onEvents(organisation, workflow, starting) {
      if (starting === undefined) starters.remove(organisation, workflow);
      else starters.set({ organisation, key: workflow, types: typesOf(starting.events), value: { organisation, workflow, ...starting } });
      followLater();
    },
  });
  followLater(findWaiting, 0);

  const arrivals = createLaneAppender({ log: createArrivalsLog(bus, messageBytesMax), origin: `arrivals.${instance}.${randomBytes(8).toString('hex')}` });
  const takeArrival = async ({ organisation, event }: Arrival): Promise<void> => {
    const input = JSON.stringify({ kind: 'event', organisation, event });
    const count = lanes();
    if (count === 0) throw new MillraceError('lane-unowned', { message: 'No orchestrator has ever been there, so no lane is known' });
    await Promise.all([publishArrival(bus, { organisation, event }), router.route(organisation, event), ...Array.from({ length: count }, (_, lane) => appender.append(lane, input))]);
  };
  // What came before the workflows' own schedules are known would start nothing.
  const reading = workflows.caughtUp.then(() => (stopped ? undefined : readArrivals(bus, logger, takeArrival)));

  return {
    rpcServices: [
      { definition: SchedulesService, implementation: { ...createSchedulesService(schedules, timesChanged) } },
      { definition: EventsService, implementation: { ...createEventsService(arrivals, (count) => accepted.inc({}, count)) } },
      {
        definition: SubscriptionsService,
        implementation: {
          ...createSubscriptionsService({
            store: stored,
            serve: (served) => {
              serve(served);
              return follow();
            },
            forget: (organisation, name) => {
              subscriptions.remove(organisation, name);
              return follow();
            },
            list: (organisation) => subscriptions.list(organisation),
          }),
        },
      },
    ],
    async drain() {
      stopped = true;
      clearTimeout(timer);
      watch.stop();
      await Promise.all([scheduler.stop(), feed.stop(), workflows.stop(), reading.then((reader) => reader?.stop())]);
      await arrivals.idle();
      arrivals.close();
    },
  };
}

/** For ends whose event was lost. */
async function endOf(orchestrators: ChannelPool, organisation: string, execution: string, nowMs: number): Promise<number | undefined> {
  try {
    const found = await orchestrators.unary(ExecutionsClient, 'get', { organisation, execution }, { idempotent: true });
    return ENDED_STATUS.has(found.status) ? found.endedAtMs : undefined;
  } catch (error) {
    if (MillraceError.from(error).reason === 'execution-unknown') return nowMs;
    throw error;
  }
}
