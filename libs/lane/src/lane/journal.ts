/**
 * The journal of one execution while it is in memory: the texts of its entries as UTF-8, outside the heap.
 *
 * - Entries are only added, and the oldest dropped once a segment has them.
 * - The bytes are what frames, segments and history take over as they stand: joined by commas, so that `[` and `]`
 *   around them make one JSON array.
 */
import type { Program } from '@millrace/engine';

/** Room of a journal of which nothing is known, in bytes. */
const FIRST_BYTES = 1_024;
/** What the last execution of a program needed is taken for granted up to here, in bytes. */
const EXPECTED_BYTES_MAX = 64 * 1024;
const COMMA = 0x2c;

const expected = new WeakMap<Program, number>();

export class Journal {
  #bytes: Buffer;
  #length = 0;
  /** Where each entry ends. */
  #ends: number[] = [];

  constructor(program?: Program) {
    this.#bytes = Buffer.allocUnsafe(program === undefined ? FIRST_BYTES : (expected.get(program) ?? FIRST_BYTES));
  }

  /** Entries that are here. */
  get count(): number {
    return this.#ends.length;
  }

  /** Bytes of the entries that are here. */
  get size(): number {
    return this.#length;
  }

  /** Adds an entry's JSON text, `[atMs,[record,…]]`. */
  append(entry: string): void {
    // A UTF-16 unit has three bytes at most; counting them exactly is left for when the room is short.
    if (this.#bytes.length - this.#length <= entry.length * 3) this.#grow(Buffer.byteLength(entry) + 1);
    if (this.#length > 0) this.#bytes[this.#length++] = COMMA;
    this.#length += this.#bytes.write(entry, this.#length);
    this.#ends.push(this.#length);
  }

  /** Copies what follows the first byte of the entry added last; yields the number of bytes. */
  copyLastBody(into: Buffer, at: number): number {
    return this.#bytes.copy(into, at, this.#startOf(this.#ends.length - 1) + 1, this.#length);
  }

  /** All entries, joined by commas, until the next one is added. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The entries as texts. */
  texts(): readonly string[] {
    return this.#ends.map((end, index) => this.#bytes.toString('utf8', this.#startOf(index), end));
  }

  /** Forgets the oldest entries. */
  drop(count: number): void {
    if (count <= 0) return;
    const from = count >= this.#ends.length ? this.#length : this.#startOf(count);
    const rest = Buffer.from(this.#bytes.subarray(from, this.#length));
    this.#ends = this.#ends.slice(count).map((end) => end - from);
    this.#bytes = rest;
    this.#length = rest.length;
  }

  /** The execution has ended: the next one of its program will need about as much. */
  complete(program: Program): void {
    expected.set(program, Math.min(this.#length + (this.#length >> 3), EXPECTED_BYTES_MAX));
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] as number) + 1;
  }

  #grow(more: number): void {
    if (this.#bytes.length - this.#length >= more) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more, FIRST_BYTES));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** The texts of entries that were kept as `Journal.bytes`. */
export function entriesOfBytes(bytes: Uint8Array): readonly string[] {
  if (bytes.length === 0) return [];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return (JSON.parse(`[${text}]`) as readonly unknown[]).map((entry) => JSON.stringify(entry));
}
