import { createPermits, type Permits } from '@millrace/fairness';
import { createDemandBook, type DemandBook } from './demand-book.ts';

interface Scene {
  readonly permits: Permits;
  readonly book: DemandBook;
  waiting: number;
}

/** An organisation with limit 20 and a lease of `held`. */
function scene(held: number): Scene {
  const permits = createPermits();
  permits.setLimits('acme', { concurrency: 20, startsPerSecond: undefined, weight: 1, strict: false });
  permits.authorityPresent();
  permits.renew(Number.POSITIVE_INFINITY);
  permits.entitle('acme', { concurrency: held, startsPerSecond: Number.POSITIVE_INFINITY });
  const made: Scene = { permits, book: createDemandBook(permits, () => ({ steps: made.waiting, starts: 0 })), waiting: 0 };
  made.book.complete(0);
  return made;
}

const take = (permits: Permits, steps: number): void => {
  for (let n = 0; n < steps; n++) permits.tryTakeStep('acme', 10);
};

describe('demand book', () => {
  test('the first step is told, steps within what is held are not', () => {
    const { permits, book } = scene(10);
    take(permits, 1);
    expect(book.changes(10)).toMatchObject([{ organisation: 'acme', running: 1, wanted: 1, held: 10 }]);
    for (let n = 0; n < 8; n++) {
      take(permits, 1);
      expect(book.changes(10)).toEqual([]);
    }
    for (let n = 0; n < 9; n++) permits.returnStep('acme');
    expect(book.changes(10)).toEqual([]);
  });

  test('wanting more than is held is told, and told again only when it changes', () => {
    const made = scene(4);
    take(made.permits, 4);
    made.book.changes(10);
    made.waiting = 3;
    take(made.permits, 1);
    expect(made.book.changes(10)).toMatchObject([{ wanted: 7, held: 4, waiting: 3 }]);
    take(made.permits, 1);
    expect(made.book.changes(10)).toEqual([]);
    // More than the limit is the limit: a queue that grows says nothing new.
    for (const waiting of [100, 200, 300]) {
      made.waiting = waiting;
      take(made.permits, 1);
      expect(made.book.changes(10)).toHaveLength(waiting === 100 ? 1 : 0);
    }
  });

  test('a recall is confirmed, and every step that ends above it is told (T1)', () => {
    const { permits, book } = scene(6);
    take(permits, 6);
    book.changes(10);
    permits.entitle('acme', { concurrency: 4, startsPerSecond: Number.POSITIVE_INFINITY });
    expect(book.changes(10)).toMatchObject([{ running: 6, held: 4 }]);
    permits.returnStep('acme');
    expect(book.changes(10)).toMatchObject([{ running: 5, held: 4 }]);
    permits.returnStep('acme');
    expect(book.changes(10)).toMatchObject([{ running: 4, held: 4 }]);
    permits.returnStep('acme');
    expect(book.changes(10)).toEqual([]);
  });

  test('what is no longer wanted is told with the report of each second, so that its permits return', () => {
    const { permits, book } = scene(5);
    take(permits, 5);
    book.changes(10);
    for (let n = 0; n < 5; n++) permits.returnStep('acme');
    expect(book.differences(500)).toMatchObject([{ running: 0, wanted: 5 }]);
    expect(book.differences(5_000)).toMatchObject([{ running: 0, wanted: 0, held: 5 }]);
    expect(book.differences(6_000)).toEqual([]);
  });

  test('a complete report names all that is used, wanted or held, and nothing else', () => {
    const { permits, book } = scene(5);
    permits.setLimits('quiet', { concurrency: 3, startsPerSecond: undefined, weight: 1, strict: false });
    permits.tryTakeStep('unlimited', 10);
    expect(book.complete(10).map(({ organisation, held }) => [organisation, held])).toEqual([['acme', 5]]);
  });
});
