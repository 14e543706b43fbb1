// Base64 and base32 (RFC 4648) over bytes.

import { allocateArray, allocateString, burn } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { typeFailure } from '../failure.ts';
import type { JsonValue } from '../json-value.ts';
import { preview } from '../serialize.ts';

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Digits of `width` bits each, padded with `=` to a multiple of `group` digits. */
function encode(m: Meter, bytes: readonly number[], alphabet: string, width: number, group: number): string {
  burn(m, bytes.length);
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= width) {
      bits -= width;
      text += alphabet[(held >> bits) & ((1 << width) - 1)];
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) text += alphabet[(held << (width - bits)) & ((1 << width) - 1)];
  while (text.length % group !== 0) text += '=';
  allocateString(m, text.length);
  return text;
}

function decode(m: Meter, text: string, alphabet: string, width: number, invalid: () => unknown): number[] {
  burn(m, text.length);
  allocateArray(m, text.length);
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const character of text.replace(/=+$/, '')) {
    const digit = alphabet.indexOf(character);
    if (digit < 0) throw invalid();
    held = (held << width) | digit;
    bits += width;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 255);
    }
    held &= (1 << bits) - 1;
  }
  if (bits >= width) throw invalid();
  return bytes;
}

export function toBase64(m: Meter, bytes: readonly number[]): string {
  return encode(m, bytes, BASE64, 6, 4);
}

export function fromBase64(m: Meter, text: string, value: JsonValue): number[] {
  return decode(m, text, BASE64, 6, () => typeFailure((m) => `${preview(m, value)} is not valid base64 data`));
}

export function toBase32(m: Meter, bytes: readonly number[]): string {
  return encode(m, bytes, BASE32, 5, 8);
}

export function fromBase32(m: Meter, text: string, value: JsonValue): number[] {
  return decode(m, text, BASE32, 5, () => typeFailure((m) => `${preview(m, value)} is not valid base32 data`));
}
