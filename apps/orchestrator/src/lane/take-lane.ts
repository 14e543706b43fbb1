/**
 * Taking a lane: fence, replay, then effects.
 *
 * - E2 The first append of the new epoch is the fence; before it an older owner could still append.
 * - E3 Replay applies every frame up to the fence to the checkpoints; it decides nothing.
 */
import { apply, createFrameWriter, decodeFrame, referencesOf, restore, start, type Frame, type Program, type Transition } from '@millrace/engine';
import { Defect, MillraceError } from '@millrace/errors';
import { createActor, type Actor } from './actor.ts';
import type { LaneLog } from './lane-log.ts';
import { createStartMemory } from './start-memory.ts';
import type { StoredCheckpoint } from '../history/checkpoint-store.ts';

/** What replay needs besides the log. */
export interface TakingPorts {
  /** The program of a definition's hash. Waits for the bucket; rejects when nobody has it. */
  program(hash: string): Promise<Program>;
  payload(name: string): Promise<string>;
  /** Checkpoints of the lane's slots that have not ended; waits for the store. */
  checkpoints(lane: number): Promise<readonly StoredCheckpoint[]>;
  /** Keyed executions of the lane's slots that ended lately. */
  remembered(lane: number): Promise<readonly { readonly id: string; readonly digest: string; readonly endedAtMs: number }[]>;
}

export interface TakenLane {
  readonly actors: ReadonlyMap<string, Actor>;
  readonly memory: ReturnType<typeof createStartMemory>;
  readonly lastSequence: number;
  readonly inputSequence: number;
  readonly replayedFrames: number;
}

/**
 * Appends the fence as `epoch`, then replays. Rejects with `lane-displaced` when a higher epoch is there first.
 */
export async function takeLane(log: LaneLog, epoch: number, instance: string, ports: TakingPorts): Promise<TakenLane> {
  const fence = await raiseFence(log, epoch, instance);
  const actors = new Map<string, Actor>();
  const memory = createStartMemory();
  const [checkpoints, remembered] = await Promise.all([ports.checkpoints(log.lane), ports.remembered(log.lane)]);
  for (const { id, digest, endedAtMs } of remembered) memory.recall(id, digest, endedAtMs);
  for (const stored of checkpoints) {
    const program = await ports.program(stored.snapshot.definition);
    const actor = createActor(restore(stored.organisation, stored.id, program, stored.snapshot));
    actor.lastSequence = stored.sequence;
    actor.segments = stored.segments;
    actor.checkpointed = true;
    actors.set(stored.id, actor);
  }
  let frames = 0;
  let position = 0;
  let highest = 0;
  for await (const { sequence, text } of log.read(fence)) {
    const frame = await decode(text, ports);
    if (frame.epoch < highest) throw new Defect(`lane ${log.lane}: frame ${sequence} of epoch ${frame.epoch} stands after epoch ${highest}`);
    highest = frame.epoch;
    position = Math.max(position, frame.inputSequence);
    for (const transition of frame.transitions) await replay(actors, transition, sequence, ports);
    frames++;
  }
  return { actors, memory, lastSequence: fence, inputSequence: position, replayedFrames: frames };
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
