/** The executions of one round: which workflows, when, by whom, with which keys; all drawn before the round begins. */
import { createHash } from 'node:crypto';
import { keyedIdentityText, makeKeyedId, makeTimedId, SLOT_COUNT } from '@millrace/identity';
import type { Settings } from '../product/settings.ts';
import type { Random } from '../world/random.ts';
import type { StartPlan } from './client.ts';
import { chain, createWorkflow, sleeper, type Workflow } from './programs.ts';

/** Workflows of one round. A count. */
const WORKFLOWS = 6;

export interface Load {
  readonly workflows: readonly Workflow[];
  readonly starts: readonly StartPlan[];
}

export function drawLoad(random: Random, settings: Settings, epochMs: number): Load {
  const workflows = [chain('chain', 10), ...Array.from({ length: WORKFLOWS - 1 }, (_, index) => createWorkflow(random, `flow${index}`, { depth: 3, tasks: 5, waitMs: 700, sizeMax: 70_000 }))];
  if (settings.sleepy) workflows.push(sleeper('sleeper', 46_000 + random.below(25_000)));
  const keys = new Map<string, number>();
  const starts = Array.from({ length: settings.executions }, (_, index): StartPlan => {
    const organisation = random.pick(settings.organisations).name;
    const workflow = settings.sleepy && random.chance(0.3) ? 'sleeper' : random.chance(0.3) ? 'chain' : random.pick(workflows).name;
    // Who sleeps begins early, so that it wakes while things go wrong.
    const atMs = random.between(0, settings.loadMs * (workflow === 'sleeper' ? 0.15 : 0.85));
    const key = random.chance(0.35) ? `key${random.below(5)}` : undefined;
    const identity = `${organisation}/${workflow}/${key ?? ''}`;
    let n = random.below(1_000);
    if (key !== undefined) {
      // The same key mostly comes with the same input.
      const before = keys.get(identity);
      if (before !== undefined && !random.chance(0.15)) n = before;
      else if (before === undefined) keys.set(identity, n);
    }
    const execution =
      key === undefined
        ? makeTimedId({ cell: 0, slot: random.below(SLOT_COUNT), timeMs: Math.floor(epochMs + atMs), random: random.bytes(10) })
        : makeKeyedId({ cell: 0, hash: createHash('sha256').update(keyedIdentityText(organisation, workflow, key)).digest() });
    return { index, atMs, organisation, workflow, execution, n, key, through: random.chance(0.5) ? 'gateway' : 'trigger', waits: random.chance(0.5), cancelAfterMs: random.chance(0.06) ? random.between(0, 4_000) : undefined };
  });
  return { workflows, starts: starts.sort((a, b) => a.atMs - b.atMs) };
}
