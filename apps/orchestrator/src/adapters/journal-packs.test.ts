import type { HistoryDocument } from '@millrace/lane';
import { packJournals, unpackJournal, type PackedHistoryDocument } from './journal-packs.ts';

function documentOf(id: string, organisation: string, text: string | undefined): HistoryDocument {
  return {
    ...{ _id: id, organisation, workflow: 'w', version: '1.0.0', definition: 'd', slot: 1, status: 'completed', error: null, segments: 0, key: null, inputDigest: null },
    acceptedAt: new Date(1),
    endedAt: new Date(2),
    ...(text === undefined ? { entries: ['[1,[]]'] } : { journal: Buffer.from(text) }),
  } as HistoryDocument;
}

const journal = (n: number): string => `[${n},[{"k":"x","text":"${'ü'.repeat(1_000)}"}]]`;

async function packed(documents: readonly HistoryDocument[]) {
  const result = await packJournals(documents);
  const read = (document: PackedHistoryDocument) => unpackJournal(document, (id) => Promise.resolve(result.packs.find(({ _id }) => _id === id) ?? null));
  return { ...result, read };
}

test('journals of one organisation go into one pack, and are read as they were', async () => {
  const documents = Array.from({ length: 40 }, (_, n) => documentOf(`a${n}`, n % 2 === 0 ? 'acme' : 'globex', journal(n)));
  const { documents: written, packs, read } = await packed(documents);
  expect(packs.map(({ organisation, executions }) => [organisation, executions])).toEqual([['acme', 20], ['globex', 20]]);
  expect(packs.every(({ journals }) => journals.length < 2_000)).toBe(true);
  expect(written.every((document) => document.journal === undefined)).toBe(true);
  const again = await Promise.all(written.map(read));
  expect(again.map((document) => Buffer.from(document.journal ?? []).toString())).toEqual(Array.from({ length: 40 }, (_, n) => journal(n)));
  expect(again.map(({ _id }) => _id)).toEqual(documents.map(({ _id }) => _id));
});

test('what is few, long, or of the former format stands in its document', async () => {
  const few = Array.from({ length: 3 }, (_, n) => documentOf(`f${n}`, 'acme', journal(n)));
  const long = Array.from({ length: 10 }, (_, n) => documentOf(`l${n}`, 'acme', 'x'.repeat(70_000)));
  const old = Array.from({ length: 10 }, (_, n) => documentOf(`o${n}`, 'acme', undefined));
  const documents = [...few, ...long, ...old];
  const { documents: written, packs } = await packed(documents);
  expect(packs).toEqual([]);
  expect(written).toEqual(documents);
});

test('a pack has a size beyond which the next one begins', async () => {
  const { packs, documents, read } = await packed(Array.from({ length: 50 }, (_, n) => documentOf(`b${n}`, 'acme', `[${n},"${'y'.repeat(60_000)}"]`)));
  expect(packs.length).toBeGreaterThan(2);
  const last = documents.at(-1) as PackedHistoryDocument;
  expect(Buffer.from((await read(last)).journal ?? []).toString()).toContain('[49,');
});

test('a pack that is gone is said to be', async () => {
  const { documents } = await packed(Array.from({ length: 20 }, (_, n) => documentOf(`c${n}`, 'acme', journal(n))));
  await expect(unpackJournal(documents[3] as PackedHistoryDocument, () => Promise.resolve(null))).rejects.toThrow('execution c3 stands in the pack c0.');
});

test('other journals behind the same first one are another pack', async () => {
  const documents = Array.from({ length: 20 }, (_, n) => documentOf(`d${n}`, 'acme', journal(n)));
  const [first] = (await packed(documents)).packs;
  const [again] = (await packed(documents)).packs;
  const [fewer] = (await packed(documents.slice(0, 19))).packs;
  expect(again?._id).toBe(first?._id);
  expect(fewer?._id).not.toBe(first?._id);
});
