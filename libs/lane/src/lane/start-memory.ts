/**
 * What a lane remembers of keyed starts that have ended: enough to answer a repeated one.
 *
 * A key is remembered for START_MEMORY_MS or until STARTS_REMEMBERED_MAX later ones push it out, whichever
 * is first; from then on the memory is partial, and history is asked about starts that it does not know.
 */
import { createHash } from 'node:crypto';
import type { Payload } from '@millrace/engine';

/** How long a key is remembered, in milliseconds. */
export const START_MEMORY_MS = 24 * 3_600_000;
/** Keys remembered by one lane. */
export const STARTS_REMEMBERED_MAX = 200_000;

export interface RememberedStart {
  readonly id: string;
  readonly digest: string;
  readonly endedAtMs: number;
}

export interface StartMemory {
  has(id: string): boolean;
  /** Whether the input is the one the execution was started with. */
  matches(id: string, input: Payload): boolean;
  remember(id: string, input: Payload, endedAtMs: number): void;
  /** As `remember`, from a digest that history kept. */
  recall(id: string, digest: string, endedAtMs: number): void;
  forget(nowMs: number): void;
  /** What is known of executions that `isMeant` says yes to, oldest first. */
  listed(isMeant: (id: string) => boolean): readonly RememberedStart[];
  /** Forgets them: they are somebody else's to know. */
  letGo(isMeant: (id: string) => boolean): void;
  /** History may know keys that are not known here. */
  readonly partial: boolean;
  markPartial(): void;
}

/** Stands for an input that nothing was kept of, as of a start without a key: any matches. */
export const NO_DIGEST = '';

/** What is kept of an input: 96 bits of the SHA-256 of its value, however it was written. */
export function inputDigest(input: Payload): string {
  return createHash('sha256').update(JSON.stringify(input.value)).digest('base64url').slice(0, 16);
}

/** Whether two inputs are one value; the text may have come with other spaces, or from a checkpoint. */
export function isSameInput(a: Payload, b: Payload): boolean {
  return (a.text !== undefined && a.text === b.text) || JSON.stringify(a.value) === JSON.stringify(b.value);
}

export function createStartMemory(): StartMemory {
  // A Map keeps insertion order, so the oldest come first.
  const known = new Map<string, { readonly digest: string; readonly endedAtMs: number }>();
  let partial = false;
  function add(id: string, digest: string, endedAtMs: number): void {
    // Said again it is the latest.
    known.delete(id);
    known.set(id, { digest, endedAtMs });
    if (known.size <= STARTS_REMEMBERED_MAX) return;
    const oldest = known.keys().next();
    if (oldest.done !== true) known.delete(oldest.value);
    partial = true;
  }
  return {
    has: (id) => known.has(id),
    matches(id, input) {
      const digest = known.get(id)?.digest;
      return digest === NO_DIGEST || digest === inputDigest(input);
    },
    remember: (id, input, endedAtMs) => add(id, inputDigest(input), endedAtMs),
    recall: add,
    forget(nowMs) {
      for (const [id, { endedAtMs }] of known) {
        if (nowMs - endedAtMs < START_MEMORY_MS) return;
        known.delete(id);
        partial = true;
      }
    },
    listed: (isMeant) => [...known].flatMap(([id, { digest, endedAtMs }]) => (isMeant(id) ? [{ id, digest, endedAtMs }] : [])),
    letGo(isMeant) {
      for (const id of known.keys()) if (isMeant(id)) known.delete(id);
    },
    get partial() {
      return partial;
    },
    markPartial() {
      partial = true;
    },
  };
}
