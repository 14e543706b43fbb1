/** The gRPC services of events from outside, and of subscriptions. */
import type { EventsServer, Subscription as SubscriptionMessage, SubscriptionsServer, SubscriptionStatus } from '@millrace/contracts/trigger/v1/events';
import { MillraceError } from '@millrace/errors';
import { unary } from '@millrace/rpc';
import { compileSubscription, type ServedSubscription, type Subscription } from '../events/subscription.ts';
import type { LaneAppender } from '../lane-appender.ts';
import type { SubscriptionStore } from './subscription-store.ts';

/** @param arrivals the appender of the stream ARRIVALS. */
export function createEventsService(arrivals: LaneAppender, onAccepted: (count: number) => void): EventsServer {
  return {
    publish: unary(async ({ organisation, eventsJson }) => {
      const head = `{"organisation":${JSON.stringify(organisation)},"event":`;
      await Promise.all(eventsJson.map((event) => arrivals.append(0, `${head}${event}}`)));
      onAccepted(eventsJson.length);
      return { events: eventsJson.length };
    }),
  };
}

export interface SubscriptionsPorts {
  readonly store: SubscriptionStore;
  /** Serves it here at once; resolves when events that are made from now on are seen. */
  serve(served: ServedSubscription): Promise<void>;
  forget(organisation: string, name: string): Promise<void>;
  list(organisation: string): readonly ServedSubscription[];
}

export function createSubscriptionsService({ store, serve, forget, list }: SubscriptionsPorts): SubscriptionsServer {
  return {
    put: unary(async (request) => {
      const subscription = subscriptionOf(request);
      const compiled = compileSubscription(subscription);
      if (compiled.kind === 'refused') throw new MillraceError('resource-invalid', { message: `The subscription is not valid: ${compiled.problems.join('; ')}`, details: { problems: compiled.problems } });
      const { revision, outcome } = await store.put(subscription);
      await serve(compiled.served);
      return statusOf(subscription, revision, outcome);
    }),
    list: unary(({ organisation }) => ({ subscriptions: list(organisation).map(({ subscription }) => statusOf(subscription, 0)) })),
    remove: unary(async ({ organisation, name }) => {
      const found = await store.remove(organisation, name);
      await forget(organisation, name);
      return { found };
    }),
  };
}

function subscriptionOf(request: SubscriptionMessage): Subscription {
  const { organisation, name, type, source, where, workflow, idempotencyKey, url, secret } = request;
  return {
    organisation,
    name,
    type,
    ...(source === '' ? {} : { source }),
    ...(where === '' ? {} : { where }),
    target: url === '' ? { kind: 'workflow', workflow, ...(idempotencyKey === '' ? {} : { keyExpression: idempotencyKey }) } : { kind: 'webhook', url, ...(secret === '' ? {} : { secret }) },
  };
}

function statusOf({ organisation, name, type, source = '', where = '', target }: Subscription, revision: number, outcome = ''): SubscriptionStatus {
  const workflow = target.kind === 'workflow' ? target : undefined;
  return {
    subscription: { organisation, name, type, source, where, workflow: workflow?.workflow ?? '', idempotencyKey: workflow?.keyExpression ?? '', url: target.kind === 'webhook' ? target.url : '', secret: '' },
    revision,
    outcome,
  };
}
