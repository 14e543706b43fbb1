import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { connectBus, ensureStream, openBucket, type Bucket, type BucketEntry, type Bus } from './index.ts';

const logger = createLogger({ service: 'test', instance: 'test-1', level: 'silent', destination: { write: () => undefined } });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : new TextDecoder().decode(value));

let dataDir: string;
let nats: NatsServer;
let bus: Bus;

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'bus-bucket-'));
  nats = await startNats({ dataDir });
  bus = await connectBus({ url: nats.url, name: 'test', logger });
});

afterAll(async () => {
  await bus.close();
  await nats.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** Collects what a watch hands over and lets a test wait for a state of it. */
function observe() {
  const entries: BucketEntry[] = [];
  const current = new Map<string, string>();
  let check: () => void = () => undefined;
  return {
    entries,
    current,
    handler: (entry: BucketEntry): void => {
      entries.push(entry);
      const value = text(entry.value);
      if (value === undefined) current.delete(entry.key);
      else current.set(entry.key, value);
      check();
    },
    until: (condition: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        check = () => {
          if (condition()) resolve();
        };
        check();
      }),
  };
}

describe('a bucket', () => {
  let bucket: Bucket;
  beforeAll(async () => {
    bucket = await openBucket(bus, 'values');
  });

  test('can be opened by several at once', async () => {
    const opened = await Promise.all(Array.from({ length: 4 }, () => openBucket(bus, 'opened-together')));
    await opened[0]?.put('a', bytes('1'));
    expect(text((await opened[3]?.get('a'))?.value)).toBe('1');
  });

  test('gives back what was written, and nothing for a key never written', async () => {
    const revision = await bucket.put('acme.orders', bytes('one'));
    expect(await bucket.get('acme.orders')).toEqual({ value: bytes('one'), revision });
    expect(await bucket.get('acme.other')).toBeUndefined();
  });

  test('takes the first value of a key once, and again after a deletion', async () => {
    await bucket.create('first', bytes('1'));
    await expect(bucket.create('first', bytes('2'))).rejects.toMatchObject({ reason: 'revision-conflict', code: 'aborted' });
    await bucket.delete('first');
    expect(await bucket.get('first')).toMatchObject({ value: undefined });
    await bucket.create('first', bytes('3'));
    expect(text((await bucket.get('first'))?.value)).toBe('3');
  });

  test('lets one of many writers replace a value', async () => {
    const revision = await bucket.put('contended', bytes('0'));
    const results = await Promise.allSettled(Array.from({ length: 8 }, (_, index) => bucket.update('contended', bytes(String(index)), revision)));
    const won = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []));
    expect(won).toHaveLength(1);
    expect(text((await bucket.get('contended'))?.value)).toBe(String(won[0]));
  });

  test('deletes a value only at the revision that was named', async () => {
    const revision = await bucket.put('guarded', bytes('1'));
    await bucket.put('guarded', bytes('2'));
    await expect(bucket.delete('guarded', revision)).rejects.toMatchObject({ reason: 'revision-conflict' });
    expect(text((await bucket.get('guarded'))?.value)).toBe('2');
  });

  test('lists the keys that have a value', async () => {
    const listed = await openBucket(bus, 'listed');
    expect(await listed.keys()).toEqual([]);
    await Promise.all(['b.2', 'a.1', 'a.2', 'a.3'].map((key) => listed.put(key, bytes(key))));
    await listed.delete('a.2');
    expect(await listed.keys()).toEqual(['a.1', 'a.3', 'b.2']);
    expect(await listed.keys('a.')).toEqual(['a.1', 'a.3']);
  });

  test('reads and writes JSON, and says where there is none', async () => {
    await bucket.putJson('json', { lanes: 2 });
    expect((await bucket.getJson('json'))?.value).toEqual({ lanes: 2 });
    await bucket.put('not-json', bytes('{'));
    await expect(bucket.getJson('not-json')).rejects.toThrow('not-json in bucket values does not hold JSON');
    expect(await bucket.getJson('never-written')).toBeUndefined();
  });

  test('refuses a key that NATS does not take, and says which', async () => {
    await expect(bucket.put('with space', bytes('1'))).rejects.toMatchObject({ reason: 'bus-failed', details: { bucket: 'values', key: 'with space' } });
  });
});

describe('a stream', () => {
  test('is made as specified, and changed when the specification has changed', async () => {
    const specification = { name: 'SPECIFIED', subjects: ['specified.>'], maxBytes: 1_000_000, duplicateWindowMs: 60_000 };
    await Promise.all([ensureStream(bus, specification), ensureStream(bus, specification)]);
    expect((await bus.manager.streams.info('SPECIFIED')).config).toMatchObject({
      storage: 'file', discard: 'new', retention: 'limits', max_bytes: 1_000_000, duplicate_window: 60e9, subjects: ['specified.>'],
    });
    await bus.jetstream.publish('specified.a', 'kept');
    await ensureStream(bus, { ...specification, maxBytes: 2_000_000, subjects: ['specified.>', 'also.specified'] });
    const info = await bus.manager.streams.info('SPECIFIED');
    expect(info.config).toMatchObject({ max_bytes: 2_000_000, subjects: ['specified.>', 'also.specified'] });
    expect(info.state.messages).toBe(1);
  });

  test('that cannot be had is an error, not an endless wait', async () => {
    await ensureStream(bus, { name: 'TAKEN', subjects: ['taken'] });
    await expect(ensureStream(bus, { name: 'TAKEN_AGAIN', subjects: ['taken'] })).rejects.toMatchObject({ reason: 'bus-failed' });
  });
});

describe('a watch', () => {
  test('begins with the current values and goes on with every change', async () => {
    const bucket = await openBucket(bus, 'watched');
    await bucket.put('a', bytes('1'));
    await bucket.put('gone', bytes('1'));
    await bucket.delete('gone');
    const seen = observe();
    const watch = await bucket.watch(seen.handler);
    expect([...seen.current]).toEqual([['a', '1']]);
    expect(watch.isFresh()).toBe(true);
    await bucket.put('a', bytes('2'));
    await bucket.put('b', bytes('1'));
    await bucket.delete('b');
    await seen.until(() => seen.entries.some(({ key, value }) => key === 'b' && value === undefined));
    expect([...seen.current]).toEqual([['a', '2']]);
    watch.stop();
  });

  test('of a prefix sees no other keys', async () => {
    const bucket = await openBucket(bus, 'prefixed');
    const [byToken, byText] = [observe(), observe()];
    const watches = await Promise.all([
      bucket.watch(byToken.handler, { prefix: 'acme.' }),
      bucket.watch(byText.handler, { prefix: 'acme.or' }),
    ]);
    for (const key of ['acme.billing', 'other.orders', 'acme.orders']) await bucket.put(key, bytes('1'));
    await byToken.until(() => byToken.current.has('acme.orders'));
    await byText.until(() => byText.current.has('acme.orders'));
    expect([...byToken.current.keys()]).toEqual(['acme.billing', 'acme.orders']);
    expect([...byText.current.keys()]).toEqual(['acme.orders']);
    for (const watch of watches) watch.stop();
  });

  test('takes many values in order', async () => {
    const bucket = await openBucket(bus, 'many');
    await Promise.all(Array.from({ length: 500 }, (_, index) => bucket.put(`key.${index}`, bytes(String(index)))));
    const seen = observe();
    const watch = await bucket.watch(seen.handler);
    expect(seen.current.size).toBe(500);
    const revisions = seen.entries.map(({ revision }) => revision);
    expect(revisions).toEqual([...revisions].sort((left, right) => left - right));
    watch.stop();
  });
});
