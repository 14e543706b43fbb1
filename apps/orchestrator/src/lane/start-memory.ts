/**
 * What a lane remembers of keyed starts that have ended: enough to answer a repeated one.
 *
 * A key is remembered for START_MEMORY_MS or until STARTS_REMEMBERED_MAX later ones push it out, whichever
 * is first; beyond that the history's unique id decides.
 */
import { createHash } from 'node:crypto';

/** How long a key is remembered, in milliseconds. */
export const START_MEMORY_MS = 24 * 3_600_000;
/** Keys remembered by one lane. */
export const STARTS_REMEMBERED_MAX = 200_000;

export interface StartMemory {
  has(id: string): boolean;
  /** Whether the input is the one the execution was started with. */
  matches(id: string, inputText: string): boolean;
  remember(id: string, inputText: string, endedAtMs: number): void;
  /** As `remember`, from a digest that history kept. */
  recall(id: string, digest: string, endedAtMs: number): void;
  forget(nowMs: number): void;
  /** Some keys younger than START_MEMORY_MS were pushed out, or could not be loaded. */
  readonly partial: boolean;
  markPartial(): void;
}

/** What is kept of an input: 96 bits of its SHA-256. */
export function inputDigest(inputText: string): string {
  return createHash('sha256').update(inputText).digest('base64url').slice(0, 16);
}

export function createStartMemory(): StartMemory {
  // A Map keeps insertion order, so the oldest come first.
  const known = new Map<string, { readonly digest: string; readonly endedAtMs: number }>();
  let partial = false;
  function add(id: string, digest: string, endedAtMs: number): void {
    known.set(id, { digest, endedAtMs });
    if (known.size <= STARTS_REMEMBERED_MAX) return;
    const oldest = known.keys().next();
    if (oldest.done !== true) known.delete(oldest.value);
    partial = true;
  }
  return {
    has: (id) => known.has(id),
    matches: (id, inputText) => known.get(id)?.digest === inputDigest(inputText),
    remember: (id, inputText, endedAtMs) => add(id, inputDigest(inputText), endedAtMs),
    recall: add,
    forget(nowMs) {
      for (const [id, { endedAtMs }] of known) {
        if (nowMs - endedAtMs < START_MEMORY_MS) return;
        known.delete(id);
      }
    },
    get partial() {
      return partial;
    },
    markPartial() {
      partial = true;
    },
  };
}
