/**
 * A run: rounds of one seed, one after the other, until so many steps have been delivered.
 *
 * The last round is played to its end, so that every round is judged when it is quiet; what it takes beyond the number
 * asked for is reported apart.
 */
import { createHash } from 'node:crypto';
import type { Invariant, Violation } from './checks/violations.ts';
import { playRound, type RoundOptions, type RoundResult } from './round.ts';
import type { PointCount } from './world/points.ts';

export interface RunOptions extends Pick<RoundOptions, 'faults' | 'executions' | 'without' | 'trace'> {
  readonly seed: number;
  readonly steps: number;
  /** Only this round. */
  readonly round?: number;
  /** Stop at the first round that violates one of these. */
  readonly until: readonly Invariant[];
  readonly played?: (result: RoundResult, round: number) => void;
}

export interface RunResult {
  readonly steps: number;
  readonly rounds: number;
  readonly faults: number;
  readonly executions: number;
  readonly workflowSteps: number;
  readonly frames: number;
  readonly checkpoints: number;
  readonly takings: number;
  readonly stale: number;
  readonly moves: number;
  readonly sleeps: number;
  readonly virtualMs: number;
  readonly violations: readonly (Violation & { readonly round: number })[];
  readonly checked: ReadonlyMap<Invariant, number>;
  readonly points: ReadonlyMap<string, PointCount>;
  readonly digest: string;
}

export async function run(options: RunOptions): Promise<RunResult> {
  const { seed, steps, round: only, until, played, ...rest } = options;
  const hash = createHash('sha256');
  const sums = { steps: 0, rounds: 0, faults: 0, executions: 0, workflowSteps: 0, frames: 0, checkpoints: 0, takings: 0, stale: 0, moves: 0, sleeps: 0, virtualMs: 0 };
  const violations: (Violation & { readonly round: number })[] = [];
  const checked = new Map<Invariant, number>();
  const points = new Map<string, PointCount>();
  for (let round = only ?? 0; only === undefined ? sums.steps < steps : round === only; round++) {
    const result = await playRound({ seed, round, until, ...rest });
    played?.(result, round);
    hash.update(result.digest);
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += key === 'rounds' ? 1 : result[key];
    for (const violation of result.violations) violations.push({ ...violation, round });
    for (const [name, count] of result.checked) checked.set(name, (checked.get(name) ?? 0) + count);
    for (const [name, { passed, crashed, stood }] of result.points) {
      const known = points.get(name) ?? { passed: 0, crashed: 0, stood: 0 };
      points.set(name, { passed: known.passed + passed, crashed: known.crashed + crashed, stood: known.stood + stood });
    }
    if (result.violations.some(({ invariant }) => until.includes(invariant))) break;
  }
  return { ...sums, violations, checked, points, digest: hash.digest('hex').slice(0, 32) };
}
