/**
 * Taking a lane: fence, replay, then effects.
 *
 * - E2 The first append of the new epoch is the fence; before it an older owner could still append.
 * - E3 Replay applies every frame up to the fence to the checkpoints; it decides nothing. The first frame to be
 *   read is fixed before the checkpoints are: an older owner that does not know yet that it is one may store a
 *   checkpoint later and forget frames that the ones read here do not cover. The taking then fails, and is repeated.
 *   Slots that left or came meanwhile: replay.ts.
 *   A successor may begin the replay before its fence, and then reads only the rest behind it: the state is the same,
 *   for every frame from the first on is read once, in order.
 * - E9 Events of frames that no later frame calls announced are made again.
 */
import { createFrameWriter, decodeFrame, referencesOf, type Frame, type Program, type Transition } from '@millrace/engine';
import { Defect, MillraceError } from '@millrace/errors';
import { slotOf, slotsOfLane, type SlotTable } from '@millrace/identity';
import type { Actor, Finished } from './actor.ts';
import { createIdTable, type IdTable } from './id-table.ts';
import type { LaneLog } from './lane-log.ts';
import type { LeftChild } from './left-children.ts';
import { isTold, lifecycleEvent, type ToldRecord } from './lifecycle.ts';
import { decodeMoved, definitionsOfMoved } from './moved-state.ts';
import type { LifecycleEvent } from './ports.ts';
import { createReplay, type Replay } from './replay.ts';
import { createSleeperReplay } from './replay-sleepers.ts';
import type { StoredExecution } from './sleepers.ts';
import { createSlotOwnership, type SlotOwnership } from './slot-ownership.ts';
import { createStartMemory, inputDigest, type StartMemory } from './start-memory.ts';
import type { StoredCheckpoint } from '../history/checkpoint-store.ts';

/** What replay needs besides the log. */
export interface TakingPorts {
  /** The record format to write: the agreed one. */
  format(): number;
  /** The program of a definition's hash. Waits for the bucket; rejects when nobody has it. */
  program(hash: string): Promise<Program>;
  payload(name: string): Promise<string>;
  /** The slot table as its bucket's leader has it. */
  table(): Promise<SlotTable>;
  /** Checkpoints of executions of the slots that have not ended and do not sleep; the ids of those that sleep are added to `asleep`. Waits for the store. */
  checkpoints(slots: readonly number[], asleep: IdTable): Promise<readonly StoredCheckpoint[]>;
  /** What the store has of these; waits for it. */
  stored(executions: readonly string[]): Promise<readonly StoredExecution[]>;
  /** Keyed executions of the slots that ended lately, oldest first; `complete` when history has no others. */
  remembered(slots: readonly number[]): Promise<Remembered>;
  /** The programs of executions that are in history. */
  programsOf(executions: readonly string[]): Promise<ReadonlyMap<string, Program>>;
}

export interface Remembered {
  readonly starts: readonly { readonly id: string; readonly digest: string; readonly endedAtMs: number }[];
  readonly complete: boolean;
}

export interface TakenLane {
  readonly slots: SlotOwnership;
  readonly actors: ReadonlyMap<string, Actor>;
  /** Those that had ended when their slots came here, and that history may not have. */
  readonly finished: readonly Finished[];
  /** Executions of the lane that sleep: of these nothing but the id is in memory (E8). */
  readonly asleep: IdTable;
  /** Ended ones whose journals were left to the log, each with its first frame; see backlog.ts. */
  readonly backlog: IdTable;
  readonly memory: StartMemory;
  /** Events that may not have been published. */
  readonly events: readonly LifecycleEvent[];
  /** Workflows that may not have been told that nobody waits for them any more. */
  readonly left: readonly LeftChild[];
  readonly announcedBelow: number;
  readonly lastSequence: number;
  readonly inputSequence: number;
  readonly replayedFrames: number;
}

/** A replay under way. */
export interface LaneReplay {
  /** The first frame that the log had when it began. */
  readonly first: number;
  /** Applies every frame up to and including `last`; yields how many that were. Rejects when one is not there any more. */
  readTo(last: number): Promise<number>;
  /** What the lane is, once everything up to the fence has been read. */
  finish(fence: number): Promise<TakenLane>;
}

