import { JOURNAL_FIRST_CHARACTERS_MAX, JOURNAL_LAST_CHARACTERS_MAX, readExcerpt } from './journal-excerpt.ts';

const entry = (name: string, characters = 1_000): string => name.padEnd(characters, '.');
const namesOf = (entries: readonly string[]): readonly string[] => entries.map((each) => each.replaceAll('.', ''));

/** Segments of entries, and which of them were read. */
function segmentsOf(list: readonly (readonly string[])[]) {
  const read: number[] = [];
  return {
    read,
    async reading(from: number, below: number) {
      for (let number = from; number < below; number++) read.push(number);
      return list.slice(from, below).flat();
    },
  };
}

test('a journal of ordinary length is read whole', async () => {
  const { reading, read } = segmentsOf([[entry('a')], [entry('b'), entry('c')]]);
  expect(namesOf((await readExcerpt(2, [entry('d')], reading)).entries)).toEqual(['a', 'b', 'c', 'd']);
  expect(read).toEqual([1, 0]);
  expect(await readExcerpt(0, [], reading)).toEqual({ entries: [], gapAt: undefined });
});

test('of a long one the beginning and the end are read, and no segment in between', async () => {
  const half = JOURNAL_LAST_CHARACTERS_MAX / 2;
  const { reading, read } = segmentsOf([[entry('start'), entry('wide', JOURNAL_FIRST_CHARACTERS_MAX)], ...Array.from({ length: 100 }, (_, index) => [entry(`s${index}`, half)])]);
  const excerpt = await readExcerpt(101, [entry('end')], reading);
  expect(namesOf(excerpt.entries)).toEqual(['start', 's99', 'end']);
  expect(excerpt.gapAt).toBe(1);
  expect(read.length).toBeLessThan(6);
});

test('a long journal in memory alone is cut as well, and keeps its first and its last entry whatever they need', async () => {
  const { reading } = segmentsOf([]);
  const tail = [entry('start', JOURNAL_FIRST_CHARACTERS_MAX * 2), ...Array.from({ length: 5_000 }, (_, index) => entry(`t${index}`)), entry('end', JOURNAL_LAST_CHARACTERS_MAX * 2)];
  const excerpt = await readExcerpt(0, tail, reading);
  expect(namesOf(excerpt.entries)).toEqual(['start', 'end']);
  expect(excerpt.gapAt).toBe(1);
});
