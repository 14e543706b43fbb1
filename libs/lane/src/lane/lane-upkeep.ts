/**
 * What a lane does behind its log: checkpoints of what has changed, and forgetting what recovery does not need.
 *
 * Owns which actors are dirty and how far the log may be truncated. Does not own how a checkpoint is stored.
 *
 * - U1 A frame is forgotten only when a stored checkpoint or history has all its executions, and JetStream its events.
 * - U1 holds for what slots left or came with as well: see slot-ownership.ts, O2.
 * - U2 An input is forgotten only when a durable frame says that it has been taken.
 * - `run` is called when state and log agree.
 */
import type { Logger } from '@millrace/telemetry';
import type { Actor, Finished } from './actor.ts';
import type { LaneLog } from './lane-log.ts';
import type { LanePorts } from './ports.ts';
import type { SlotOwnership } from './slot-ownership.ts';

/** An execution is checkpointed once its changes are this old, in milliseconds. */
const CHECKPOINT_AGE_MS = 2_000;
/** An execution whose journal has grown by so many bytes since its last checkpoint is checkpointed without waiting. */
const CHECKPOINT_JOURNAL_BYTES = 2 * 1024 ** 2;
/** Checkpoints written at once; the next follow when these are stored. */
const CHECKPOINTS_MAX = 1_000;
/** Between two truncations, in milliseconds. */
const TRUNCATE_MS = 900;

export interface LaneUpkeep {
  /** The actor has changed in the frame `sequence`. */
  touch(actor: Actor, sequence: number, nowMs: number): void;
  /** An actor that came out of its checkpoint, with nothing to add: it may go to sleep again. */
  woken(actor: Actor): void;
  /** The database has these payloads; frames up to the sequence may name their objects. */
  retire(sequence: number, names: readonly string[]): void;
  /** A replayed actor that has changes of its own. */
  adopt(actor: Actor): void;
  /** The actor has ended. */
  drop(actor: Actor): void;
  /** The actor has left with its slot: it is another lane's to store. */
  letGo(actor: Actor): void;
  /** Frames below it need not be there any more. */
  readonly truncatedBelow: number;
  /** Checkpoints what has been dirty for long, and truncates. */
  run(nowMs: number): void;
  /** Events of the frames below it are in JetStream. */
  readonly announcedBelow: number;
  /** Why the lane takes no new starts, if it takes none. */
  overBudget(): string | undefined;
}

export interface LaneUpkeepOptions {
  readonly number: number;
  readonly epoch: number;
  readonly log: LaneLog;
  readonly ports: LanePorts;
  readonly logger: Logger;
  readonly finished: ReadonlyMap<string, Finished>;
  readonly slots: Pick<SlotOwnership, 'lowWater'>;
  readonly announcedBelow: number;
  /** The last frame that is durable, and the last input that it holds. */
  durable(): { readonly sequence: number; readonly inputSequence: number };
  /** Calls `run` again when state and log next agree. */
  again(): void;
  /** The first frame that ended executions need whose journals are in the log alone; Infinity when there are none. */
  backlogLowWater(): number;
  /** Its changes may not be covered by a checkpoint yet: the frames that hold them are still needed. */
  isHeld(actor: Actor): boolean;
  /** The actor's checkpoint has all of it: it may leave memory. */
  rest(actor: Actor): void;
}