/**
 * Appends the fence as `epoch`, then replays. Rejects with `lane-displaced` when a higher epoch is there first.
 *
 * An older owner that still lives may forget frames, and the payloads they name, that its checkpoints cover: behind
 * the fence as well, for forgetting appends nothing. What was not read yet is then read anew, from those checkpoints.
 *
 * @param ahead a replay that was begun before, while the older owner still worked: only what came since is read then.
 */
export async function takeLane(log: LaneLog, epoch: number, instance: string, ports: TakingPorts, ahead?: LaneReplay): Promise<TakenLane> {
  const fence = await raiseFence(log, epoch, instance, ports.format());
  for (let begun = ahead; ; begun = undefined) {
    const replay = begun ?? (await beginReplay(log, ports));
    try {
      await replay.readTo(fence);
      return await replay.finish(fence);
    } catch (error) {
      // Nothing but the fence is appended below the fence: it ends at the latest when everything before it is forgotten.
      if (begun === undefined && (await log.first()) <= replay.first) throw error;
    }
  }
}

/**
 * Begins a replay with what the store has. Without a fence the owner goes on meanwhile: what it appends is read later,
 * what it stores later is not needed, for its frames are read as well.
 */
export async function beginReplay(log: LaneLog, ports: TakingPorts): Promise<LaneReplay> {
  const first = await log.first();
  // Slots leave and come only with frames: what the table says now, and the frames from `first` on, say what is ours.
  const table = await ports.table();
  const slots = createSlotOwnership(table, log.lane);
  const memory = createStartMemory();
  const own = slotsOfLane(table, log.lane);
  const asleep = createIdTable();
  const backlog = createIdTable({ withValues: true });
  const [checkpoints, remembered] = await Promise.all([ports.checkpoints(own, asleep), ports.remembered(own)]);
  for (const { id, digest, endedAtMs } of remembered.starts) memory.recall(id, digest, endedAtMs);
  if (!remembered.complete) memory.markPartial();
  const replay = createReplay(log.lane, (hash) => ports.program(hash));
  for (const stored of checkpoints) await replay.load(stored);
  const sleepers = createSleeperReplay({ lane: log.lane, replay, asleep, memory, slots, ports });
  let next = first;
  let frames = 0;
  let position = -1;
  let announcedBelow = 0;
  let highest = 0;
  let told: Told[] = [];
  let reread: Reread[] = [];
  let atMs = 0;

  async function take(frame: Frame, sequence: number): Promise<void> {
    if (frame.epoch < highest) throw new Defect(`lane ${log.lane}: frame ${sequence} of epoch ${frame.epoch} stands after epoch ${highest}`);
    highest = frame.epoch;
    if (frame.inputSequence > position) {
      position = frame.inputSequence;
      reread = [];
    }
    if (frame.released !== undefined) {
      slots.release(frame.released, sequence);
      replay.release(frame.released.slots);
      sleepers.release(frame.released.slots);
      letGoOf(memory, frame.released.slots);
    }
    if (frame.adopted !== undefined) {
      slots.adopt(frame.adopted, sequence);
      const state = await decodeMoved(await textsOf(frame.adopted.objects, ports), (hash) => ports.program(hash));
      sleepers.release(frame.adopted.slots);
      await replay.adopt(frame.adopted.slots, state, await ports.checkpoints(frame.adopted.slots, asleep), sequence, atMs);
      sleepers.adopt(state);
      for (const { id, digest, endedAtMs } of state.starts) memory.recall(id, digest, endedAtMs);
      if (state.partial) memory.markPartial();
    }
    await sleepers.prepare(frame, sequence);
    for (const transition of frame.transitions) {
      noteStart(transition, reread);
      atMs = transition.atMs;
      const isSleeping = sleepers.covers(transition.execution);
      if (!isSleeping) await replay.transition(transition, sequence);
      for (const record of transition.records) if (isTold(record)) told.push({ sequence, transition, record, program: replay.programOf(transition.execution) });
    }
    if (frame.announcedBelow !== undefined && frame.announcedBelow > announcedBelow) {
      announcedBelow = frame.announcedBelow;
      told = told.filter((each) => each.sequence >= announcedBelow);
      replay.left(announcedBelow);
    }
    // Whoever waits for an end that may not have been told is told by what is in memory.
    replay.shed(announcedBelow, backlog, memory);
  }

  return {
    first,
    async readTo(last) {
      const before = frames;
      if (last < next) return 0;
      for await (const { sequence, text } of log.read(next, last)) {
        await take(await decode(text, ports), sequence);
        next = sequence + 1;
        frames++;
      }
      return frames - before;
    },
    async finish(fence) {
      replay.finish();
      for (const { id, digest, atMs: startedAtMs } of reread) memory.recall(id, digest, startedAtMs);
      const events = await eventsOf(log.lane, told, replay, slots, ports);
      return { slots, actors: replay.actors, finished: [...replay.finished.values()], asleep, backlog, memory, events, left: replay.left(announcedBelow), announcedBelow, lastSequence: fence, inputSequence: Math.max(position, 0), replayedFrames: frames };
    },
  };
}

