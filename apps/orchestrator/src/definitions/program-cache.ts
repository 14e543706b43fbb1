/**
 * Compiled programs of this process: those used last stay, within a number and within the size of their documents.
 *
 * An execution that runs keeps its own program: what leaves the cache is compiled again when it is next started.
 */
import type { Program } from '@millrace/engine';

/** Programs kept, a count. */
export const PROGRAMS_MAX = 50_000;
/** Their documents together, in characters of JSON. A program takes some fifteen bytes of memory a character. */
export const PROGRAM_CHARACTERS_MAX = 32 * 1024 * 1024;

export interface ProgramCacheLimits {
  readonly programs: number;
  readonly characters: number;
}

export interface ProgramCache {
  /** The program of a hash, which is then the one used last. */
  get(hash: string): Program | undefined;
  has(hash: string): boolean;
  keep(program: Program): Program;
}

interface Kept {
  readonly program: Program;
  readonly characters: number;
}

export function createProgramCache(limits: ProgramCacheLimits = { programs: PROGRAMS_MAX, characters: PROGRAM_CHARACTERS_MAX }): ProgramCache {
  /** In the order of their last use. */
  const kept = new Map<string, Kept>();
  let characters = 0;

  function drop(hash: string, one: Kept): void {
    kept.delete(hash);
    characters -= one.characters;
  }

  return {
    get(hash) {
      const one = kept.get(hash);
      if (one === undefined) return undefined;
      kept.delete(hash);
      kept.set(hash, one);
      return one.program;
    },
    has: (hash) => kept.has(hash),
    keep(program) {
      const { hash } = program;
      const before = kept.get(hash);
      if (before !== undefined) drop(hash, before);
      const one = { program, characters: JSON.stringify(program.document).length };
      kept.set(hash, one);
      characters += one.characters;
      for (const [oldest, other] of kept) {
        if (kept.size <= limits.programs && characters <= limits.characters) break;
        // The one just kept stays, however large it is.
        if (other !== one) drop(oldest, other);
      }
      return program;
    },
  };
}
