/** One frame while it is filled, and what waits for it. */
import type { Actor } from './actor.ts';
import type { Message } from './message.ts';

/** What is done once the frame `sequence` is durable. */
export type Effect = (sequence: number) => void;

export interface Turn {
  /** Of the decisions that are made now; what an effect needs of it is copied when it is put. */
  nowMs: number;
  readonly effects: Effect[];
  readonly touched: Actor[];
  /** What it was made from: refused when the lane ends before the frame is durable. */
  readonly taken: Message[];
  /** One of its effects wants state and log to agree: nothing is decided until they have run. */
  isExact: boolean;
}

export function createTurn(nowMs: number): Turn {
  return { nowMs, effects: [], touched: [], taken: [], isExact: false };
}
