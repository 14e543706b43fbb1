/**
 * One frame while it is filled, as bytes: the journal entries of its transitions are copied into it as they stand.
 *
 * Owns no format: what stands in a frame is said by the engine (frame.ts there). The room is used for one frame after
 * the other, so what `finish` yields must be packed before the next one begins.
 */
import { encodeEntry, frameHeadText, FORMAT_OLDEST, FRAME_END, type FrameHead, type LargePayload, type Transition } from '@millrace/engine';
import type { Journal } from './journal.ts';

/** Room that a frame mostly needs, in bytes. */
const FIRST_BYTES = 64 * 1024;
/** Room in front of the transitions for the head, in bytes; a longer head is written into new room. */
const HEAD_BYTES = 1_024;
const COMMA = 0x2c;

export class FrameBytes {
  readonly #epoch: number;
  readonly #origin: string;
  #room = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = HEAD_BYTES;
  #large: LargePayload[] = [];
  #format = FORMAT_OLDEST;

  /** @param origin begins the names of large payloads. */
  constructor(epoch: number, origin: string = String(epoch)) {
    this.#epoch = epoch;
    this.#origin = origin;
  }

  /** Empties it for a frame of the agreed format. */
  begin(format: number): void {
    this.#format = format;
    this.#length = HEAD_BYTES;
    this.#large = [];
  }

  /** The format of the frame in hand. */
  get format(): number {
    return this.#format;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length - HEAD_BYTES;
  }

  get isEmpty(): boolean {
    return this.#length === HEAD_BYTES;
  }

  /** Adds a transition to the frame and to the execution's journal. Throws a Fault for what a frame cannot hold, and has added nothing then. */
  add(transition: Transition, prefix: string, journal: Journal): void {
    const entry = encodeEntry(transition, this.#format, this.#origin, this.#large);
    journal.append(entry);
    this.#reserve((prefix.length + entry.length) * 3 + 2);
    const room = this.#room;
    let at = this.#length;
    if (at > HEAD_BYTES) room[at++] = COMMA;
    at += room.write(prefix, at);
    this.#length = at + journal.copyLastBody(room, at);
  }

  /** The frame's text as UTF-8, and the payloads to be stored first. */
  finish(head: Omit<FrameHead, 'epoch'>): { readonly bytes: Uint8Array; readonly large: readonly LargePayload[] } {
    const text = frameHeadText({ ...head, epoch: this.#epoch }, this.#format);
    const headBytes = Buffer.byteLength(text);
    this.#reserve(FRAME_END.length + Math.max(0, headBytes - HEAD_BYTES));
    this.#length += this.#room.write(FRAME_END, this.#length);
    if (headBytes > HEAD_BYTES) return { bytes: Buffer.concat([Buffer.from(text), this.#room.subarray(HEAD_BYTES, this.#length)]), large: this.#large };
    this.#room.write(text, HEAD_BYTES - headBytes);
    return { bytes: this.#room.subarray(HEAD_BYTES - headBytes, this.#length), large: this.#large };
  }

  #reserve(more: number): void {
    if (this.#room.length - this.#length >= more) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#room.length * 2, this.#length + more));
    this.#room.copy(larger, 0, 0, this.#length);
    this.#room = larger;
  }
}

/** What stands in front of an execution's entries in a frame. */
export function framePrefix(organisation: string, execution: string): string {
  return `[${JSON.stringify(organisation)},"${execution}",`;
}
