/** What a client starts next: always the same, the same workflow with new text, or one of very many by popularity. */
import { mixedName, mixedOrganisation, mixedSteps } from './documents-mixed.ts';

export type Load =
  | { readonly kind: 'one'; readonly workflow: string; readonly organisation: string; readonly inputJson: string; readonly steps: number }
  | { readonly kind: 'distinct'; readonly workflow: string; readonly characters: number; readonly steps: number; readonly seed: number }
  | { readonly kind: 'mixed'; readonly definitions: number; readonly exponent: number; readonly seed: number; readonly inputJson: string };

/** One start, and the steps that it makes when it completes. */
export interface Choice {
  readonly workflow: string;
  readonly organisation: string;
  readonly inputJson: string;
  readonly steps: number;
}

export function createChooser(load: Load): () => Choice {
  if (load.kind === 'one') return () => load;
  if (load.kind === 'distinct') {
    const random = createRandom(load.seed);
    const { workflow, steps, characters } = load;
    return () => ({ workflow, organisation: '', steps, inputJson: JSON.stringify({ a: 0, text: randomText(characters, random) }) });
  }
  const next = createZipf(load.definitions, load.exponent, createRandom(load.seed));
  return () => {
    const number = next();
    return { workflow: mixedName(number), organisation: mixedOrganisation(number), inputJson: load.inputJson, steps: mixedSteps(number) };
  };
}

/**
 * Ranks 0 to `count - 1`, rank r with a probability in proportion to 1 / (r + 1)^exponent; found by bisection in the
 * sums, so exact.
 */
export function createZipf(count: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    sums[rank] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** Numbers from 0 to 1, the same for the same seed (a 32-bit mix of a counter). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** Letters, digits and two signs: six bits each, which nothing compresses further. */
function randomText(characters: number, random: () => number): string {
  let text = '';
  for (let index = 0; index < characters; index++) text += ALPHABET[Math.floor(random() * ALPHABET.length)];
  return text;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
