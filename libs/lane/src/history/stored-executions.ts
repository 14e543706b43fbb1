/**
 * What the store has of executions that are in no memory: running ones among the checkpoints, ended ones in the
 * history.
 *
 * - Checkpoints are read first. Whoever writes an end removes the checkpoint after it, so nothing falls between.
 * - A checkpoint of what history has is left over from a crash between the two writes, and is removed.
 */
import type { Program } from '@millrace/engine';
import type { SleeperStore, StoredExecution } from '../lane/sleepers.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import type { HistoryStore } from './history-store.ts';

export interface StoredExecutionsOptions {
  readonly checkpoints: CheckpointStore;
  readonly history: HistoryStore;
  /** The program of a definition's hash; rejects when nobody has it. */
  program(hash: string): Promise<Program>;
}

export function createStoredExecutions({ checkpoints, history, program }: StoredExecutionsOptions): SleeperStore {
  return {
    due: (slots, after, untilMs, limit) => checkpoints.due(slots, after, untilMs, limit),
    async read(ids) {
      const found = await checkpoints.get(ids);
      const ended = await history.digestsOf(ids);
      const leftOver = found.filter(({ id }) => ended.has(id));
      if (leftOver.length > 0) await checkpoints.remove(leftOver.map(({ id }) => id));
      const running = found.filter(({ id }) => !ended.has(id));
      return [
        ...[...ended].map(([id, digest]): StoredExecution => ({ kind: 'ended', id, digest })),
        ...(await Promise.all(running.map(async (checkpoint): Promise<StoredExecution> => ({ kind: 'running', checkpoint, program: await program(checkpoint.snapshot.definition) })))),
      ];
    },
  };
}