function letGoOf(memory: StartMemory, slots: readonly number[]): void {
  const left = new Set(slots);
  memory.letGo((id) => left.has(slotOf(id)));
}

async function textsOf(names: readonly string[], ports: TakingPorts): Promise<readonly string[]> {
  return Promise.all(names.map((name) => ports.payload(name)));
}

/** A record whose event may have to be made again. */
interface Told {
  readonly sequence: number;
  readonly transition: Transition;
  readonly record: ToldRecord;
  readonly program: Program | undefined;
}

interface Reread {
  readonly id: string;
  readonly digest: string;
  readonly atMs: number;
}

/**
 * An input whose message the log does not hold whole is read again: the start may be in the log and the position
 * behind it not. Without a key nothing else would know it once history has it.
 */
function noteStart({ execution, atMs, records: [first] }: Transition, reread: Reread[]): void {
  if (first?.kind === 'started' && first.acceptedBy !== 'gateway') reread.push({ id: execution, digest: inputDigest(first.input), atMs });
}

async function eventsOf(lane: number, told: readonly Told[], replay: Replay, slots: SlotOwnership, ports: TakingPorts): Promise<readonly LifecycleEvent[]> {
  // An execution that began below the first frame and has ended, or left, is known to history or to what it left with.
  const gone = told.flatMap(({ transition: { execution }, program }) => ((program ?? replay.programOf(execution)) === undefined ? [execution] : []));
  const programs = new Map<string, Program>();
  if (gone.length > 0) {
    const left = slots.openReleases().flatMap(({ marker }) => marker.objects);
    const hashes = definitionsOfMoved(await textsOf(left, ports));
    for (const id of gone) {
      const hash = hashes.get(id);
      if (hash !== undefined) programs.set(id, await ports.program(hash));
    }
    const others = gone.filter((id) => !programs.has(id));
    if (others.length > 0) for (const [id, program] of await ports.programsOf(others)) programs.set(id, program);
  }
  const events: LifecycleEvent[] = [];
  for (const { sequence, transition, record, program: then } of told) {
    const { organisation, execution, atMs } = transition;
    const program = then ?? replay.programOf(execution) ?? programs.get(execution);
    if (program !== undefined) events.push(lifecycleEvent(record, program, { lane, sequence, atMs, organisation, execution }));
  }
  return events;
}

async function raiseFence(log: LaneLog, epoch: number, instance: string, format: number): Promise<number> {
  for (;;) {
    const tail = await log.tail();
    const last = tail.head?.epoch ?? 0;
    if (last >= epoch) throw new MillraceError('lane-displaced', { message: `Lane ${log.lane} is at epoch ${last}; epoch ${epoch} comes too late`, details: { lane: log.lane, epoch: last } });
    log.expectAfter(tail.sequence);
    const { text } = createFrameWriter(epoch, format).finish({ lane: log.lane, epoch, inputSequence: tail.head?.inputSequence ?? 0, owner: instance });
    try {
      return await log.append(Buffer.from(text), epoch);
    } catch (error) {
      // A frame of the older owner came in between: the fence stands behind it then.
      if (!(error instanceof Defect)) throw error;
    }
  }
}

async function decode(text: string, ports: TakingPorts): Promise<Frame> {
  const texts = new Map<string, string>();
  for (const name of referencesOf(text)) texts.set(name, await ports.payload(name));
  return decodeFrame(text, (name) => texts.get(name) ?? 'null');
}
