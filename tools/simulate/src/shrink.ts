/**
 * Makes a failing round smaller: fewer faults, fewer executions, fewer kinds of chance, as long as the same invariant is
 * violated.
 */
import { playRound, type RoundOptions } from './round.ts';
import { CHANCES } from './world/world.ts';

/** Rounds played at most for one shrinking. A count. */
const TRIES_MAX = 150;

export interface Shrunk {
  readonly options: RoundOptions;
  readonly tries: number;
  readonly what: string;
}

export async function shrink(seed: number, round: number, invariant: string): Promise<Shrunk> {
  let tries = 0;
  let what = '';
  async function fails(options: RoundOptions): Promise<boolean> {
    if (tries >= TRIES_MAX) return false;
    tries++;
    const found = (await playRound(options)).violations.find((violation) => violation.invariant === invariant);
    if (found !== undefined) what = found.what;
    return found !== undefined;
  }
  const whole = await playRound({ seed, round });
  let options: RoundOptions = { seed, round, faults: new Set(whole.planned.faults.map(({ index }) => index)), executions: new Set(whole.planned.executions), without: new Set() };
  for (const chance of CHANCES) {
    const calmer = { ...options, without: new Set([...(options.without ?? []), chance]) };
    if (await fails(calmer)) options = calmer;
  }
  for (const kind of ['faults', 'executions', 'faults'] as const) {
    const fewer = await fewest([...(options[kind] ?? [])], (kept) => fails({ ...options, [kind]: new Set(kept) }));
    options = { ...options, [kind]: new Set(fewer) };
  }
  await fails(options);
  return { options, tries, what };
}

/** A list that still fails and from which no part can be left out (delta debugging). */
async function fewest(all: readonly number[], fails: (kept: readonly number[]) => Promise<boolean>): Promise<readonly number[]> {
  let kept = all;
  let parts = 2;
  while (kept.length > 0) {
    const size = Math.ceil(kept.length / parts);
    let isSmaller = false;
    for (let from = 0; from < kept.length; from += size) {
      const rest = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (!(await fails(rest))) continue;
      kept = rest;
      parts = Math.max(parts - 1, 2);
      isSmaller = true;
      break;
    }
    if (isSmaller) continue;
    if (size === 1) break;
    parts = Math.min(parts * 2, kept.length);
  }
  return kept;
}

/** The arguments that play the round again. */
export function commandOf({ seed, round, faults, executions, without }: RoundOptions): string {
  const list = (name: string, values: Iterable<number | string> | undefined): string => (values === undefined ? '' : ` --${name} ${[...values].join() || 'none'}`);
  const chances = without === undefined || without.size === 0 ? '' : list('without', without);
  return `npm run simulate -- --seed ${seed} --round ${round}${list('faults', faults)}${list('executions', executions)}${chances}`;
}
