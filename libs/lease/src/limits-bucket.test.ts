import { encodeJson } from '@millrace/bus';
import { decodeAuthority, decodeLimits, encodeAuthority, encodeLimits, limitsKey } from './limits-bucket.ts';

describe('limits in the bucket', () => {
  test.each([
    { concurrency: 5, startsPerSecond: 2.5, weight: 2, strict: true, revision: 3 },
    { concurrency: undefined, startsPerSecond: undefined, weight: 1, strict: false, revision: 1 },
  ])('come back as they were written: %p', (limits) => {
    expect(decodeLimits(encodeLimits(limits))).toEqual(limits);
  });

  test('are written without what is not set, as the format of the key says', () => {
    const written = new TextDecoder().decode(encodeLimits({ concurrency: 5, startsPerSecond: undefined, weight: 1, strict: false, revision: 2 }));
    expect(written).toBe('{"concurrency":5,"weight":1,"revision":2}');
    expect(limitsKey('acme')).toBe('organisation.acme');
  });

  test.each([['no object', [1]], ['a limit that is none', { concurrency: 0, weight: 1, revision: 1 }], ['no weight', { revision: 1 }]])('with %s are not read', (_, value) => {
    expect(decodeLimits(encodeJson(value))).toBeUndefined();
  });

  test('that are no JSON are not read', () => {
    expect(decodeLimits(new Uint8Array([1, 2, 3]))).toBeUndefined();
  });
});

describe('the authority in the bucket', () => {
  const entry = { instance: 'throttle-1', incarnation: 'x', address: '127.0.0.1:1', epoch: 3, renewal: 9, released: false };

  test('comes back as it was written; what a later release adds is passed over', () => {
    expect(decodeAuthority(encodeAuthority(entry))).toEqual(entry);
    expect(decodeAuthority(encodeJson({ ...entry, later: true }))).toEqual(entry);
    expect(decodeAuthority(encodeJson({ instance: 'x' }))).toBeUndefined();
  });
});
