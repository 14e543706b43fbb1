import { BreakerBook, DEFAULT_BREAKER_LIMITS } from './circuit-breaker.ts';

const limits = { ...DEFAULT_BREAKER_LIMITS, failuresMax: 3, openMs: 100, openMsMax: 350, breakersMax: 2 };
const GO = { kind: 'go' };

function opened(): BreakerBook {
  const book = new BreakerBook(limits);
  for (const nowMs of [1, 2, 3]) book.report('t', 'down', nowMs);
  return book;
}

test('opens after so many failures in a row, and says when it opened', () => {
  const book = new BreakerBook(limits);
  expect([1, 2].map((nowMs) => book.report('t', 'down', nowMs))).toEqual([undefined, undefined]);
  expect(book.admit('t', 2)).toEqual(GO);
  expect(book.report('t', 'down', 3)).toBe('open');
  expect(book.admit('t', 3)).toEqual({ kind: 'refused', retryInMs: 100 });
});

test('a success in between starts the count anew', () => {
  const book = new BreakerBook(limits);
  for (const health of ['down', 'down', 'up', 'down', 'down'] as const) book.report('t', health, 1);
  expect(book.admit('t', 1)).toEqual(GO);
});

test('lets one trial through when its time has come, and refuses others meanwhile', () => {
  const book = opened();
  expect(book.admit('t', 102.5)).toEqual({ kind: 'refused', retryInMs: 1 });
  expect(book.admit('t', 103)).toEqual(GO);
  expect(book.admit('t', 103)).toEqual({ kind: 'refused', retryInMs: 100 });
});

test('closes when the trial succeeds', () => {
  const book = opened();
  book.admit('t', 103);
  expect(book.report('t', 'up', 110)).toBe('closed');
  expect(book.admit('t', 110)).toEqual(GO);
  expect(book.counts()).toEqual({ 'closed': 0, 'open': 0, 'half-open': 0 });
});

test('opens for twice as long when the trial fails, up to the limit', () => {
  const book = opened();
  const opens: number[] = [];
  for (let nowMs = 103, round = 0; round < 3; round += 1) {
    expect(book.admit('t', nowMs)).toEqual(GO);
    expect(book.report('t', 'down', nowMs)).toBe('open');
    const refused = book.admit('t', nowMs);
    if (refused.kind === 'go') throw new Error('it let a call through');
    opens.push(refused.retryInMs);
    nowMs += refused.retryInMs;
  }
  expect(opens).toEqual([200, 350, 350]);
});

test('lets another trial through when nothing is heard of the first', () => {
  const book = opened();
  book.admit('t', 103);
  expect(book.admit('t', 202)).toMatchObject({ kind: 'refused' });
  expect(book.admit('t', 203)).toEqual(GO);
});

test('failures of calls that were under way when it opened change nothing', () => {
  const book = opened();
  expect(book.report('t', 'down', 50)).toBeUndefined();
  expect(book.admit('t', 103)).toEqual(GO);
});

test('keeps so many breakers, and forgets the one used longest ago', () => {
  const book = opened();
  book.report('u', 'down', 4);
  book.report('v', 'down', 5);
  expect(book.admit('t', 6)).toEqual(GO);
  expect(book.counts()).toMatchObject({ closed: 2, open: 0 });
});

test('a trial that never reached the target decides nothing: the next call is the trial', () => {
  const book = opened();
  book.admit('t', 103);
  expect(book.report('t', 'unasked', 110)).toBeUndefined();
  expect(book.admit('t', 110)).toEqual(GO);
  expect(book.admit('t', 110)).toMatchObject({ kind: 'refused' });
});

test('a call that never reached the target changes no count', () => {
  const book = new BreakerBook(limits);
  for (const health of ['down', 'down', 'unasked', 'down'] as const) book.report('t', health, 1);
  expect(book.admit('t', 1)).toMatchObject({ kind: 'refused' });
});
