import { MillraceError } from '@millrace/errors';
import type { StoredLimits } from '@millrace/lease';
import { createLimitsBook, type LimitsBook } from './limits-book.ts';
import type { OrganisationLimitsRecord } from './ports.ts';

const limits = (concurrency: number, revision = 1): StoredLimits => ({ concurrency, startsPerSecond: undefined, weight: 1, strict: false, revision });

/** A book over a store and a bucket in memory; `breakBucket` makes the bucket fail. */
function open(): { readonly book: LimitsBook; readonly stored: Map<string, StoredLimits>; readonly bucket: Map<string, StoredLimits>; readonly heard: unknown[]; breakBucket(broken: boolean): void } {
  const stored = new Map<string, StoredLimits>();
  const bucket = new Map<string, StoredLimits>();
  const heard: unknown[] = [];
  let broken = false;
  const book = createLimitsBook(
    {
      async put(organisation, wanted, revisionAbove) {
        const after = { ...wanted, revision: Math.max(stored.get(organisation)?.revision ?? 0, revisionAbove) + 1 };
        stored.set(organisation, after);
        return after;
      },
      list: async () => [...stored].map(([organisation, each]): OrganisationLimitsRecord => ({ organisation, ...each })),
    },
    {
      async write(organisation, each) {
        if (broken) throw new MillraceError('bus-failed');
        bucket.set(organisation, each);
      },
    },
    (organisation, each) => heard.push([organisation, each?.concurrency]),
  );
  return { book, stored, bucket, heard, breakBucket: (next) => (broken = next) };
}

describe('limits book', () => {
  test('a change is stored, mirrored and told', async () => {
    const { book, stored, bucket, heard } = open();
    expect(await book.put('acme', limits(5))).toMatchObject({ organisation: 'acme', concurrency: 5, revision: 1 });
    expect(stored.get('acme')).toEqual(bucket.get('acme'));
    expect(book.get('acme').concurrency).toBe(5);
    expect(heard).toEqual([['acme', 5]]);
  });

  test('an earlier revision that arrives late changes nothing', () => {
    const { book, heard } = open();
    book.take('acme', limits(5, 3));
    book.take('acme', limits(9, 2));
    expect(book.get('acme').concurrency).toBe(5);
    expect(heard).toEqual([['acme', 5]]);
  });

  test('what was stored and not mirrored is mirrored by the repair', async () => {
    const { book, bucket, breakBucket } = open();
    breakBucket(true);
    await expect(book.put('acme', limits(5))).rejects.toMatchObject({ reason: 'bus-failed' });
    breakBucket(false);
    expect(await book.repair()).toBe(1);
    book.take('acme', bucket.get('acme'));
    expect(book.get('acme').concurrency).toBe(5);
    expect(await book.repair()).toBe(0);
  });

  test('a database that was lost does not send revisions back', async () => {
    const { book, stored } = open();
    book.take('acme', limits(5, 7));
    expect((await book.put('acme', limits(6))).revision).toBe(8);
    expect(stored.get('acme')?.revision).toBe(8);
  });

  test.each([
    ['a name that is no label', 'Not Good', limits(1), /letters, digits and dashes/],
    ['a part of a step', 'acme', { ...limits(1), concurrency: 1.5 }, /whole number/],
    ['a rate that is no number', 'acme', { ...limits(1), startsPerSecond: Number.NaN }, /startsPerSecond/],
    ['a weight of nothing', 'acme', { ...limits(1), weight: 0 }, /weight/],
  ])('refuses %s', async (_, organisation, wanted, message) => {
    await expect(open().book.put(organisation, wanted)).rejects.toMatchObject({ reason: 'argument-invalid', message: expect.stringMatching(message) });
  });
});
