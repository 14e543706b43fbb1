import { bearerKey, hashKey, keyIdOf, makeKey } from './api-key.ts';
import { BOOTSTRAP_KEY_ID, createKeyRing } from './key-ring.ts';

const stored = (key: ReturnType<typeof makeKey>, organisation: string) => ({ id: key.id, hash: key.hash, organisation, description: '', createdAtMs: 1 });

describe('an API key', () => {
  test('has the form that people recognise, names its id and differs every time', () => {
    const key = makeKey();
    expect(key.key).toMatch(/^mr_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
    expect(keyIdOf(key.key)).toBe(key.id);
    expect(key.hash).toBe(hashKey(key.key));
    expect(makeKey().key).not.toBe(key.key);
  });

  test.each([
    ['Bearer abc', 'abc'],
    ['bearer   abc ', 'abc'],
    ['Basic abc', undefined],
    ['Bearer a b', undefined],
    [undefined, undefined],
  ])('is read from the header %j', (header, key) => {
    expect(bearerKey(header)).toBe(key);
  });
});

describe('the key ring', () => {
  test('tells operators from organisations', () => {
    const ring = createKeyRing(undefined);
    const [operator, acme] = [makeKey(), makeKey()];
    ring.set(stored(operator, ''));
    ring.set(stored(acme, 'acme'));
    expect(ring.principalOf(`Bearer ${operator.key}`)).toEqual({ kind: 'operator', key: operator.id });
    expect(ring.principalOf(`Bearer ${acme.key}`)).toEqual({ kind: 'organisation', key: acme.id, organisation: 'acme' });
  });

  test('always takes the key of the configuration, whatever its form', () => {
    const ring = createKeyRing(hashKey('any-text'));
    expect(ring.principalOf('Bearer any-text')).toEqual({ kind: 'operator', key: BOOTSTRAP_KEY_ID });
  });

  test('refuses a key that was removed, and one that shares only its id with a stored one', () => {
    const ring = createKeyRing(undefined);
    const [key, other] = [makeKey(), makeKey()];
    ring.set(stored(key, 'acme'));
    const forged = `mr_${key.id}_${other.key.split('_').slice(2).join('_')}`;
    expect(() => ring.principalOf(`Bearer ${forged}`)).toThrow(expect.objectContaining({ reason: 'key-invalid' }));
    ring.remove(key.id);
    expect(() => ring.principalOf(`Bearer ${key.key}`)).toThrow(expect.objectContaining({ reason: 'key-invalid' }));
    expect(() => ring.principalOf(undefined)).toThrow(expect.objectContaining({ reason: 'key-missing' }));
    expect(() => ring.principalOf(`Bearer ${'x'.repeat(10_000)}`)).toThrow(expect.objectContaining({ reason: 'key-invalid' }));
  });
});
