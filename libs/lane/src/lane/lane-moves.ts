/**
 * Slots leave a lane and come to it, each with a frame of its own (`released`, `adopted`): before that frame the lane
 * acts for them, after it nothing here knows of them. What the log says of a slot is what counts, not the table
 * (slot-ownership.ts).
 */
import type { Clock } from '@millrace/clock';
import type { FrameHead, ReleasedSlots } from '@millrace/engine';
import { slotOf } from '@millrace/identity';
import type { LaneExecutions, LaneHost } from './lane-executions.ts';
import type { Message } from './message.ts';
import { encodeMoved, finishedAt, placeAt } from './moved-state.ts';
import type { LanePorts } from './ports.ts';

/** Before slots are given away, when ended executions have to be read from the log for history first, in milliseconds. */
const RELEASE_RETRY_MS = 1_000;

export interface LaneMoves {
  readonly host: LaneHost;
  readonly executions: LaneExecutions;
  readonly ports: LanePorts;
  readonly clock: Clock;
  /** Appends a frame that says so; undefined when the lane was given up meanwhile. */
  append(moved: Pick<FrameHead, 'released' | 'adopted'>): Promise<number | undefined>;
}

/** Gives slots away: what is known of them goes to the bucket, the frame says so, and then nothing of them is here. */
export async function release({ host, executions, ports, clock, append }: LaneMoves, { id, move, done }: Extract<Message, { kind: 'release' }>): Promise<void> {
  const before = executions.slots.released(id);
  const wanted = new Set(move.slots);
  // What stands in this log alone cannot go with its slots, nor a parent whose workflows are still to be told (L2).
  if (before === undefined && (executions.ended.backlog.size > 0 || executions.leaving.some((parent) => wanted.has(slotOf(parent))))) {
    clock.after(RELEASE_RETRY_MS, () => host.post({ kind: 'release', id, move, done }));
    return;
  }
  const leaving = new Set(move.slots.filter((slot) => executions.slots.owns(slot)));
  if (before !== undefined || leaving.size === 0) {
    done(before);
    return;
  }
  const isLeaving = (execution: string): boolean => leaving.has(slotOf(execution));
  const actors = [...executions.actors.values()].filter(({ slot }) => leaving.has(slot));
  const finished = [...executions.ended.finished.values()].filter((each) => isLeaving(each.id));
  const asleep = executions.sleepers.packed((slot) => leaving.has(slot));
  const texts = encodeMoved({ actors, finished, asleep, starts: executions.ended.memory.listed(isLeaving), partial: executions.ended.memory.partial });
  // Of this owner alone: one that is displaced meanwhile overwrites nothing that the log names.
  const objects = texts.map((text, index) => ({ name: `move.${id}.${host.number}.${host.epoch}.${index}`, text }));
  if (objects.length > 0) await ports.storePayloads(objects);
  const marker: ReleasedSlots = { move: id, slots: [...leaving], objects: objects.map(({ name }) => name), to: move.to };
  const sequence = await append({ released: marker });
  if (sequence === undefined) return;
  executions.slots.release(marker, sequence);
  for (const actor of actors) {
    executions.actors.delete(actor.execution.id);
    executions.upkeep.letGo(actor);
  }
  for (const each of finished) executions.ended.finished.delete(each.id);
  executions.refuse(executions.sleepers.forgetSlots((slot) => leaving.has(slot)), `The slot of the execution goes to lane ${move.to}`);
  executions.ended.memory.letGo(isLeaving);
  ports.letGo(host.number, actors.map(({ execution }) => execution));
  for (const actor of actors) for (const watcher of actor.watchers) watcher.refused('lane-displaced', `The slot of execution ${actor.execution.id} goes to lane ${move.to}`);
  done(marker);
}

/** Takes slots over: from this frame on the lane acts for what came with them. */
export async function adopt({ executions, append }: LaneMoves, { marker, state, done }: Extract<Message, { kind: 'adopt' }>, nowMs: number): Promise<void> {
  if (executions.slots.adopted(marker.move) === undefined) {
    const sequence = await append({ adopted: marker });
    if (sequence === undefined) return;
    executions.slots.adopt(marker, sequence);
    for (const { id, digest, endedAtMs } of state.starts) executions.ended.memory.recall(id, digest, endedAtMs);
    if (state.partial) executions.ended.memory.markPartial();
    for (const actor of state.actors) {
      placeAt(actor, sequence, nowMs);
      executions.actors.set(actor.execution.id, actor);
      executions.listeners.note(actor.execution);
      executions.upkeep.adopt(actor);
    }
    for (const each of state.finished) executions.takeFinished(finishedAt(each, sequence));
    executions.sleepers.gain(state.asleep);
    for (const { execution } of state.actors) executions.resume(execution);
  }
  done();
}
