/** Takes a lane of a golden image with the present code, without any server: the image's log, programs and payloads. */
import { initialSlotTable } from '@millrace/identity';
import { unpackFrame } from '@millrace/bus';
import { compileWorkflow, workflowOfValue } from '@millrace/dsl';
import { decodeFrameHead, snapshotOf, type JsonValue, type Program, type Snapshot } from '@millrace/engine';
import { NO_DIGEST, takeLane, type LaneLog, type StoredCheckpoint, type StoredExecution, type TakenLane, type TakingPorts } from '@millrace/lane';
import { BSON } from 'mongodb';
import type { GoldenLane, Image } from './image.ts';

/** Reads a lane from its first frame on, or, as after a crash, from its checkpoints and the frames that are kept. */
export function replayLane(image: Image, lane: GoldenLane, from: 'beginning' | 'checkpoints'): Promise<TakenLane> {
  const texts = lane.frames.map((frame) => unpackFrame(Buffer.from(frame, 'base64')));
  return takeLane(logOf(lane.lane, texts, from === 'beginning' ? 1 : lane.first), 1_000_000, 'golden', portsOf(image, lane.lane, from));
}

/** The states of a taken lane's executions. */
export function statesOf(taken: TakenLane): ReadonlyMap<string, Snapshot> {
  return new Map([...taken.actors].map(([id, { execution }]) => [id, JSON.parse(JSON.stringify(snapshotOf(execution))) as Snapshot]));
}

function logOf(lane: number, texts: readonly string[], first: number): LaneLog {
  const written = [...texts];
  const last = (): number => written.length;
  return {
    lane,
    tail: () => Promise.resolve({ sequence: last(), head: decodeFrameHead(written.at(-1) ?? '') }),
    expectAfter: () => undefined,
    append(frame) {
      written.push(Buffer.from(frame).toString('utf8'));
      return Promise.resolve(last());
    },
    first: () => Promise.resolve(first),
    async *read(from, to) {
      for (let sequence = from; sequence <= to; sequence++) yield { sequence, text: written[sequence - 1] ?? '' };
    },
    truncate: () => Promise.resolve(),
    truncateInputs: () => Promise.resolve(),
    bytes: () => Promise.resolve(0),
  };
}

interface StoredState {
  readonly _id: string;
  readonly organisation: string;
  readonly slot: number;
  readonly hop?: number;
  readonly lane?: number;
  readonly sequence: number;
  readonly segments: number;
  readonly entries?: readonly string[];
  readonly state: string;
  readonly reference?: string;
}

function portsOf(image: Image, lane: number, from: 'beginning' | 'checkpoints'): TakingPorts {
  const program = (hash: string): Promise<Program> => {
    const document = image.buckets['definitions']?.[`hash.${hash}`];
    if (document === undefined) return Promise.reject(new Error(`the image has no definition ${hash}`));
    const compiled = compileWorkflow(workflowOfValue(JSON.parse(document) as { readonly [key: string]: JsonValue }, hash));
    if (compiled.kind === 'refused') return Promise.reject(new Error(`definition ${hash} does not compile any more: ${JSON.stringify(compiled.problems)}`));
    // The numbering of nodes and the hash are part of the format.
    if (compiled.program.hash !== hash) return Promise.reject(new Error(`definition ${hash} has another hash now: ${compiled.program.hash}`));
    return Promise.resolve(compiled.program);
  };
  const documents = <T>(name: string): readonly T[] => (image.collections[name] ?? []).map((each) => BSON.EJSON.deserialize(each as object) as T);
  const lanes = image.lanes.length;
  const ended = new Map(documents<{ readonly _id: string; readonly definition: string }>('history').map(({ _id, definition }) => [_id, definition]));
  const checkpoints = documents<StoredState>('checkpoints')
    .filter(({ _id, slot }) => slot % lanes === lane && !ended.has(_id))
    .map(({ _id, organisation, hop = 0, lane: at, sequence, segments, entries = [], state, reference }): StoredCheckpoint => ({ id: _id, organisation, hop, lane: at, sequence, segments, entries, snapshot: JSON.parse(reference === undefined ? state : (image.payloads[reference] ?? '')) as Snapshot }));
  return {
    format: () => image.format,
    program,
    payload(name) {
      const text = image.payloads[name];
      return text === undefined ? Promise.reject(new Error(`the image has no payload ${name}`)) : Promise.resolve(text);
    },
    table: () => Promise.resolve(initialSlotTable(lanes)),
    // All of them are read, those that sleep too: every state is to be looked at.
    checkpoints: () => Promise.resolve(from === 'beginning' ? [] : checkpoints),
    stored: async (ids) => ids.flatMap((id): StoredExecution[] => (ended.has(id) ? [{ kind: 'ended', id, digest: NO_DIGEST }] : [])),
    remembered: () => Promise.resolve({ starts: [], complete: true }),
    programsOf: async (ids) => new Map(await Promise.all(ids.flatMap((id) => (ended.has(id) ? [id] : [])).map(async (id) => [id, await program(ended.get(id) ?? '')] as const))),
  };
}
