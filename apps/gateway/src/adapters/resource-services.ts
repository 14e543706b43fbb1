/** Resources and deliveries that other services keep, over gRPC. */
import { ConnectionsClient } from '@millrace/contracts/connector/v1/connections';
import type { ScheduleView, SubscriptionView } from '@millrace/contracts/gateway/v1/triggers';
import { DeliveriesClient } from '@millrace/contracts/notification/v1/deliveries';
import { LimitsClient } from '@millrace/contracts/throttle/v1/throttle';
import { EventsClient, SubscriptionsClient, type Subscription } from '@millrace/contracts/trigger/v1/events';
import { SchedulesClient, type ScheduleStatus } from '@millrace/contracts/trigger/v1/schedules';
import { WebhooksClient } from '@millrace/contracts/trigger/v1/webhooks';
import { MillraceError } from '@millrace/errors';
import type { ChannelPool } from '@millrace/rpc';
import type { Deliveries, Outcome, ResourceOwners, Triggers } from '../ports.ts';

export interface ResourcePools {
  readonly connector: ChannelPool;
  readonly throttle: ChannelPool;
  readonly trigger: ChannelPool;
}

/** Revisions say what became of a resource: storing the same content again leaves them. */
export function createResourceOwners(pools: ResourcePools): ResourceOwners {
  return {
    async putLimits(limits) {
      const { organisation } = limits;
      const before = await orNothing(pools.throttle.unary(LimitsClient, 'get', { organisation }, { idempotent: true }));
      const after = await pools.throttle.unary(LimitsClient, 'put', { ...limits, revision: 0, strict: before?.strict ?? false }, { idempotent: true });
      return { limits: after, outcome: outcomeOf(before?.revision, after.revision) };
    },
    async putConnection(organisation, name, spec) {
      const { connections } = await pools.connector.unary(ConnectionsClient, 'list', { organisation }, { idempotent: true });
      const before = connections.find((connection) => connection.name === name);
      const after = await pools.connector.unary(
        ConnectionsClient,
        'put',
        { organisation, name, connector: spec.connector, baseUrl: spec.baseUrl, authJson: spec.authJson, secrets: spec.secrets },
        { idempotent: true },
      );
      return outcomeOf(before?.revision, after.revision);
    },
    async putWebhook(organisation, name, spec) {
      const { webhooks } = await pools.trigger.unary(WebhooksClient, 'list', { organisation }, { idempotent: true });
      const before = webhooks.find((webhook) => webhook.name === name);
      const after = await pools.trigger.unary(WebhooksClient, 'put', { organisation, name, ...spec }, { idempotent: true });
      return outcomeOf(before?.revision, after.revision);
    },
    putSchedule: async (organisation, name, spec) => (await pools.trigger.unary(SchedulesClient, 'put', { organisation, name, ...spec }, { idempotent: true })).outcome as Outcome,
    putSubscription: async (organisation, name, spec) => (await pools.trigger.unary(SubscriptionsClient, 'put', { organisation, name, ...spec }, { idempotent: true })).outcome as Outcome,
  };
}

export function createTriggers(pool: ChannelPool): Triggers {
  return {
    async publish(organisation, events) {
      // The same event twice is one: its source and id say so.
      await pool.unary(EventsClient, 'publish', { organisation, eventsJson: [...events] }, { idempotent: true });
    },
    listSchedules: async (organisation) => (await pool.unary(SchedulesClient, 'list', { organisation }, { idempotent: true })).schedules.map(scheduleView),
    getSchedule: async (organisation, name) => scheduleView(await pool.unary(SchedulesClient, 'get', { organisation, name }, { idempotent: true })),
    setPaused: async (organisation, name, paused) => scheduleView(await pool.unary(SchedulesClient, 'setPaused', { organisation, name, paused }, { idempotent: true })),
    async removeSchedule(organisation, name) {
      const { found } = await pool.unary(SchedulesClient, 'remove', { organisation, name });
      if (!found) throw new MillraceError('resource-unknown', { message: `There is no schedule ${name}` });
    },
    listSubscriptions: async (organisation) => (await pool.unary(SubscriptionsClient, 'list', { organisation }, { idempotent: true })).subscriptions.flatMap(({ subscription }) => (subscription === undefined ? [] : [viewOf(subscription)])),
    async removeSubscription(organisation, name) {
      const { found } = await pool.unary(SubscriptionsClient, 'remove', { organisation, name });
      if (!found) throw new MillraceError('resource-unknown', { message: `There is no subscription ${name}` });
    },
  };
}

function viewOf({ secret: _secret, ...subscription }: Subscription): SubscriptionView {
  return subscription;
}

function scheduleView({ schedule, documentOf, dueAtMs: _due, lastDueAtMs, lastExecution, waitsFor, started, missed, nextMs }: ScheduleStatus): ScheduleView {
  if (schedule === undefined) throw new MillraceError('internal', { message: 'The trigger answered without a schedule' });
  const { paused, ...spec } = schedule;
  return { ...spec, state: paused === true ? 'paused' : waitsFor === '' ? 'active' : 'waiting', documentOf, lastDueAtMs, lastExecution, started, missed, nextMs };
}

function outcomeOf(before: number | undefined, after: number): Outcome {
  if (before === undefined || before === 0) return 'created';
  return before === after ? 'unchanged' : 'changed';
}

async function orNothing<T>(question: Promise<T>): Promise<T | undefined> {
  try {
    return await question;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'not-found') return undefined;
    throw error;
  }
}

export function createDeliveries(pool: ChannelPool): Deliveries {
  return {
    async list(query) {
      const { deliveries, cursor } = await pool.unary(DeliveriesClient, 'list', query, { idempotent: true });
      return { deliveries, cursor };
    },
    async spans(reference) {
      // While no notification service is there, traces are shown without its spans.
      if (pool.pick() === undefined) return [];
      return (await pool.unary(DeliveriesClient, 'trace', reference, { idempotent: true })).spans;
    },
  };
}
