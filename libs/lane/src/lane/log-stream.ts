/**
 * The stream behind a lane's log, as the log needs it; an adapter makes it of JetStream.
 *
 * What may be lost is lost here: a frame on its way, or its answer. Nothing is tried again by itself.
 */

/** What is said of a frame that was sent. `conflict`: another message stands where it was expected to follow, or another try of it is in process. */
export type Answer = { readonly kind: 'landed'; readonly sequence: number } | { readonly kind: 'conflict' } | { readonly kind: 'unknown' } | { readonly kind: 'refused'; readonly detail: string };

export interface StoredFrame {
  readonly sequence: number;
  readonly data: Uint8Array;
}

export interface LogStream {
  /** Sends a frame that is to stand right behind sequence `expected`. Its answer comes by itself, if it comes. Throws when nothing can be sent. */
  send(bytes: Uint8Array, expected: number): void;
  /** The last frame as the leader has it; null on an empty stream. Rejects when nobody answers. */
  last(): Promise<StoredFrame | null>;
  /** The first sequence that is kept. Rejects when nobody answers. */
  first(): Promise<number>;
  bytes(): Promise<number>;
  /** Yields in order from `from` on until the signal is aborted, through outages. */
  read(from: number, signal: AbortSignal): AsyncIterable<StoredFrame>;
  forgetBelow(sequence: number): Promise<void>;
  /** Forgets the lane's inputs up to and including `sequence`. */
  forgetInputs(sequence: number): Promise<void>;
  /** Whether asking again is of no use: the stream is not there. */
  isGone(error: unknown): boolean;
}

/** Opens the stream of a lane, made when missing; `answered` hears every answer to what is sent, `unknown` when the connection is lost. */
export type OpenLogStream = (lane: number, answered: (answer: Answer) => void, signal: AbortSignal) => Promise<LogStream>;
