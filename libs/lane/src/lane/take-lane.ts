/**
 * Taking a lane: fence, replay, then effects.
 *
 * - E2 The first append of the new epoch is the fence; before it an older owner could still append.
 * - E3 Replay applies every frame up to the fence to the checkpoints; it decides nothing. The first frame to be
 *   read is fixed before the checkpoints are: an older owner that does not know yet that it is one may store a
 *   checkpoint later and forget frames that the ones read here do not cover. The taking then fails, and is repeated.
 * - E9 Events of frames that no later frame calls announced are made again.
 */
import { apply, createFrameWriter, decodeFrame, referencesOf, restore, start, type Frame, type Program, type Transition } from '@millrace/engine';
import { Defect, MillraceError } from '@millrace/errors';
import { createActor, type Actor } from './actor.ts';
import type { LaneLog } from './lane-log.ts';
import { isTold, lifecycleEvent, type ToldRecord } from './lifecycle.ts';
import type { LifecycleEvent } from './ports.ts';
import { createStartMemory, inputDigest, type StartMemory } from './start-memory.ts';
import type { StoredCheckpoint } from '../history/checkpoint-store.ts';

/** What replay needs besides the log. */
export interface TakingPorts {
  /** The program of a definition's hash. Waits for the bucket; rejects when nobody has it. */
  program(hash: string): Promise<Program>;
  payload(name: string): Promise<string>;
  /** Checkpoints of the lane's slots that have not ended; waits for the store. */
  checkpoints(lane: number): Promise<readonly StoredCheckpoint[]>;
  /** Keyed executions of the lane's slots that ended lately, oldest first; `complete` when history has no others. */
  remembered(lane: number): Promise<Remembered>;
  /** The programs of executions that are in history. */
  programsOf(executions: readonly string[]): Promise<ReadonlyMap<string, Program>>;
}

export interface Remembered {
  readonly starts: readonly { readonly id: string; readonly digest: string; readonly endedAtMs: number }[];
  readonly complete: boolean;
}

export interface TakenLane {
  readonly actors: ReadonlyMap<string, Actor>;
  readonly memory: StartMemory;
  /** Events that may not have been published. */
  readonly events: readonly LifecycleEvent[];
  readonly announcedBelow: number;
  readonly lastSequence: number;
  readonly inputSequence: number;
  readonly replayedFrames: number;
}

/**
 * Appends the fence as `epoch`, then replays. Rejects with `lane-displaced` when a higher epoch is there first.
 */
export async function takeLane(log: LaneLog, epoch: number, instance: string, ports: TakingPorts): Promise<TakenLane> {
  const fence = await raiseFence(log, epoch, instance);
  const first = await log.first();
  const actors = new Map<string, Actor>();
  const memory = createStartMemory();
  const [checkpoints, remembered] = await Promise.all([ports.checkpoints(log.lane), ports.remembered(log.lane)]);
  for (const { id, digest, endedAtMs } of remembered.starts) memory.recall(id, digest, endedAtMs);
  if (!remembered.complete) memory.markPartial();
  for (const stored of checkpoints) {
    const program = await ports.program(stored.snapshot.definition);
    const actor = createActor(restore(stored.organisation, stored.id, program, stored.snapshot));
    // One of another lane is from before its slot came here: every frame of this log is later.
    const isForeign = stored.lane !== undefined && stored.lane !== log.lane;
    actor.hop = isForeign ? stored.hop + 1 : stored.hop;
    actor.lastSequence = isForeign ? 0 : stored.sequence;
    actor.segments = stored.segments;
    actor.checkpointed = true;
    actors.set(stored.id, actor);
  }
  let frames = 0;
  let position = -1;
  let announcedBelow = 0;
  let highest = 0;
  let told: Told[] = [];
  let reread: Reread[] = [];
  for await (const { sequence, text } of log.read(first, fence)) {
    const frame = await decode(text, ports);
    if (frame.epoch < highest) throw new Defect(`lane ${log.lane}: frame ${sequence} of epoch ${frame.epoch} stands after epoch ${highest}`);
    highest = frame.epoch;
    if (frame.inputSequence > position) {
      position = frame.inputSequence;
      reread = [];
    }
    for (const transition of frame.transitions) {
      noteStart(transition, reread);
      for (const record of transition.records) if (isTold(record)) told.push({ sequence, transition, record });
      await replay(actors, transition, sequence, ports);
    }
    if (frame.announcedBelow !== undefined && frame.announcedBelow > announcedBelow) {
      announcedBelow = frame.announcedBelow;
      told = told.filter((each) => each.sequence >= announcedBelow);
    }
    frames++;
  }
  for (const { id, digest, atMs } of reread) memory.recall(id, digest, atMs);
  const events = await eventsOf(log.lane, told, actors, ports);
  return { actors, memory, events, announcedBelow, lastSequence: fence, inputSequence: Math.max(position, 0), replayedFrames: frames };
}

/** A record whose event may have to be made again. */
interface Told {
  readonly sequence: number;
  readonly transition: Transition;
  readonly record: ToldRecord;
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

async function eventsOf(lane: number, told: readonly Told[], actors: ReadonlyMap<string, Actor>, ports: TakingPorts): Promise<readonly LifecycleEvent[]> {
  // An execution that began below the first frame and has ended is known to history alone.
  const gone = told.flatMap(({ transition }) => (actors.has(transition.execution) ? [] : [transition.execution]));
  const programs = gone.length === 0 ? new Map<string, Program>() : await ports.programsOf(gone);
  const events: LifecycleEvent[] = [];
  for (const { sequence, transition, record } of told) {
    const { organisation, execution, atMs } = transition;
    const program = actors.get(execution)?.execution.program ?? programs.get(execution);
    if (program !== undefined) events.push(lifecycleEvent(record, program, { lane, sequence, atMs, organisation, execution }));
  }
  return events;
}

async function raiseFence(log: LaneLog, epoch: number, instance: string): Promise<number> {
  for (;;) {
    const tail = await log.tail();
    const last = tail.head?.epoch ?? 0;
    if (last >= epoch) throw new MillraceError('lane-displaced', { message: `Lane ${log.lane} is at epoch ${last}; epoch ${epoch} comes too late`, details: { lane: log.lane, epoch: last } });
    log.expectAfter(tail.sequence);
    const { text } = createFrameWriter(epoch).finish({ lane: log.lane, epoch, inputSequence: tail.head?.inputSequence ?? 0, owner: instance });
    try {
      return await log.append(text, epoch);
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

async function replay(actors: Map<string, Actor>, transition: Transition, sequence: number, ports: TakingPorts): Promise<void> {
  const { organisation, execution: id, atMs, records } = transition;
  let actor = actors.get(id);
  const [first] = records;
  if (actor === undefined) {
    // Without its first record the rest belongs to an execution that has ended and is in history.
    if (first?.kind !== 'started') return;
    const program = await ports.program(first.definition);
    actor = createActor(start(organisation, id, program, first));
    actors.set(id, actor);
  } else if (sequence <= actor.lastSequence) return;
  for (const record of records) if (record.kind !== 'started') apply(actor.execution, record, atMs);
  if (transition.entry !== undefined) actor.entries.push(transition.entry);
  if (actor.firstDirtySequence === 0) {
    actor.firstDirtySequence = sequence;
    actor.dirtySinceMs = atMs;
  }
  actor.lastSequence = sequence;
}
