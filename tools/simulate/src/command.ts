/** Carries a command out and says what came of it; the last line is `seed N: M steps, F faults, V violations`. */
import type { Command } from './arguments.ts';
import type { Plant } from './plants.ts';
import { run, type RunResult } from './run.ts';
import { commandOf, shrink } from './shrink.ts';
import { realNowMs } from './virtual-time.ts';

/** Violations shown in full. A count. */
const SHOWN_MAX = 10;

/** Yields the exit code. */
export async function carryOut(command: Command, plant: Plant | undefined, say: (line: string) => void): Promise<number> {
  const beganMs = realNowMs();
  const { seed, steps, round, faults, executions, without } = command;
  const result = await run({
    seed,
    steps,
    ...(round === undefined ? {} : { round }),
    ...(faults === undefined ? {} : { faults }),
    ...(executions === undefined ? {} : { executions }),
    ...(without === undefined ? {} : { without }),
    ...(command.trace ? { trace: say } : {}),
    until: plant?.found ?? [],
  });
  const seconds = (realNowMs() - beganMs) / 1_000;
  report(result, seconds, command, say);
  if (plant === undefined && command.shrink && round === undefined) await reportSmallest(result, seed, say);
  if (plant !== undefined) reportPlant(result, plant, steps, say);
  say(`digest ${result.digest}`);
  // A round that was begun is played to its end; what that took is said above.
  const counted = round === undefined && result.violations.length === 0 ? Math.min(result.steps, steps) : result.steps;
  say(`seed ${seed}: ${counted} steps, ${result.faults} faults, ${result.violations.length} violations`);
  if (plant !== undefined) return isFound(result, plant, steps) ? 0 : 1;
  return result.violations.length === 0 ? 0 : 1;
}

function report(result: RunResult, seconds: number, { steps, round }: Command, say: (line: string) => void): void {
  for (const { invariant, what, round: at, atMs } of result.violations.slice(0, SHOWN_MAX)) say(`violation of ${invariant} in round ${at} after ${Math.round(atMs)} ms: ${what}`);
  if (result.violations.length > SHOWN_MAX) say(`and ${result.violations.length - SHOWN_MAX} violations more`);
  say('crash points: times passed, crashed there, stood still there');
  for (const [name, { passed, crashed, stood }] of result.points) say(`  ${name.padEnd(44)} ${String(passed).padStart(8)} ${String(crashed).padStart(6)} ${String(stood).padStart(6)}${passed === 0 ? '  NEVER REACHED' : crashed === 0 ? '  never crashed there' : ''}`);
  say(`invariants looked at: ${[...result.checked].map(([name, count]) => `${name} ${count}`).join(', ')}`);
  say(`${result.rounds} rounds: ${result.executions} executions, ${result.workflowSteps} steps of workflows, ${result.frames} frames, ${result.checkpoints} checkpoints, ${result.takings} lanes taken, ${result.stale} steps of displaced owners refused, ${result.moves} moves of slots, ${result.sleeps} executions put to sleep, ${Math.round(result.virtualMs / 1_000)} s of virtual time`);
  if (round === undefined && result.steps > steps) say(`${result.steps - steps} steps more until the last round was quiet`);
  say(`${Math.round(result.steps / seconds)} steps a second (a step is one event delivered: a message, an answer, a timer, a fault)`);
}

async function reportSmallest(result: RunResult, seed: number, say: (line: string) => void): Promise<void> {
  const [first] = result.violations;
  if (first === undefined) return;
  const { options, tries, what } = await shrink(seed, first.round, first.invariant);
  say(`smallest that violates ${first.invariant}, after ${tries} tries: ${options.faults?.size ?? 0} faults, ${options.executions?.size ?? 0} executions`);
  say(`  ${what}`);
  say(`  ${commandOf(options)}`);
}

function isFound(result: RunResult, plant: Plant, steps: number): boolean {
  return result.violations.some(({ invariant }) => plant.found.includes(invariant)) && result.steps <= steps;
}

function reportPlant(result: RunResult, plant: Plant, steps: number, say: (line: string) => void): void {
  const names = [...new Set(result.violations.map(({ invariant }) => invariant))].join(', ');
  if (isFound(result, plant, steps)) say(`plant ${plant.name} found by ${names} after ${result.steps} steps`);
  else say(`plant ${plant.name} not found in ${result.steps} steps${names === '' ? '' : ` (other violations: ${names})`}; expected a violation of ${plant.found.join(' or ')}`);
}
