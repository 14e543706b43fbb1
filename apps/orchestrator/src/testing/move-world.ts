/**
 * Lanes of several owners on a real NATS, between which slots move: a process is a set of lanes with a mover, the test
 * is gateway and worker, and there is no database at all.
 */
import { BUCKETS, encodeJson, newExecutionId, openBucket, type Bucket } from '@millrace/bus';
import { systemClock as clock } from '@millrace/clock';
import { FORMAT_NEWEST, type JsonValue, type Program } from '@millrace/engine';
import { createLanes, moveSlots, type End, type Lane, type Lanes, type LaneLog, type PendingMove, type SlotMover } from '@millrace/lane';
import { laneOfSlot, parseSlotTable, slotOf, SLOT_COUNT, type SlotTable } from '@millrace/identity';
import { echoOf, logger, startIn, type Bench } from './lane-bench.ts';

export interface Owner {
  readonly lanes: Lanes;
  readonly mover: SlotMover;
}

export interface MoveWorld {
  readonly bucket: Bucket;
  /** A process that takes the lanes, each with the next epoch. */
  own(numbers: readonly number[], options?: OwnOptions): Promise<Owner>;
  /** The process stops dead: it does nothing any more, and nobody is told. */
  kill(owner: Owner): void;
  laneOf(execution: string): Lane | undefined;
  table(): Promise<SlotTable>;
  ask(move: { readonly id: string; readonly from: number; readonly to: number; readonly slots: readonly number[] }): Promise<void>;
  move(id: string): Promise<PendingMove | undefined>;
  /** Starts an execution as the gateway does: again, with the same id, wherever its slot is. */
  run(input: JsonValue, id?: string): { readonly id: string; readonly ended: Promise<End> };
  close(): void;
}

export interface OwnOptions {
  /** Stands between the process and its logs and buckets. */
  readonly wrapLog?: (log: LaneLog) => LaneLog;
  readonly wrapBucket?: (bucket: Bucket) => Bucket;
}

const AGAIN_MS = 5;

export async function openMoveWorld(bench: Bench, program: Program, lanes: readonly number[]): Promise<MoveWorld> {
  const bucket = await openBucket(bench.bus, BUCKETS.lanes);
  const [first = 0] = lanes;
  const last = Math.max(...lanes) + 1;
  await bucket.put('table', encodeJson({ version: 1, lanes: last, map: Array.from({ length: SLOT_COUNT }, () => first) }));
  for (const key of await bucket.keys('move.')) await bucket.delete(key);
  const owners = new Set<Owner>();
  const dead = new WeakSet<Lane>();
  const epochs = new Map<number, number>();
  let closed = false;

  const table = async (): Promise<SlotTable> => {
    const stored = await bucket.getJson('table');
    const read = parseSlotTable(stored?.value);
    if (read === undefined) throw new Error('no table');
    return read;
  };
  const laneOf = (execution: string): Lane | undefined => {
    for (const owner of owners) {
      const number = laneOfSlot(owner.lanes.table(), slotOf(execution));
      for (const other of owners) {
        const lane = other.lanes.get(number);
        if (lane !== undefined && !dead.has(lane)) return lane;
      }
    }
    return undefined;
  };
  // The worker: keeps a result until a lane has it.
  bench.onStep = (step) => {
    const offer = (): void => {
      if (closed) return;
      const lane = laneOf(step.execution.id);
      if (lane === undefined) setTimeout(offer, AGAIN_MS);
      else lane.post({ kind: 'result', execution: step.execution.id, result: echoOf(step), durable: () => undefined, moved: () => setTimeout(offer, AGAIN_MS) });
    };
    setImmediate(offer);
  };

  return {
    bucket,
    table,
    laneOf,
    async own(numbers, { wrapLog = (log: LaneLog) => log, wrapBucket = (each: Bucket) => each } = {}) {
      const own = createLanes();
      own.setTable(await table());
      const stopWatching = await bucket.watch(({ key, value }) => {
        const next = key === 'table' && value !== undefined ? parseSlotTable(JSON.parse(Buffer.from(value).toString())) : undefined;
        if (next !== undefined && next.version > own.table().version) own.setTable(next);
      });
      const mover = await moveSlots({ bucket: wrapBucket(bucket), lanes: own, payloads: payloadsOf(bench), clock, logger, signal: new AbortController().signal, format: () => FORMAT_NEWEST, program: () => Promise.resolve(program) });
      const owner: Owner = { lanes: own, mover };
      owners.add(owner);
      for (const number of numbers) {
        const epoch = (epochs.get(number) ?? 0) + 1;
        epochs.set(number, epoch);
        const now = await table();
        bench.table = () => now;
        bench.wrapLog = wrapLog;
        own.add(await bench.take(number, epoch, [program]));
        mover.look();
      }
      bench.table = () => own.table();
      stops.push(() => stopWatching.stop());
      return owner;
    },
    kill(owner) {
      owners.delete(owner);
      owner.mover.close();
      for (const lane of owner.lanes.all()) dead.add(lane);
    },
    async ask({ id, from, to, slots }) {
      await bucket.create(`move.${id}`, encodeJson({ id, from, to, slots, phase: 'asked', objects: [] }));
    },
    move: async (id) => (await bucket.getJson(`move.${id}`))?.value as PendingMove | undefined,
    run(input, id = newExecutionId()) {
      const ended = new Promise<End>((settle) => {
        const begin = (): void => {
          if (closed) return;
          const lane = laneOf(id);
          if (lane === undefined) {
            setTimeout(begin, AGAIN_MS);
            return;
          }
          const tried = startIn(lane, program, input, { id });
          void tried.ended.then(settle);
          void tried.refused.then(() => setTimeout(begin, AGAIN_MS));
          // A process that is dead says nothing: the gateway sees its connection go.
          const look = (): void => {
            if (dead.has(lane)) begin();
            else if (!closed) setTimeout(look, AGAIN_MS).unref();
          };
          look();
        };
        begin();
      });
      return { id, ended };
    },
    close() {
      closed = true;
      for (const { mover } of owners) mover.close();
      for (const stop of stops) stop();
    },
  };
}

const stops: (() => void)[] = [];

function payloadsOf(bench: Bench) {
  return {
    async put(list: readonly { readonly name: string; readonly text: string }[]) {
      for (const { name, text } of list) bench.payloads.set(name, text);
    },
    async get(name: string) {
      const text = bench.payloads.get(name);
      if (text === undefined) throw new Error(`no payload ${name}`);
      return text;
    },
    async remove(names: readonly string[]) {
      for (const name of names) bench.payloads.delete(name);
    },
  };
}
