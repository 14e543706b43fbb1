/**
 * What becomes of events: workflows start, executions that listen hear them, and they go out to those who subscribed.
 *
 * R1 An event is routed at least once: whoever hands it over acknowledges it after `route` has resolved. What it does
 *    is done once all the same: starts have keys, a task takes an event once, sets of events know their members.
 * R2 What an event can never do (an input that is too large) is told in the log and left; what it cannot do now fails
 *    the whole event, which comes again.
 */
import { createHash } from 'node:crypto';
import type { CloudEvent } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import type { SetStore } from '../adapters/set-store.ts';
import type { StartAppender } from '../start-appender.ts';
import type { StartingEvents } from '@millrace/dsl';
import { isCollecting, matchesOf, take } from './starting-events.ts';
import type { TypeIndex } from './subscription-book.ts';
import { eventKey, KEY_LENGTH_MAX, ownKey, takes, type ServedSubscription } from './subscription.ts';

/** A workflow that starts by events of its own document. */
export interface EventStarter {
  readonly organisation: string;
  readonly workflow: string;
  readonly version: string;
  readonly hash: string;
  readonly events: StartingEvents;
}

export interface EventRouterPorts {
  readonly subscriptions: TypeIndex<ServedSubscription>;
  readonly starters: TypeIndex<EventStarter>;
  readonly starts: StartAppender;
  readonly sets: SetStore;
  /** Takes an event over for a web address; resolves once that is durable. The same one twice is one delivery. */
  deliver(subscription: ServedSubscription, event: CloudEvent): Promise<void>;
  readonly logger: Logger;
  readonly now: () => number;
  onStarted(): void;
}

export interface EventRouter {
  route(organisation: string, event: CloudEvent): Promise<void>;
}

export function createEventRouter(ports: EventRouterPorts): EventRouter {
  const { subscriptions, starters, starts, sets, logger, now, onStarted } = ports;

  async function start(organisation: string, workflow: string, key: string, input: CloudEvent | readonly CloudEvent[]): Promise<void> {
    try {
      await starts.append({ organisation, workflow, key: key.length <= KEY_LENGTH_MAX ? key : `sha256/${createHash('sha256').update(key).digest('hex')}`, inputJson: JSON.stringify(input), acceptedAtMs: now() });
      onStarted();
    } catch (error) {
      const failed = MillraceError.from(error);
      if (failed.retry.kind !== 'never') throw failed;
      logger.error('An event cannot start a workflow', { organisation, workflow, error: failed });
    }
  }

  async function toSubscription(served: ServedSubscription, event: CloudEvent): Promise<void> {
    if (!takes(served, event, now())) return;
    const { organisation, name, target } = served.subscription;
    if (target.kind === 'webhook') return ports.deliver(served, event);
    const own = ownKey(served, event, now());
    if (own === undefined && target.keyExpression !== undefined) {
      logger.warn('The idempotencyKey of a subscription gives nothing for an event, which starts nothing', { organisation, subscription: name, event: eventKey(event) });
      return;
    }
    await start(organisation, target.workflow, own ?? `subscription/${name}/${eventKey(event)}`, event);
  }

  async function toStarter(starter: EventStarter, event: CloudEvent): Promise<void> {
    const { organisation, version, hash, events } = starter;
    const workflow = `${starter.workflow}@${version}`;
    for (const match of matchesOf(events, event, now())) {
      const startWith = (all: readonly CloudEvent[]): Promise<void> => start(organisation, workflow, `schedule.on/${all.map(eventKey).join('/')}`, all);
      if (!isCollecting(events)) {
        await startWith([event]);
        return;
      }
      await sets.change({ organisation, workflow: starter.workflow, hash, correlation: match.correlation }, (set) => take(events, set, event, match, now()), startWith);
    }
  }

  return {
    async route(organisation, event) {
      await Promise.all([...subscriptions.of(organisation, event).map((served) => toSubscription(served, event)), ...starters.of(organisation, event).map((starter) => toStarter(starter, event))]);
    },
  };
}
