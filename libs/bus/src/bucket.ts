/**
 * Key-value buckets: small current values that many processes watch.
 *
 * Owns reading, compare-and-set and the translation of NATS' errors. Does not own watching (see watch.ts).
 *
 * - Reads are answered by the stream's leader: a value that was acknowledged is the value that is read.
 * - A write whose answer is lost may have landed. `create` and `update` then fail with `bus-failed`; tried
 *   again they may fail with `revision-conflict` because of the first try, so read before deciding.
 */
import type { KV } from '@nats-io/kv';
import { MillraceError } from '@millrace/errors';
import type { Bus } from './connection.ts';
import { isConflict, messageOf, untilAnswered } from './retry.ts';
import { startWatch, type Watch, type WatchOptions } from './watch.ts';

/** Values are small: they are held in memory by everyone who watches. */
export const VALUE_BYTES_MAX = 1024 * 1024;

export interface BucketOptions {
  /** Values kept a key; default 1. */
  readonly history?: number;
  /** Values older than this vanish; default never. */
  readonly ttlMs?: number;
  readonly maxBytes?: number;
  /** Default that of the bus. */
  readonly replicas?: number;
}

/** What a key holds: no value after a deletion. */
export interface Stored {
  readonly value: Uint8Array | undefined;
  /** Grows with every write to the bucket. */
  readonly revision: number;
}

/** A stored value with its key, as watchers see it. */
export interface BucketEntry extends Stored {
  readonly key: string;
}

export interface WriteOptions {
  /** Default `REQUEST_TIMEOUT_MS`. */
  readonly timeoutMs?: number;
}

export interface Bucket {
  readonly name: string;
  get(key: string): Promise<Stored | undefined>;
  /** Writes whatever is there; returns the revision. */
  put(key: string, value: Uint8Array, options?: WriteOptions): Promise<number>;
  /** Writes the first value (or the first after a deletion). @throws `revision-conflict` when there is one. */
  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<number>;
  /** Replaces the value of that revision. @throws `revision-conflict` when there is a later one. */
  update(key: string, value: Uint8Array, revision: number, options?: WriteOptions): Promise<number>;
  /** Deletes; with `revision` only the value of that revision. @throws `revision-conflict` as `update` does. */
  delete(key: string, revision?: number): Promise<void>;
  /** Keys that have a value and begin with `prefix`. */
  keys(prefix?: string): Promise<readonly string[]>;
  /** Resolves when every current value has been handed to `handler`; see watch.ts for what it keeps. */
  watch(handler: (entry: BucketEntry) => void, options?: WatchOptions): Promise<Watch>;
  /** The value parsed; the caller checks its shape. */
  getJson(key: string): Promise<{ readonly value: unknown; readonly revision: number } | undefined>;
  putJson(key: string, value: unknown, options?: WriteOptions): Promise<number>;
}

/** Opens a bucket, made when missing (by several at once is fine); waits while JetStream is starting. */
export async function openBucket(bus: Bus, name: string, options: BucketOptions = {}): Promise<Bucket> {
  const open = (): Promise<KV> =>
    bus.kv.create(name, {
      history: options.history ?? 1,
      allow_direct: false,
      maxValueSize: VALUE_BYTES_MAX,
      ...(options.ttlMs === undefined ? {} : { ttl: options.ttlMs }),
      ...(options.maxBytes === undefined ? {} : { max_bytes: options.maxBytes }),
      replicas: options.replicas ?? bus.replicas,
    });
  const ensure = (): Promise<KV> => untilAnswered(bus, `Opening the bucket ${name}`, open);
  const kv = await ensure();

  async function attempt<T>(what: string, key: string, operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      const details = { bucket: name, key };
      if (isConflict(error)) throw new MillraceError('revision-conflict', { message: `${key} in bucket ${name} was changed by somebody else`, details, cause: error });
      throw MillraceError.from(error, 'bus-failed', { message: `Could not ${what} ${key} in bucket ${name}: ${messageOf(error)}`, details });
    }
  }

  const put: Bucket['put'] = (key, value, { timeoutMs } = {}) =>
    attempt('write', key, () => kv.put(key, value, timeoutMs === undefined ? {} : { timeout: timeoutMs }));

  const get: Bucket['get'] = (key) =>
    attempt('read', key, async () => {
      const entry = await kv.get(key);
      if (entry === null) return undefined;
      return { value: entry.operation === 'PUT' ? entry.value : undefined, revision: entry.revision };
    });

  const update: Bucket['update'] = (key, value, revision, { timeoutMs } = {}) =>
    attempt('replace', key, () => kv.put(key, value, { previousSeq: revision, ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }) }));

  return {
    name,
    get,
    put,
    update,
    create: async (key, value, writeOptions) => {
      try {
        return await update(key, value, 0, writeOptions);
      } catch (error) {
        if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
        // A deletion leaves a mark, and the first value after it follows that mark.
        const stored = await get(key);
        if (stored === undefined || stored.value !== undefined) throw error;
        return update(key, value, stored.revision, writeOptions);
      }
    },
    delete: (key, revision) => attempt('delete', key, () => kv.delete(key, revision === undefined ? {} : { previousSeq: revision })),
    keys: async (prefix) => {
      const keys = new Set<string>();
      const note = ({ key, value }: BucketEntry): void => void (value === undefined ? keys.delete(key) : keys.add(key));
      const watch = await startWatch(bus, name, ensure, note, prefix === undefined ? {} : { prefix });
      watch.stop();
      return [...keys].sort();
    },
    watch: (handler, watchOptions) => startWatch(bus, name, ensure, handler, watchOptions),
    getJson: async (key) => {
      const stored = await get(key);
      if (stored?.value === undefined) return undefined;
      return { value: parseJson(name, key, stored.value), revision: stored.revision };
    },
    putJson: (key, value, writeOptions) => put(key, encodeJson(value), writeOptions),
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** JSON as the bytes of a value. */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** The JSON of a value's bytes. @throws SyntaxError */
export function decodeJson(value: Uint8Array): unknown {
  return JSON.parse(decoder.decode(value)) as unknown;
}

function parseJson(bucket: string, key: string, value: Uint8Array): unknown {
  try {
    return decodeJson(value);
  } catch (error) {
    throw new MillraceError('bus-failed', { message: `${key} in bucket ${bucket} does not hold JSON`, retry: { kind: 'never' }, cause: error });
  }
}
