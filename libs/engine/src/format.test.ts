import { FORMAT_NEWEST, FORMAT_OLDEST, formatOf, isReadable } from './format.ts';
import { createFrameWriter, decodeFrame } from './frame.ts';
import { begin, journalFor, start } from './decide.ts';
import { payloadOf } from './payload.ts';
import type { JournalRecord, StartedRecord } from './record.ts';
import { restore, snapshotOf } from './snapshot.ts';
import { computed, program } from './testing/program-builder.ts';

const FLOW = program([{ name: 'a', kind: 'call', arguments: computed(() => 1) }]);
const STARTED: StartedRecord = { kind: 'started', definition: FLOW.hash, workflow: 'w', version: '1.0.0', input: payloadOf(null), acceptedAtMs: 1, acceptedBy: 'test' };

test.each(Array.from({ length: FORMAT_NEWEST }, (_, index) => index + FORMAT_OLDEST))('format %d is written as such and read, frame and snapshot', (format) => {
  const records: JournalRecord[] = [STARTED];
  const execution = start('acme', 'e', FLOW, STARTED);
  begin(execution, journalFor(execution, 1, records));
  const writer = createFrameWriter(1, format);
  writer.add({ organisation: 'acme', execution: 'e', atMs: 1, records });
  const { text } = writer.finish({ lane: 0, epoch: 1, inputSequence: 0 });
  expect((JSON.parse(text) as { v: number }).v).toBe(format);
  expect(decodeFrame(text, () => 'null').transitions[0]?.records.map(({ kind }) => kind)).toEqual(records.map(({ kind }) => kind));
  const snapshot = snapshotOf(execution, format);
  expect(snapshot.v).toBe(format);
  expect(snapshotOf(restore('acme', 'e', FLOW, snapshot), format)).toEqual(snapshot);
});

test('a snapshot of a format that is not known is refused', () => {
  const execution = start('acme', 'e', FLOW, STARTED);
  expect(() => restore('acme', 'e', FLOW, snapshotOf(execution, FORMAT_NEWEST + 1))).toThrow(`snapshot format ${FORMAT_NEWEST + 1} of execution e is not known to this release`);
});

test.each([[0], [1.5], [FORMAT_NEWEST + 1], ['1'], [undefined]])('%p is no format to be read', (value) => {
  expect(isReadable(value)).toBe(false);
});

test('a program of tasks that the first release had needs the first format', () => {
  expect(formatOf(FLOW)).toBe(FORMAT_OLDEST);
});
