import { decodeJson } from '@millrace/bus';
import { systemClock } from '@millrace/clock';
import { MillraceError } from '@millrace/errors';
import type { StrictHolding } from '@millrace/fairness';
import { createLogger } from '@millrace/telemetry';
import { createStrictRecord, type StrictRecord, type StrictRecordOptions } from './strict-record.ts';

/** One key, written by compare-and-set. */
function createStore() {
  let stored: { readonly value: Uint8Array; readonly revision: number } | undefined;
  let held: Promise<void> | undefined;
  return {
    get: () => Promise.resolve(stored),
    async update(_: string, value: Uint8Array, revision: number) {
      const until = held;
      held = undefined;
      await until;
      if ((stored?.revision ?? 0) !== revision) throw new MillraceError('revision-conflict', {});
      stored = { value, revision: revision + 1 };
      return stored.revision;
    },
    /** The next write is under way until what this yields is called. */
    hold(): () => void {
      let land = (): void => undefined;
      held = new Promise<void>((settle) => (land = settle));
      return land;
    },
    text: () => (stored === undefined ? undefined : decodeJson(stored.value)),
  };
}

function createKeeper(bucket: StrictRecordOptions['bucket'], epoch: number, holdings: () => readonly StrictHolding[] = () => []) {
  let written: (() => void)[] = [];
  const keeper = { record: undefined as unknown as StrictRecord, read: undefined as readonly StrictHolding[] | undefined, leading: true, writtenOnce: () => new Promise<void>((settle) => written.push(settle)) };
  keeper.record = createStrictRecord({
    bucket,
    clock: systemClock,
    logger: createLogger({ service: 'throttle', instance: 'a', level: 'silent' }),
    term: () => (keeper.leading ? epoch : undefined),
    holdings,
    onRead: (found) => (keeper.read = found),
    onWritten() {
      const called = written;
      written = [];
      for (const each of called) each();
    },
  });
  return keeper;
}

async function begun(bucket: StrictRecordOptions['bucket'], epoch: number) {
  const keeper = createKeeper(bucket, epoch);
  const claimed = keeper.writtenOnce();
  keeper.record.begin();
  await claimed;
  return keeper;
}

test('an amount is affirmed once its write was acknowledged, and the next term reads it (K1)', async () => {
  const store = createStore();
  const first = await begun(store, 1);
  expect(first.read).toEqual([]);
  const land = store.hold();
  expect(first.record.secure('o/1', 'acme', 2)).toBe(false);
  expect(first.record.secure('o/1', 'acme', 2)).toBe(false);
  const written = first.writtenOnce();
  land();
  await written;
  expect(first.record.secure('o/1', 'acme', 2)).toBe(true);
  const second = await begun(store, 2);
  expect(second.read).toEqual([{ owner: 'o/1', organisation: 'acme', permits: 2 }]);
});

test('a write of a former term that lands after the next has begun changes nothing (K2)', async () => {
  const store = createStore();
  const first = await begun(store, 1);
  const written = first.writtenOnce();
  first.record.secure('o/1', 'acme', 2);
  await written;
  const landLate = store.hold();
  first.record.secure('o/2', 'acme', 9);
  await new Promise((settle) => setImmediate(settle));
  first.leading = false;
  const second = await begun(store, 2);
  landLate();
  await new Promise((settle) => setImmediate(settle));
  expect(second.read).toEqual([{ owner: 'o/1', organisation: 'acme', permits: 2 }]);
  expect(second.record.secure('o/1', 'acme', 2)).toBe(true);
  expect(store.text()).toEqual({ epoch: 2, held: [['o/1', 'acme', 2]] });
});

test('a process whose record another term has claimed affirms nothing new', async () => {
  const store = createStore();
  const first = await begun(store, 1);
  await begun(store, 2);
  first.record.secure('o/1', 'acme', 1);
  await new Promise((settle) => setImmediate(settle));
  expect(first.record.secure('o/1', 'acme', 1)).toBe(false);
  expect(store.text()).toEqual({ epoch: 2, held: [] });
});
