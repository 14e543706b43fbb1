/**
 * What an execution can decide without waiting, in the order in which it became ready.
 *
 * Q1 Taking the first and adding one cost the same whether one branch is ready or ten thousand (E6).
 * Q2 First in, first out: every branch of a fork gets its turn.
 */
import type { Problem } from './problem.ts';

/** What is decided next. */
export type Cursor =
  | { readonly kind: 'enter'; readonly node: number; readonly parent: number }
  /** The next branch of a fork begins. */
  | { readonly kind: 'open'; readonly activation: number }
  /** The scope's tasks are done: leave it, or go on to the next iteration. */
  | { readonly kind: 'leave'; readonly activation: number }
  /** An error has reached this scope; NO_ACTIVATION: the workflow. */
  | { readonly kind: 'raise'; readonly activation: number; readonly error: Problem; /** Undefined when no task raised it: the time of an attempt was over. */ readonly origin: FaultOrigin | undefined }
  | { readonly kind: 'complete' };

/** The task whose error is on its way up. */
export interface FaultOrigin {
  readonly path: string;
  readonly activation: number;
  readonly attempt: number;
}

/** Entries already taken that may stand at the front of the array before it is cut. */
const TAKEN_MAX = 256;

export class ReadyQueue implements Iterable<Cursor> {
  #cursors: Cursor[] = [];
  #head = 0;

  get length(): number {
    return this.#cursors.length - this.#head;
  }

  first(): Cursor | undefined {
    return this.#cursors[this.#head];
  }

  push(cursor: Cursor): void {
    this.#cursors.push(cursor);
  }

  /** Puts it in front of all others. */
  pushFirst(cursor: Cursor): void {
    if (this.#head > 0) this.#cursors[--this.#head] = cursor;
    else this.#cursors.unshift(cursor);
  }

  /** Removes the cursor of this kind and activation; undefined when there is none. It is nearly always the first. */
  take<K extends 'open' | 'leave' | 'raise'>(kind: K, activation: number): Extract<Cursor, { kind: K }> | undefined {
    for (let index = this.#head; index < this.#cursors.length; index++) {
      const cursor = this.#cursors[index] as Cursor;
      if (cursor.kind !== kind || cursor.activation !== activation) continue;
      this.#removeAt(index);
      return cursor as Extract<Cursor, { kind: K }>;
    }
    return undefined;
  }

  /** Removes the cursor that enters this node below this parent. */
  takeEnter(node: number, parent: number): void {
    for (let index = this.#head; index < this.#cursors.length; index++) {
      const cursor = this.#cursors[index] as Cursor;
      if (cursor.kind !== 'enter' || cursor.node !== node || cursor.parent !== parent) continue;
      this.#removeAt(index);
      return;
    }
  }

  removeWhere(matches: (cursor: Cursor) => boolean): void {
    this.#cursors = this.#cursors.filter((cursor, index) => index >= this.#head && !matches(cursor));
    this.#head = 0;
  }

  clear(): void {
    this.#cursors = [];
    this.#head = 0;
  }

  [Symbol.iterator](): Iterator<Cursor> {
    return this.#cursors.slice(this.#head)[Symbol.iterator]();
  }

  #removeAt(index: number): void {
    if (index !== this.#head) {
      this.#cursors.splice(index, 1);
      return;
    }
    this.#head++;
    if (this.#head === this.#cursors.length) {
      this.#cursors.length = 0;
      this.#head = 0;
    } else if (this.#head > TAKEN_MAX && this.#head * 2 > this.#cursors.length) {
      this.#cursors.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
