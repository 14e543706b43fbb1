import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { CELL_COUNT, ID_LENGTH, ID_TIME_MS_MAX, SLOT_COUNT, keyedIdentityText, makeKeyedId, makeTimedId, parseId, slotOf } from './index.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const timedParts = fc.record({
  cell: fc.integer({ min: 0, max: CELL_COUNT - 1 }),
  slot: fc.integer({ min: 0, max: SLOT_COUNT - 1 }),
  timeMs: fc.integer({ min: 0, max: ID_TIME_MS_MAX }),
  random: bytes(10),
});
const keyedParts = fc.record({ cell: fc.integer({ min: 0, max: CELL_COUNT - 1 }), hash: bytes(32) });
const anyId = fc.oneof(timedParts.map(makeTimedId), keyedParts.map(makeKeyedId));

/** What `encode128Bits` must equal, written the slow and obvious way. */
function tailOf(data: Uint8Array): string {
  const digits = '0123456789abcdefghjkmnpqrstvwxyz';
  let value = data.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = '';
  for (let index = 0; index < 26; index += 1) {
    text = digits.charAt(Number(value % 32n)) + text;
    value /= 32n;
  }
  return text;
}

describe('an execution id', () => {
  test('has a layout that does not change between releases', () => {
    const random = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 255]);
    expect(makeTimedId({ cell: 1, slot: 4095, timeMs: 1_700_000_000_000, random })).toBe('a013zz01hf7yat00000g40r40m30e27z');
    expect(makeKeyedId({ cell: 0, hash: new Uint8Array(32).fill(255) })).toBe(`k003zz7${'z'.repeat(25)}`);
  });

  test('made from time gives back cell, slot and time', () => {
    fc.assert(
      fc.property(timedParts, (parts) => {
        const id = makeTimedId(parts);
        expect(id).toHaveLength(ID_LENGTH);
        expect(parseId(id)).toEqual({ format: 'a', cell: parts.cell, slot: parts.slot, timeMs: parts.timeMs });
        expect(slotOf(id)).toBe(parts.slot);
        expect(id.slice(16)).toBe(tailOf(parts.random).slice(10));
      }),
    );
  });

  test('derived from a hash carries 128 bits of it and a slot from the others', () => {
    fc.assert(
      fc.property(keyedParts, ({ cell, hash }) => {
        const id = makeKeyedId({ cell, hash });
        expect(parseId(id)).toEqual({ format: 'k', cell, slot: slotOf(id) });
        expect(id.slice(6)).toBe(tailOf(hash.subarray(0, 16)));
        const otherSlot = Uint8Array.from(hash);
        otherSlot[16] = (otherSlot[16] ?? 0) ^ 0x80;
        expect(slotOf(makeKeyedId({ cell, hash: otherSlot }))).toBe(slotOf(id) ^ 0x800);
        expect(makeKeyedId({ cell, hash: otherSlot }).slice(6)).toBe(id.slice(6));
      }),
    );
  });

  test('spreads keyed starts over the slots', () => {
    const counts = new Array<number>(16).fill(0);
    for (let index = 0; index < 4_000; index += 1) {
      const hash = createHash('sha256').update(keyedIdentityText('acme', 'orders', String(index))).digest();
      const sixteenth = slotOf(makeKeyedId({ cell: 0, hash })) >> 8;
      counts[sixteenth] = (counts[sixteenth] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(150);
  });

  test('sorts by time within a slot', () => {
    fc.assert(
      fc.property(timedParts, bytes(10), fc.integer({ min: 1, max: 1_000_000 }), (parts, random, laterMs) => {
        fc.pre(parts.timeMs + laterMs <= ID_TIME_MS_MAX);
        expect(makeTimedId(parts) < makeTimedId({ ...parts, timeMs: parts.timeMs + laterMs, random })).toBe(true);
      }),
    );
  });

  test('has one spelling: a changed character is another id or none', () => {
    fc.assert(
      fc.property(anyId, fc.nat({ max: ID_LENGTH - 1 }), fc.string({ minLength: 1, maxLength: 1 }), (id, index, character) => {
        fc.pre(id.charAt(index) !== character);
        const changed = id.slice(0, index) + character + id.slice(index + 1);
        const parsed = parseId(changed);
        if (parsed !== undefined) expect('0123456789abcdefghjkmnpqrstvwxyz').toContain(character);
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['too short', 'a013zz01hf7yat00000g40r40m30e27'],
    ['too long', 'a013zz01hf7yat00000g40r40m30e27z0'],
    ['upper case', 'A013ZZ01HF7YAT00000G40R40M30E27Z'],
    ['a look-alike', 'a013zz01hf7yat00000g40r40m30el7z'],
    ['an unknown format', 'b013zz01hf7yat00000g40r40m30e27z'],
    ['a slot beyond 4095', 'a014zz01hf7yat00000g40r40m30e27z'],
    ['more than 128 bits', 'a013zz81hf7yat00000g40r40m30e27z'],
    ['another script', 'a013zz01hf7yat00000g40r40m30e27é'],
  ])('is refused when it is %s', (_what, text) => {
    expect(parseId(text)).toBeUndefined();
  });

  test('that is damaged where the slot stands has no slot', () => {
    expect(slotOf('a014zz01hf7yat00000g40r40m30e27z')).toBe(-1);
    expect(slotOf('a01')).toBe(-1);
    expect(slotOf('a01éé')).toBe(-1);
  });

  test('is not made from arguments out of range', () => {
    const parts = { cell: 0, slot: 0, timeMs: 0, random: new Uint8Array(10) };
    expect(() => makeTimedId({ ...parts, cell: CELL_COUNT })).toThrow(RangeError);
    expect(() => makeTimedId({ ...parts, slot: SLOT_COUNT })).toThrow(RangeError);
    expect(() => makeTimedId({ ...parts, timeMs: ID_TIME_MS_MAX + 1 })).toThrow(RangeError);
    expect(() => makeTimedId({ ...parts, timeMs: 1.5 })).toThrow(RangeError);
    expect(() => makeTimedId({ ...parts, random: new Uint8Array(9) })).toThrow(RangeError);
    expect(() => makeKeyedId({ cell: 0, hash: new Uint8Array(16) })).toThrow(RangeError);
  });
});

describe('the text of a keyed start', () => {
  test('is written in a form that does not change between releases', () => {
    expect(keyedIdentityText('acme', 'größe', '1:2')).toBe('millrace execution 1 4:acme7:größe3:1:2');
  });

  test('differs whenever one of the three differs', () => {
    const triple = fc.tuple(fc.string(), fc.string(), fc.string());
    fc.assert(
      fc.property(triple, triple, (left, right) => {
        fc.pre(left.some((part, index) => part !== right[index]));
        expect(keyedIdentityText(...left)).not.toBe(keyedIdentityText(...right));
      }),
    );
  });

  test('counts UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        const expected = `${new TextEncoder().encode(key).length}:${key}`;
        expect(keyedIdentityText('', '', key)).toBe(`millrace execution 1 0:0:${expected}`);
      }),
    );
  });
});
