import fc from 'fast-check';
import { createFrameWriter, decodeEntries, decodeFrame, decodeFrameHead, entryReferencesOf, referencesOf, type Transition } from './frame.ts';
import { FORMAT_NEWEST } from './format.ts';
import { isTooDeep, NESTING_MAX, payloadOf, textOf, type Payload } from './payload.ts';
import type { Problem } from './problem.ts';
import type { JsonValue } from './program.ts';
import type { JournalRecord } from './record.ts';
import { PAYLOAD_CHARACTERS_MAX, PAYLOAD_INLINE_CHARACTERS_MAX, TRANSITION_INLINE_CHARACTERS_MAX } from './record-writer.ts';

const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
const payload: fc.Arbitrary<Payload> = fc.oneof({ weight: 20, arbitrary: json }, { weight: 1, arbitrary: fc.constantFrom('x', 'ü', '"').map((one) => one.repeat(PAYLOAD_INLINE_CHARACTERS_MAX)) }).map((value) => payloadOf(value));
const text = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('"', '\\', '\u2028', '@":"', 'ü'));
const count = fc.nat(1_000_000);
const place = { activation: count, node: count, parent: count };
const times = { dispatchedAtMs: count, startedAtMs: count, endedAtMs: count, worker: text };
const left = { output: payload, context: payload };
const problem: fc.Arbitrary<Problem> = fc.record({ type: text, status: fc.integer({ min: 100, max: 599 }), title: text, detail: text, instance: text }, { requiredKeys: ['type', 'status'] });

/** Any record, with any of its optional parts. */
const record = fc.oneof(
  fc.record({ kind: fc.constant('started' as const), definition: text, workflow: text, version: text, input: payload, acceptedAtMs: count, acceptedBy: text, key: text, traceparent: text, replyTo: text }, { requiredKeys: ['kind', 'definition', 'workflow', 'version', 'input', 'acceptedAtMs', 'acceptedBy'] }),
  fc.record({ kind: fc.constant('begun' as const), input: payload }, { requiredKeys: ['kind'] }),
  fc.record({ kind: fc.constant('entered' as const), ...place, attempt: fc.integer({ min: 1, max: 9 }), input: payload, arguments: payload, dueMs: count, items: payload }, { requiredKeys: ['kind', 'activation', 'node', 'parent', 'attempt'] }),
  fc.record({ kind: fc.constant('passed' as const), ...place, ...left, next: fc.integer({ min: -2, max: 99 }) }, { requiredKeys: ['kind', 'activation', 'node', 'parent', 'next'] }),
  fc.record({ kind: fc.constant('skipped' as const), ...place, next: fc.integer({ min: -2, max: 99 }) }),
  fc.record({ kind: fc.constant('resolved' as const), activation: count, attempt: count, ...times, result: payload, ...left, next: count }, { requiredKeys: ['kind', 'activation', 'attempt', 'dispatchedAtMs', 'startedAtMs', 'endedAtMs', 'worker', 'result', 'next'] }),
  fc.record({ kind: fc.constant('exited' as const), activation: count, ...left, next: count }, { requiredKeys: ['kind', 'activation', 'next'] }),
  fc.record({ kind: fc.constant('iterated' as const), activation: count, index: count }),
  fc.record({ kind: fc.constant('failed' as const), ...place, attempt: count, error: problem, step: fc.record(times) }, { requiredKeys: ['kind', 'activation', 'node', 'parent', 'attempt'] }),
  fc.record({ kind: fc.constant('retrying' as const), activation: count, retry: count, dueMs: count }),
  fc.record({ kind: fc.constant('resumed' as const), activation: count }),
  fc.record({ kind: fc.constant('caught' as const), activation: count }),
  fc.record({ kind: fc.constant('ended' as const), status: fc.constantFrom('completed' as const, 'faulted' as const, 'cancelled' as const), output: payload, error: problem }, { requiredKeys: ['kind', 'status'] }),
) as fc.Arbitrary<JournalRecord>;
/** What an execution has but once: the names of its large values come from it. */
const nameOf = (each: JournalRecord): string => `${each.kind} ${'activation' in each ? each.activation : ''}`;
const transition: fc.Arbitrary<Transition> = fc.record({ organisation: text, execution: fc.stringMatching(/^[0-9a-z]{32}$/), atMs: count, records: fc.uniqueArray(record, { minLength: 1, maxLength: 4, selector: nameOf }) });
const moved = { move: text, slots: fc.array(fc.nat(4_095), { maxLength: 5 }), objects: fc.array(text, { maxLength: 3 }) };
const head = fc.record({ lane: count, epoch: count, inputSequence: count, owner: text, announcedBelow: count, released: fc.record({ ...moved, to: count }), adopted: fc.record({ ...moved, from: count }) }, { requiredKeys: ['lane', 'epoch', 'inputSequence'] });

