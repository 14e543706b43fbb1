/**
 * The id of an execution: 32 characters that say where it lives.
 *
 *     a 00 3zz 01jd3v5q8r 9k2m4n6p8q0r2s4t
 *     │ │  │   └─ 26 characters, 128 bits: time and randomness (`a`), or a hash of the start's key (`k`)
 *     │ │  └───── slot, 0 to 4095
 *     │ └──────── cell, 0 to 1023
 *     └────────── format
 *
 * Owns the layout. Does not own time, randomness or hashing: they arrive as arguments, so that equal
 * arguments give equal ids anywhere.
 *
 * - An id has one spelling: `parseId` takes exactly what the makers write.
 * - A keyed id follows from organisation, workflow and key alone, so whoever accepts a start twice
 *   arrives at the same execution. Its slot comes from bytes of the hash that its tail does not use.
 * - Ids of format `a` sort by cell, slot, then time of making.
 */
import { WIDTH_OF_128_BITS, decodeNumber, digitAt, encode128Bits, encodeNumber } from './base32.ts';

/** Slots that executions hash into. Fixed for the life of an installation: ids carry the slot. */
export const SLOT_COUNT = 4096;

/** Cells that an id can name. */
export const CELL_COUNT = 1024;

/** Characters of an id. */
export const ID_LENGTH = 32;

/** The latest time an id can carry, in Unix milliseconds (the year 10889). */
export const ID_TIME_MS_MAX = 2 ** 48 - 1;

const CELL_AT = 1;
const SLOT_AT = 3;
const TAIL_AT = 6;
/** Characters of the tail that hold the time of format `a`: 48 bits, in 50. */
const TIME_WIDTH = 10;

/** `a`: made from time and randomness. `k`: derived from the key of an idempotent start. */
export type IdFormat = 'a' | 'k';

export interface ParsedId {
  readonly format: IdFormat;
  readonly cell: number;
  readonly slot: number;
  /** When the id was made, in Unix milliseconds; only format `a` knows. */
  readonly timeMs?: number;
}

export interface TimedIdParts {
  readonly cell: number;
  readonly slot: number;
  /** Unix milliseconds. */
  readonly timeMs: number;
  /** Ten random bytes. */
  readonly random: Uint8Array;
}

export interface KeyedIdParts {
  readonly cell: number;
  /** SHA-256 of `keyedIdentityText`. */
  readonly hash: Uint8Array;
}

/** Makes an id of format `a`. @throws RangeError when an argument is out of its range. */
export function makeTimedId({ cell, slot, timeMs, random }: TimedIdParts): string {
  requireInteger('cell', cell, CELL_COUNT - 1);
  requireInteger('slot', slot, SLOT_COUNT - 1);
  requireInteger('timeMs', timeMs, ID_TIME_MS_MAX);
  if (random.length !== 10) throw new RangeError(`random must be 10 bytes, not ${random.length}`);
  const bytes = new Uint8Array(16);
  let rest = timeMs;
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes.set(random, 6);
  return `a${encodeNumber(cell, 2)}${encodeNumber(slot, 3)}${encode128Bits(bytes)}`;
}

/** Makes an id of format `k`. @throws RangeError when an argument is out of its range. */
export function makeKeyedId({ cell, hash }: KeyedIdParts): string {
  requireInteger('cell', cell, CELL_COUNT - 1);
  if (hash.length !== 32) throw new RangeError(`hash must be 32 bytes, not ${hash.length}`);
  return `k${encodeNumber(cell, 2)}${encodeNumber(slotOfHash(hash), 3)}${encode128Bits(hash)}`;
}

/** Takes an id apart; undefined for anything that the makers would not have written. */
export function parseId(text: string): ParsedId | undefined {
  if (text.length !== ID_LENGTH) return undefined;
  const format = text.charAt(0);
  if (format !== 'a' && format !== 'k') return undefined;
  const cell = decodeNumber(text, CELL_AT, 2);
  const slot = decodeNumber(text, SLOT_AT, 3);
  if (cell === undefined || slot === undefined || slot >= SLOT_COUNT) return undefined;
  // The tail's first character holds three bits; the upper two of its five are always zero.
  if (digitAt(text, TAIL_AT) > 7) return undefined;
  const timeMs = decodeNumber(text, TAIL_AT, TIME_WIDTH);
  if (timeMs === undefined) return undefined;
  for (let index = TAIL_AT + TIME_WIDTH; index < TAIL_AT + WIDTH_OF_128_BITS; index += 1) {
    if (digitAt(text, index) > 31) return undefined;
  }
  return format === 'a' ? { format, cell, slot, timeMs } : { format, cell, slot };
}

/**
 * The slot of an id that is known to be one: reads three characters, allocates nothing.
 * -1 when those characters are no slot; other damage goes unseen, so check foreign text with `parseId`.
 */
export function slotOf(id: string): number {
  const high = digitAt(id, SLOT_AT);
  const middle = digitAt(id, SLOT_AT + 1);
  const low = digitAt(id, SLOT_AT + 2);
  if (high > 3 || middle > 31 || low > 31) return -1;
  return (high << 10) | (middle << 5) | low;
}

/**
 * The text whose SHA-256 (of its UTF-8 bytes) identifies a keyed start. Each part is preceded by its length
 * in UTF-8 bytes, so no two triples give the same text. Half a surrogate pair counts as U+FFFD, which is
 * what UTF-8 makes of it.
 */
export function keyedIdentityText(organisation: string, workflow: string, key: string): string {
  return `millrace execution 1 ${prefixed(organisation)}${prefixed(workflow)}${prefixed(key)}`;
}

/** The slot of a keyed start: twelve bits of the hash that the id's tail does not contain. */
function slotOfHash(hash: Uint8Array): number {
  return ((hash[16] ?? 0) << 4) | ((hash[17] ?? 0) >>> 4);
}

function prefixed(part: string): string {
  return `${utf8Length(part)}:${part}`;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function requireInteger(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${name} must be an integer from 0 to ${max}, not ${value}`);
  }
}
