/**
 * Webhooks as they are stored: MongoDB holds the record, the key-value bucket what every instance serves.
 *
 * Owns the documents of both, the encryption of secrets, and bringing the bucket up to MongoDB when the
 * bucket was lost. Does not own what is a valid webhook.
 *
 * - A webhook is written to MongoDB first and then to the bucket; a failure between leaves an older one
 *   served, and storing it again, or the next start, repairs that.
 * - The bucket alone is enough to serve: MongoDB may be away.
 */
import { BUCKETS, decodeJson, encodeJson, openBucket, type Bucket, type Bus, type Watch } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import { isDuplicateKey, storeFailureOf, type SecretBox, type Store } from '@millrace/store';
import type { Logger } from '@millrace/telemetry';
import { sameWebhook, webhookPath, type SignatureRule, type Webhook } from '../webhook.ts';

/** Tries of a write that meets another writer. */
export const WRITE_TRIES_MAX = 8;

/** What both stores hold. */
interface WebhookRecord {
  readonly organisation: string;
  readonly name: string;
  readonly workflow: string;
  readonly reply: 'accepted' | 'output';
  readonly signature: { readonly kind: 'none' } | { readonly kind: 'github-sha256'; readonly sealedSecret: string };
  readonly keyExpression?: string;
  /** Grows by one with every change. */
  readonly revision: number;
  readonly updatedAtMs: number;
}

type WebhookDocument = WebhookRecord & { readonly _id: string };

export interface StoredWebhook {
  readonly webhook: Webhook;
  readonly revision: number;
}

export interface WebhookStore {
  /** Stores a webhook; the same content again changes nothing. @throws MillraceError `store-failed`, `bus-failed`. */
  put(webhook: Webhook, nowMs: number): Promise<StoredWebhook>;
  /** The webhook as every instance will soon serve it. @throws MillraceError `bus-failed`. */
  find(organisation: string, name: string): Promise<StoredWebhook | undefined>;
  /** Hands over every webhook, now and whenever one changes; resolves after the present ones. */
  watch(handlers: { readonly onSet: (stored: StoredWebhook) => void; readonly onRemoved: (organisation: string, name: string) => void }): Promise<Watch>;
  /** Puts what only MongoDB has into the bucket; returns how many. */
  repair(): Promise<number>;
}

export async function openWebhookStore(bus: Bus, store: Store, box: SecretBox, logger: Logger): Promise<WebhookStore> {
  const bucket = await openBucket(bus, BUCKETS.webhooks);
  const collection = store.collection<WebhookDocument>('webhooks');

  function recordOf(webhook: Webhook, revision: number, updatedAtMs: number): WebhookRecord {
    const { signature, ...rest } = webhook;
    const place = webhookPath(webhook.organisation, webhook.name);
    return {
      ...rest,
      signature: signature.kind === 'none' ? signature : { kind: signature.kind, sealedSecret: box.seal(signature.secret, place) },
      revision,
      updatedAtMs,
    };
  }

  function webhookOf(record: WebhookRecord): StoredWebhook {
    const place = webhookPath(record.organisation, record.name);
    const signature: SignatureRule =
      record.signature.kind === 'none' ? record.signature : { kind: record.signature.kind, secret: box.open(record.signature.sealedSecret, place) };
    const webhook: Webhook = {
      organisation: record.organisation,
      name: record.name,
      workflow: record.workflow,
      reply: record.reply,
      signature,
      ...(record.keyExpression === undefined ? {} : { keyExpression: record.keyExpression }),
    };
    return { webhook, revision: record.revision };
  }

  async function put(webhook: Webhook, nowMs: number): Promise<StoredWebhook> {
    const id = webhookPath(webhook.organisation, webhook.name);
    for (let attempt = 0; attempt < WRITE_TRIES_MAX; attempt += 1) {
      const present = await fromStore('read the webhook', () => collection.findOne({ _id: id }));
      const opened = present === null ? undefined : openedOr(present);
      if (present !== null && opened !== undefined && sameWebhook(opened.webhook, webhook)) {
        await bringIntoBucket(bucket, present);
        return opened;
      }
      const record = recordOf(webhook, (present?.revision ?? 0) + 1, nowMs);
      const written = await fromStore('store the webhook', () => writeRevision(id, record, present?.revision));
      if (!written) continue;
      await bringIntoBucket(bucket, record);
      return { webhook, revision: record.revision };
    }
    throw new MillraceError('store-failed', { message: `The webhook ${id} is being changed by others all the time; apply it again` });
  }

  /** False when somebody else has written meanwhile. */
  async function writeRevision(id: string, record: WebhookRecord, replaces: number | undefined): Promise<boolean> {
    try {
      if (replaces === undefined) {
        await collection.insertOne({ _id: id, ...record });
        return true;
      }
      const { matchedCount } = await collection.replaceOne({ _id: id, revision: replaces }, record);
      return matchedCount === 1;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Undefined for a webhook whose secret cannot be opened: another key sealed it. */
  function openedOr(record: WebhookRecord): StoredWebhook | undefined {
    try {
      return webhookOf(record);
    } catch (error) {
      logger.error('A stored webhook cannot be opened; apply it again', { organisation: record.organisation, webhook: record.name, error });
      return undefined;
    }
  }

  return {
    put,
    async find(organisation, name) {
      const stored = await bucket.get(bucketKey(organisation, name));
      return stored?.value === undefined ? undefined : openedOr(decodeJson(stored.value) as WebhookRecord);
    },
    watch: ({ onSet, onRemoved }) =>
      bucket.watch(({ key, value }) => {
        const [organisation = '', name = ''] = key.split('.');
        const opened = value === undefined ? undefined : openedOr(decodeJson(value) as WebhookRecord);
        if (opened === undefined) onRemoved(organisation, name);
        else onSet(opened);
      }),
    async repair() {
      let repaired = 0;
      for await (const record of collection.find()) {
        if (await bringIntoBucket(bucket, record)) repaired += 1;
      }
      return repaired;
    },
  };
}

function bucketKey(organisation: string, name: string): string {
  return `${organisation}.${name}`;
}

/** Writes the record unless the bucket has it, or a later one; whether it wrote. */
async function bringIntoBucket(bucket: Bucket, record: WebhookRecord): Promise<boolean> {
  const key = bucketKey(record.organisation, record.name);
  const { _id, ...value } = record as WebhookDocument;
  for (let attempt = 0; attempt < WRITE_TRIES_MAX; attempt += 1) {
    const stored = await bucket.get(key);
    const present = stored?.value === undefined ? undefined : (decodeJson(stored.value) as WebhookRecord);
    if (present !== undefined && present.revision >= record.revision) return false;
    try {
      if (stored === undefined) await bucket.create(key, encodeJson(value));
      else await bucket.update(key, encodeJson(value), stored.revision);
      return true;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
    }
  }
  throw new MillraceError('bus-failed', { message: `The webhook ${key} is being changed by others all the time; apply it again` });
}

async function fromStore<T>(what: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw storeFailureOf(error, what);
  }
}