/** Payloads as their values: the text is a cache. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (key, each: unknown) => (key === 'text' ? undefined : each)));

test('what is written is read again, whatever the records and however large their values', () => {
  fc.assert(
    fc.property(head, fc.array(transition, { maxLength: 4 }), (frameHead, transitions) => {
      const writer = createFrameWriter(frameHead.epoch, FORMAT_NEWEST);
      const entries = transitions.map((each) => writer.add(each));
      const { text: written, large } = writer.finish(frameHead);
      const stored = new Map(large.map(({ name, text: value }) => [name, value]));
      const lookUp = (name: string): string => stored.get(name) ?? 'null';
      expect(new Set(referencesOf(written))).toEqual(new Set(stored.keys()));
      const frame = decodeFrame(written, lookUp);
      expect(plain(frame.transitions.map(({ entry: _, ...rest }) => rest))).toEqual(plain(transitions));
      expect(decodeFrameHead(written)).toEqual(frameHead);
      // History's copies say the same as the frame.
      expect(plain(decodeEntries(entries, lookUp))).toEqual(plain(transitions.map(({ atMs, records }) => ({ atMs, records }))));
      expect(frame.transitions.map(({ entry }) => JSON.parse(entry ?? 'null'))).toEqual(entries.map((entry) => JSON.parse(entry)));
      expect(new Set(entryReferencesOf(entries))).toEqual(new Set(stored.keys()));
    }),
    { numRuns: 100 },
  );
});

test('a transition keeps no more inside its frame than it may, short values aside', () => {
  const writer = createFrameWriter(1);
  const value = 'x'.repeat(PAYLOAD_INLINE_CHARACTERS_MAX - 2);
  const records = Array.from({ length: 32 }, (_, index): JournalRecord => ({ kind: 'passed', activation: index, node: 1, parent: 1, next: 2, output: payloadOf(value) }));
  writer.add({ organisation: 'acme', execution: 'e', atMs: 1, records });
  expect(writer.length).toBeLessThan(TRANSITION_INLINE_CHARACTERS_MAX + 32 * 256);
  const { large } = writer.finish({ lane: 0, epoch: 1, inputSequence: 0 });
  expect(new Set(large.map(({ name }) => name)).size).toBe(32 - TRANSITION_INLINE_CHARACTERS_MAX / PAYLOAD_INLINE_CHARACTERS_MAX);
});

test.each([
  ['longer', 'x'.repeat(PAYLOAD_CHARACTERS_MAX)],
  ['deeper', JSON.parse('['.repeat(NESTING_MAX + 1) + ']'.repeat(NESTING_MAX + 1)) as JsonValue],
])('a value %s than a value may be is a fault, and the frame stays as it was', (_, value) => {
  const writer = createFrameWriter(1);
  const ended: JournalRecord = { kind: 'ended', status: 'completed', output: payloadOf(value) };
  expect(() => writer.add({ organisation: 'acme', execution: 'e', atMs: 1, records: [ended] })).toThrow(/^a value/);
  expect(writer.isEmpty).toBe(true);
});

test.each([
  ['format', `{"v":${FORMAT_NEWEST + 1},"codec":"plain","lane":0,"epoch":1,"in":0,"t":[]}`, new RegExp(`frame format ${FORMAT_NEWEST + 1}`)],
  ['codec', '{"v":1,"codec":"aes","lane":0,"epoch":1,"in":0,"t":[]}', /codec aes/],
  ['record', '{"v":1,"codec":"plain","lane":0,"epoch":1,"in":0,"t":[["acme","e",1,[{"k":"begun.2"}]]]}', /begun\.2/],
])('an unknown %s is refused and never skipped (F1)', (_, written, message) => {
  expect(() => decodeFrame(written, () => 'null')).toThrow(message);
});

test('slots move only in a format that everyone reads', () => {
  const released = { move: 'm', slots: [1], objects: [], to: 1 };
  expect(() => createFrameWriter(1, 1).finish({ lane: 0, epoch: 1, inputSequence: 0, released })).toThrow(/format 2/);
  expect(decodeFrameHead(createFrameWriter(1, 2).finish({ lane: 0, epoch: 1, inputSequence: 0, released }).text).released).toEqual(released);
});

test('large values of one execution in the hands of two lanes have different names', () => {
  const record: JournalRecord = { kind: 'passed', activation: 1, node: 1, parent: 1, next: 2, output: payloadOf('x'.repeat(PAYLOAD_INLINE_CHARACTERS_MAX)) };
  const names = ['0.7', '1.7'].map((origin) => {
    const writer = createFrameWriter(7, FORMAT_NEWEST, origin);
    writer.add({ organisation: 'acme', execution: 'e', atMs: 1, records: [record] });
    return writer.finish({ lane: 0, epoch: 7, inputSequence: 0 }).large.map(({ name }) => name);
  });
  expect(names[0]).toHaveLength(1);
  expect(names[0]).not.toEqual(names[1]);
});

test('the depth of a text is that of its brackets, not of those in its strings', () => {
  const nested = (depth: number): string => '[{"a":'.repeat(depth / 2) + '"'.padEnd(4_000, '[\\\\') + '\\""' + '}]'.repeat(depth / 2);
  expect(isTooDeep(nested(NESTING_MAX))).toBe(false);
  expect(isTooDeep(nested(NESTING_MAX + 2))).toBe(true);
  expect(isTooDeep(`["${'['.repeat(5_000)}"]`)).toBe(false);
  fc.assert(fc.property(json, (value) => !isTooDeep(textOf(payloadOf([value, 'x'.repeat(2_000)])))));
});
