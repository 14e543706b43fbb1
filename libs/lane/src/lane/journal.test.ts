import { entriesOfBytes, Journal } from './journal.ts';

const ENTRIES = ['[1,[]]', `[2,[{"k":"x","r":"${'ü'.repeat(3_000)}"}]]`, '[3,[{"k":"y"}]]', `[4,["${'z'.repeat(900)}"]]`];

function journalOf(entries: readonly string[]): Journal {
  const journal = new Journal();
  for (const entry of entries) journal.append(entry);
  return journal;
}

test('yields the entries as they were added, as texts and as bytes, however much room they need', () => {
  const journal = journalOf(ENTRIES);
  expect(journal.texts()).toEqual(ENTRIES);
  expect(journal.count).toBe(4);
  expect(journal.size).toBe(Buffer.byteLength(ENTRIES.join()));
  expect(Buffer.from(journal.bytes()).toString()).toBe(ENTRIES.join());
  expect(entriesOfBytes(journal.bytes())).toEqual(ENTRIES);
});

test('what is dropped is gone, and what is added afterwards follows', () => {
  const journal = journalOf(ENTRIES);
  journal.drop(2);
  expect(journal.texts()).toEqual(ENTRIES.slice(2));
  journal.append('[5,[]]');
  expect(Buffer.from(journal.bytes()).toString()).toBe([...ENTRIES.slice(2), '[5,[]]'].join());
  journal.drop(3);
  expect(journal.texts()).toEqual([]);
  expect(entriesOfBytes(journal.bytes())).toEqual([]);
  journal.append('[6,[]]');
  expect(journal.texts()).toEqual(['[6,[]]']);
});

test('the entry added last can be copied without its first byte', () => {
  const journal = journalOf(ENTRIES.slice(0, 2));
  const into = Buffer.alloc(10_000);
  const copied = journal.copyLastBody(into, 5);
  expect(into.subarray(5, 5 + copied).toString()).toBe((ENTRIES[1] as string).slice(1));
  expect(journal.texts().at(-1)).toBe(ENTRIES[1]);
});
