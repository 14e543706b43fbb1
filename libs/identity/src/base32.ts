/**
 * Crockford's base 32 in lower case, fixed width, most significant digit first.
 *
 * Stricter than https://www.crockford.com/base32.html: upper case and the look-alikes (i, l, o) are not read,
 * so that equal ids are equal strings.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Marks a character that is no digit; any value above 31 would do. */
const NOT_A_DIGIT = 255;

const DIGITS = new Uint8Array(128).fill(NOT_A_DIGIT);
for (let digit = 0; digit < ALPHABET.length; digit += 1) DIGITS[ALPHABET.charCodeAt(digit)] = digit;

/** Characters that 128 bits take: 130 bits, the upper two of them zero. */
export const WIDTH_OF_128_BITS = 26;

/** The value of the character at `index`, 0 to 31; above 31 when it is no digit. */
export function digitAt(text: string, index: number): number {
  return DIGITS[text.charCodeAt(index)] ?? NOT_A_DIGIT;
}

/** Writes a non-negative integer below 32^width. */
export function encodeNumber(value: number, width: number): string {
  let text = '';
  let rest = value;
  for (let index = 0; index < width; index += 1) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** Writes 16 bytes as 26 characters. */
export function encode128Bits(bytes: Uint8Array): string {
  let text = '';
  // 128 bits in 26 digits leave the first digit with 3 bits: start as if two zero bits had been read.
  let pending = 0;
  let pendingBits = 2;
  for (let index = 0; index < 16; index += 1) {
    pending = (pending << 8) | (bytes[index] ?? 0);
    pendingBits += 8;
    while (pendingBits >= 5) {
      pendingBits -= 5;
      text += ALPHABET.charAt((pending >>> pendingBits) & 31);
    }
    pending &= (1 << pendingBits) - 1;
  }
  return text;
}

/** Reads `width` characters from `start`; undefined when one of them is no digit. Exact up to 53 bits. */
export function decodeNumber(text: string, start: number, width: number): number | undefined {
  let value = 0;
  for (let index = start; index < start + width; index += 1) {
    const digit = digitAt(text, index);
    if (digit > 31) return undefined;
    value = value * 32 + digit;
  }
  return value;
}
