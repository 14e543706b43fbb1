/**
 * Sleepers whose transitions stand in the log that is replayed.
 *
 * - Those that a frame goes beyond are read from the store, and are awake from there on; all others stay where they
 *   are, so that start-up loads no sleeper (E8).
 * - Whoever is known to nobody is asked for too: an older owner may have stored its checkpoint just when the others
 *   were read.
 */
import type { Frame, Transition } from '@millrace/engine';
import { slotOf } from '@millrace/identity';
import { actorOfCheckpoint } from './actor.ts';
import type { IdTable } from './id-table.ts';
import type { MovedState } from './moved-state.ts';
import type { Replay } from './replay.ts';
import type { SlotOwnership } from './slot-ownership.ts';
import type { StartMemory } from './start-memory.ts';
import type { TakingPorts } from './take-lane.ts';

export interface SleeperReplayOptions {
  readonly lane: number;
  readonly replay: Replay;
  /** Who sleeps; those that are awake are taken out. */
  readonly asleep: IdTable;
  readonly memory: StartMemory;
  readonly slots: SlotOwnership;
  readonly ports: Pick<TakingPorts, 'stored'>;
}

export interface SleeperReplay {
  /** Looks at the sleepers of one frame before it is applied. */
  prepare(frame: Frame, sequence: number): Promise<void>;
  /** Whether the execution sleeps on, so that its transition says nothing new. */
  covers(execution: string): boolean;
  release(slots: readonly number[]): void;
  /** What came with slots was in an owner's memory, whatever its checkpoint says. */
  adopt(state: MovedState): void;
}

export function createSleeperReplay({ lane, replay, asleep, memory, slots, ports }: SleeperReplayOptions): SleeperReplay {
  /** The last frame that the checkpoint of a sleeper covers. */
  const covered = new Map<string, number>();
  /** In history. */
  const ended = new Set<string>();

  function isOpen({ execution: id, records: [first] }: Transition, sequence: number): boolean {
    if (asleep.has(id)) return (covered.get(id) ?? 0) < sequence;
    return first?.kind !== 'started' && !replay.actors.has(id) && !replay.finished.has(id) && !ended.has(id) && slots.owns(slotOf(id));
  }

  return {
    async prepare({ transitions }, sequence) {
      const open = new Set<string>();
      // What begins in this frame is known to the rest of it.
      const begun = new Set<string>();
      for (const transition of transitions) {
        const { execution: id, records } = transition;
        if (records[0]?.kind === 'started') begun.add(id);
        if (isOpen(transition, sequence) && (asleep.has(id) || !begun.has(id))) open.add(id);
      }
      if (open.size === 0) return;
      for (const stored of await ports.stored([...open])) {
        if (stored.kind === 'ended') {
          memory.recall(stored.id, stored.digest, transitions[0]?.atMs ?? 0);
          continue;
        }
        const { checkpoint, program } = stored;
        open.delete(checkpoint.id);
        const { lastSequence } = actorOfCheckpoint(checkpoint, program, lane);
        covered.set(checkpoint.id, lastSequence);
        if (asleep.has(checkpoint.id) && lastSequence >= sequence) continue;
        asleep.delete(checkpoint.id);
        await replay.load(checkpoint);
      }
      // Those are in history: their checkpoint is left over from a crash between the two writes.
      for (const id of open) {
        asleep.delete(id);
        ended.add(id);
      }
    },
    covers: (id) => asleep.has(id),
    release(left) {
      const gone = new Set(left);
      asleep.deleteSlots((slot) => gone.has(slot));
      for (const id of covered.keys()) if (gone.has(slotOf(id))) covered.delete(id);
    },
    adopt(state) {
      for (const { execution } of state.actors) asleep.delete(execution.id);
      for (const { id } of state.finished) asleep.delete(id);
    },
  };
}
