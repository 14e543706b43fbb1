/**
 * Subscriptions as they are stored: in the key-value bucket, which every instance watches. What they keep secret is sealed.
 */
import { BUCKETS, decodeJson, encodeJson, openBucket, type Bus, type Watch } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import type { SecretBox } from '@millrace/store';
import type { Logger } from '@millrace/telemetry';
import type { Subscription, SubscriptionTarget } from '../events/subscription.ts';
import type { PutOutcome } from './schedule-store.ts';

const WRITE_TRIES_MAX = 8;

type StoredTarget = Extract<SubscriptionTarget, { kind: 'workflow' }> | { readonly kind: 'webhook'; readonly url: string; readonly sealedSecret?: string };

interface SubscriptionRecord extends Omit<Subscription, 'target'> {
  readonly target: StoredTarget;
  readonly revision: number;
}

export interface StoredSubscription {
  readonly subscription: Subscription;
  readonly revision: number;
}

export interface SubscriptionStore {
  /** The same content again changes nothing. @throws MillraceError `bus-failed`. */
  put(subscription: Subscription): Promise<StoredSubscription & { readonly outcome: PutOutcome }>;
  /** False: there was none. */
  remove(organisation: string, name: string): Promise<boolean>;
  /** Hands over every subscription, now and whenever one changes; resolves after the present ones. */
  watch(handlers: { readonly onSet: (stored: StoredSubscription) => void; readonly onRemoved: (organisation: string, name: string) => void }): Promise<Watch>;
}

export async function openSubscriptionStore(bus: Bus, box: SecretBox, logger: Logger): Promise<SubscriptionStore> {
  const bucket = await openBucket(bus, BUCKETS.subscriptions);
  const keyOf = (organisation: string, name: string): string => `${organisation}.${name}`;
  const placeOf = ({ organisation, name }: { readonly organisation: string; readonly name: string }): string => `subscription/${organisation}/${name}`;

  function recordOf({ target, ...rest }: Subscription, revision: number): SubscriptionRecord {
    if (target.kind === 'workflow') return { ...rest, target, revision };
    const { secret, ...address } = target;
    return { ...rest, target: secret === undefined ? address : { ...address, sealedSecret: box.seal(secret, placeOf(rest)) }, revision };
  }

  function opened({ target, revision, ...rest }: SubscriptionRecord): StoredSubscription {
    if (target.kind === 'workflow') return { subscription: { ...rest, target }, revision };
    const { sealedSecret, ...address } = target;
    return { subscription: { ...rest, target: sealedSecret === undefined ? address : { ...address, secret: box.open(sealedSecret, placeOf(rest)) } }, revision };
  }

  return {
    async put(subscription) {
      const key = keyOf(subscription.organisation, subscription.name);
      for (let tries = 0; tries < WRITE_TRIES_MAX; tries += 1) {
        const stored = await bucket.get(key);
        const present = stored?.value === undefined ? undefined : (decodeJson(stored.value) as SubscriptionRecord);
        const before = present === undefined ? undefined : openedOr(() => opened(present));
        if (before !== undefined && JSON.stringify(before.subscription) === JSON.stringify(subscription)) return { ...before, outcome: 'unchanged' };
        const record = recordOf(subscription, (present?.revision ?? 0) + 1);
        try {
          if (stored === undefined) await bucket.create(key, encodeJson(record));
          else await bucket.update(key, encodeJson(record), stored.revision);
          return { subscription, revision: record.revision, outcome: present === undefined ? 'created' : 'changed' };
        } catch (error) {
          if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
        }
      }
      throw new MillraceError('bus-failed', { message: `The subscription ${key} is being changed by others all the time; apply it again` });
    },
    async remove(organisation, name) {
      const key = keyOf(organisation, name);
      if ((await bucket.get(key))?.value === undefined) return false;
      await bucket.delete(key);
      return true;
    },
    watch: ({ onSet, onRemoved }) =>
      bucket.watch(({ key, value }) => {
        const [organisation = '', name = ''] = key.split('.');
        const record = value === undefined ? undefined : (decodeJson(value) as SubscriptionRecord);
        const stored = record === undefined ? undefined : openedOr(() => opened(record), () => logger.error('A stored subscription cannot be opened; apply it again', { organisation, subscription: name }));
        if (stored === undefined) onRemoved(organisation, name);
        else onSet(stored);
      }),
  };
}

/** Undefined for what another key sealed. */
function openedOr<T>(open: () => T, onFailure?: () => void): T | undefined {
  try {
    return open();
  } catch {
    onFailure?.();
    return undefined;
  }
}
