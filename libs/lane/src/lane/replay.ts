/**
 * The executions of a lane as its log tells of them: checkpoints, and frame by frame what came after (E3).
 *
 * Owns which frames an execution has already, and what slots that left or came mean for that. Decides nothing.
 *
 * P1 A checkpoint of this lane covers its frames up to its sequence. One of another lane is from before its slot came
 *    here: of the frames before that it covers nothing, and of those after it everything is news.
 * P3 A frame may hold several transitions of one execution; it has either all of them already or none.
 * P2 With slots that leave, all that is known of them goes; with slots that come, what the objects say begins, and
 *    checkpoints of executions that were not in anybody's memory.
 */
import { apply, start, type Execution, type Program, type Transition } from '@millrace/engine';
import { slotOf } from '@millrace/identity';
import { actorOfCheckpoint, createActor, finishedOf, type Actor, type Finished } from './actor.ts';
import { BACKLOG_CHARACTERS } from './backlog.ts';
import type { IdTable } from './id-table.ts';
import { watchChildren, type LeftChild } from './left-children.ts';
import { finishedAt, placeAt, type MovedState } from './moved-state.ts';
import type { StartMemory } from './start-memory.ts';
import type { StoredCheckpoint } from '../history/checkpoint-store.ts';

export interface Replay {
  readonly actors: ReadonlyMap<string, Actor>;
  /** Those that had ended when they came with their slots. */
  readonly finished: ReadonlyMap<string, Finished>;
  /** The program of an execution that was here at some time. */
  programOf(execution: string): Program | undefined;
  load(stored: StoredCheckpoint): Promise<void>;
  transition(transition: Transition, sequence: number): Promise<void>;
  release(slots: readonly number[]): void;
  adopt(slots: readonly number[], state: MovedState, stored: readonly StoredCheckpoint[], sequence: number, atMs: number): Promise<void>;
  /** Ended executions whose journals need not be in memory are left to the log once they are many (backlog.ts): those that ended below a frame. */
  shed(below: number, to: IdTable, memory: StartMemory): void;
  /** Workflows that were left in the frames that were read, from the frame `from` on. */
  left(from: number): readonly LeftChild[];
  /** Applies what could not be placed before the end of the log was known. */
  finish(): void;
}

export function createReplay(lane: number, programOfHash: (hash: string) => Promise<Program>): Replay {
  const actors = new Map<string, Actor>();
  const finished = new Map<string, Finished>();
  /** The last frame that an execution's checkpoint, or the objects it came with, know of (P3). */
  const covered = new Map<string, number>();
  const gone = new Map<string, Program>();
  /** Frames of executions whose checkpoint is of another lane: whether they are older or later shows at a frame that adopts (P1). */
  const deferred = new Map<string, { readonly transition: Transition; readonly sequence: number }[]>();

  /** Those that ended in the frames that were read, in order, and the length of their journals. */
  let ended: Actor[] = [];
  let endedBytes = 0;
  let left: LeftChild[] = [];
  /** Slots that came with a frame that was read. */
  const here = new Set<number>();

  function forget(slots: ReadonlySet<number>): void {
    for (const [id, actor] of actors) {
      if (!slots.has(actor.slot)) continue;
      gone.set(id, actor.execution.program);
      actors.delete(id);
      deferred.delete(id);
    }
    for (const [id, each] of finished) {
      if (!slots.has(slotOf(id))) continue;
      gone.set(id, each.program);
      finished.delete(id);
    }
  }

  async function load(stored: StoredCheckpoint): Promise<void> {
    const program = await programOfHash(stored.snapshot.definition);
    const actor = actorOfCheckpoint(stored, program, lane);
    covered.set(stored.id, actor.lastSequence);
    actors.set(stored.id, actor);
    // Its slot is here since a frame that was read: what the log says of it next is later.
    if (isOfAnother(stored) && !here.has(actor.slot)) deferred.set(stored.id, []);
  }

  function isOfAnother(stored: StoredCheckpoint): boolean {
    return stored.lane !== undefined && stored.lane !== lane;
  }

  function applyTo(actor: Actor, { atMs, records, entry }: Transition, sequence: number): void {
    const { execution } = actor;
    const leftBy = watchChildren(execution);
    for (const record of records) if (record.kind !== 'started') apply(execution, record, atMs);
    for (const activation of leftBy?.(records) ?? []) left.push({ execution, activation, sequence });
    if (entry !== undefined) actor.journal.append(entry);
    if (actor.firstDirtySequence === 0) {
      actor.firstDirtySequence = sequence;
      actor.dirtySinceMs = atMs;
    }
    actor.lastSequence = sequence;
    if (actor.execution.end === undefined) return;
    ended.push(actor);
    endedBytes += actor.journal.size;
  }

  return {
    actors,
    finished,
    programOf: (execution) => actors.get(execution)?.execution.program ?? finished.get(execution)?.program ?? gone.get(execution),
    load,
    async transition(transition, sequence) {
      const { organisation, execution: id, records } = transition;
      const waiting = deferred.get(id);
      if (waiting !== undefined) {
        waiting.push({ transition, sequence });
        return;
      }
      let actor = actors.get(id);
      const [first] = records;
      if (actor === undefined) {
        // Without its first record the rest belongs to an execution that has ended and is in history, or that has left.
        if (first?.kind !== 'started') return;
        const program = await programOfHash(first.definition);
        const execution: Execution = start(organisation, id, program, first);
        actor = createActor(execution);
        actors.set(id, actor);
      } else if (sequence <= (covered.get(id) ?? 0)) return;
      applyTo(actor, transition, sequence);
    },
    release(slots) {
      for (const slot of slots) here.delete(slot);
      forget(new Set(slots));
    },
    async adopt(slots, state, stored, sequence, atMs) {
      const came = new Set(slots);
      forget(came);
      for (const slot of slots) here.add(slot);
      for (const actor of state.actors) {
        placeAt(actor, sequence, atMs);
        covered.set(actor.execution.id, sequence);
        actors.set(actor.execution.id, actor);
      }
      for (const each of state.finished) finished.set(each.id, finishedAt(each, sequence));
      for (const each of stored) {
        if (!came.has(slotOf(each.id)) || finished.has(each.id)) continue;
        const known = actors.get(each.id);
        const isLater = !isOfAnother(each) && each.sequence >= sequence;
        if (known !== undefined && !isLater && each.hop <= known.hop) continue;
        await load(each);
      }
    },
    shed(below, to, memory) {
      if (endedBytes < BACKLOG_CHARACTERS) return;
      let count = 0;
      for (const actor of ended) {
        if (actor.lastSequence >= below || endedBytes < BACKLOG_CHARACTERS / 2) break;
        count++;
        endedBytes -= actor.journal.size;
        const finished = actors.get(actor.execution.id) === actor ? finishedOf(actor) : undefined;
        if (finished?.isWhole !== true) continue;
        actors.delete(finished.id);
        to.set(finished.id, finished.firstSequence);
        if (finished.key !== undefined) memory.remember(finished.id, finished.input, finished.endedAtMs);
      }
      ended = ended.slice(count);
    },
    left(from) {
      left = left.filter(({ sequence }) => sequence >= from);
      return left;
    },
    finish() {
      for (const [id, list] of deferred) {
        const actor = actors.get(id);
        if (actor !== undefined) for (const { transition, sequence } of list) applyTo(actor, transition, sequence);
      }
      deferred.clear();
    },
  };
}
