/** E3: what a lane's owner has in memory between two frames is what the log amounts to. */
import { restore, snapshotOf, type Snapshot } from '@millrace/engine';
import type { Lane } from '@millrace/lane';
import type { Cluster } from '../product/cluster.ts';

/** Asks every lane, to be answered between two of its frames. */
export function compareMemories(cluster: Cluster): void {
  for (const { machine, host } of cluster.orchestrators.values()) {
    if (!machine.alive || machine.world.nowMs < machine.standsUntilMs) continue;
    for (const lane of host.lanes.all()) lane.post({ kind: 'query', run: () => machine.alive && compare(cluster, lane, machine.id) });
  }
}

/** Whoever sleeps has all of itself in its checkpoint (Z1). */
function compareSleeper(cluster: Cluster, id: string): void {
  const { truth, violations } = cluster.observer;
  const stored = cluster.database.checkpoints.get(id);
  const known = truth.executions.get(id);
  if (!violations.check('E8', stored !== undefined, () => `execution ${id} sleeps, and there is no checkpoint of it`) || stored === undefined || known === undefined) return;
  const text = stored.reference === undefined ? stored.state : (cluster.objects.get(stored.reference) ?? '');
  const state = JSON.stringify(snapshotOf(restore(known.execution.organisation, id, known.execution.program, JSON.parse(text) as Snapshot)));
  violations.check('E8', state === truth.stateOf(id), () => `the checkpoint of sleeping execution ${id} is not what the log amounts to:\n    ${state}\n    ${truth.stateOf(id) ?? ''}`);
}

function compare(cluster: Cluster, lane: Lane, owner: string): void {
  const { truth, violations } = cluster.observer;
  const known = truth.laneOf(lane.number);
  // A former owner does not know yet that it is one.
  if (known.epoch !== lane.epoch) return;
  for (const [id, durable] of truth.executions) {
    if (durable.lane !== lane.number || durable.ends > 0) continue;
    const actor = lane.actors.get(id);
    if (actor === undefined && lane.sleeps(id)) {
      compareSleeper(cluster, id);
      continue;
    }
    if (!violations.check('E3', actor !== undefined, () => `${owner} owns lane ${lane.number} and does not have execution ${id}, which has not ended`) || actor === undefined) continue;
    const memory = JSON.stringify(snapshotOf(actor.execution));
    violations.check('E3', memory === truth.stateOf(id), () => `execution ${id} in the memory of ${owner} is not what the log amounts to:\n    ${memory}\n    ${truth.stateOf(id) ?? ''}`);
  }
  // One that ended in the very frame before is let go in a moment.
  for (const [id, actor] of lane.actors) violations.check('E3', truth.executions.get(id)?.ends === (actor.execution.end === undefined ? 0 : 1), () => `${owner} runs execution ${id} in lane ${lane.number}, which has ended or never began`);
}