export function createLaneUpkeep({ number, epoch, log, ports, logger, finished, slots, announcedBelow: before, durable, again, backlogLowWater, isHeld, rest }: LaneUpkeepOptions): LaneUpkeep {
  // In the order they became dirty, nearly: the oldest come first.
  const dirty = new Set<Actor>();
  /** Actors with a long journal, checkpointed first. */
  const long = new Set<Actor>();
  /** Actors whose checkpoint is on its way. */
  const storing = new Set<Actor>();
  /** Actors whose checkpoint is stored: they may go to sleep unless they have changed. */
  let settled: Actor[] = [];
  let checkpointing = false;
  let truncating = false;
  let truncatedAtMs = -Infinity;
  let forgottenInput = 0;
  let logBytes = 0;
  let announcedBelow = before;
  let truncatedBelow = 0;
  /** Payloads that the database has, each with the last frame that may name it. */
  let retired: { readonly sequence: number; readonly names: readonly string[] }[] = [];

  function checkpoint(batch: readonly Actor[], nowMs: number): void {
    checkpointing = true;
    const stored = ports.checkpoint(number, epoch, batch);
    for (const actor of batch) {
      actor.storingFirstSequence = actor.firstDirtySequence;
      actor.firstDirtySequence = 0;
      // From here on there may be a checkpoint, which its end has to remove.
      actor.checkpointed = true;
      dirty.delete(actor);
      long.delete(actor);
      storing.add(actor);
    }
    const settle = (isStored: boolean): void => {
      checkpointing = false;
      for (const actor of batch) {
        const isHere = storing.delete(actor);
        if (!isStored && isHere) {
          actor.firstDirtySequence = actor.storingFirstSequence;
          actor.dirtySinceMs = nowMs;
          if (actor.execution.end === undefined) dirty.add(actor);
        }
        actor.storingFirstSequence = 0;
        if (isStored) actor.isStored = true;
        if (isStored && actor.firstDirtySequence === 0) settled.push(actor);
      }
    };
    stored.then(
      (kept) => {
        settle(true);
        retire(durable().sequence, kept);
        if (batch.length === CHECKPOINTS_MAX || long.size > 0) again();
      },
      (error: unknown) => {
        logger.warn('Checkpoints not stored', { lane: number, executions: batch.length, error });
        settle(false);
      },
    );
  }

  /** The first frame that recovery would need (U1). */
  function lowWater(): number {
    let low = durable().sequence;
    for (const actor of dirty) low = Math.min(low, actor.firstDirtySequence);
    for (const actor of storing) low = Math.min(low, actor.storingFirstSequence);
    for (const each of finished.values()) low = Math.min(low, each.firstSequence);
    low = Math.min(low, backlogLowWater());
    return Math.min(low, announcedBelow, slots.lowWater());
  }

  function retire(sequence: number, names: readonly string[]): void {
    if (names.length > 0) retired.push({ sequence, names });
  }

  /** Removes the objects of payloads that no frame names any more. */
  async function forgetRetired(): Promise<void> {
    const gone = retired.filter(({ sequence }) => sequence < truncatedBelow);
    if (gone.length === 0) return;
    await ports.forgetPayloads(gone.flatMap(({ names }) => names));
    retired = retired.filter((each) => !gone.includes(each));
  }

  async function truncate(): Promise<void> {
    const { inputSequence } = durable();
    truncating = true;
    try {
      const below = lowWater();
      await log.truncate(below);
      truncatedBelow = Math.max(truncatedBelow, below);
      await forgetRetired();
      logBytes = await log.bytes();
      if (inputSequence > forgottenInput) {
        await log.truncateInputs(inputSequence);
        forgottenInput = inputSequence;
      }
    } catch (error) {
      logger.debug('Truncation put off', { lane: number, error });
    } finally {
      truncating = false;
    }
  }

  return {
    touch(actor, sequence, nowMs) {
      actor.lastSequence = sequence;
      if (actor.firstDirtySequence === 0) {
        actor.firstDirtySequence = sequence;
        actor.dirtySinceMs = nowMs;
        dirty.add(actor);
      }
      if (actor.journal.size < CHECKPOINT_JOURNAL_BYTES || long.has(actor)) return;
      long.add(actor);
      again();
    },
    retire,
    woken: (actor) => void settled.push(actor),
    adopt(actor) {
      if (actor.firstDirtySequence > 0) dirty.add(actor);
    },
    drop(actor) {
      dirty.delete(actor);
      long.delete(actor);
    },
    letGo(actor) {
      dirty.delete(actor);
      long.delete(actor);
      storing.delete(actor);
    },
    get truncatedBelow() {
      return truncatedBelow;
    },
    run(nowMs) {
      const clean = settled;
      settled = [];
      for (const actor of clean) if (actor.firstDirtySequence === 0 && actor.storingFirstSequence === 0 && actor.execution.end === undefined) rest(actor);
      // The events of the last frame itself may not have been handed over yet.
      announcedBelow = Math.max(announcedBelow, Math.min(ports.outboxLowWater(number), durable().sequence));
      if (!checkpointing) {
        const batch: Actor[] = [...long].filter((actor) => dirty.has(actor) && !isHeld(actor)).slice(0, CHECKPOINTS_MAX);
        for (const actor of dirty) {
          if (nowMs - actor.dirtySinceMs < CHECKPOINT_AGE_MS || batch.length >= CHECKPOINTS_MAX) break;
          if (!long.has(actor) && !isHeld(actor)) batch.push(actor);
        }
        if (batch.length > 0) checkpoint(batch, nowMs);
      }
      if (!truncating && Math.abs(nowMs - truncatedAtMs) >= TRUNCATE_MS) {
        truncatedAtMs = nowMs;
        void truncate();
      }
    },
    get announcedBelow() {
      return announcedBelow;
    },
    overBudget() {
      if (logBytes < ports.logBytesMax) return undefined;
      return `The log of lane ${number} takes ${logBytes} bytes of its ${ports.logBytesMax}; starts are taken again once history has caught up`;
    },
  };
}
