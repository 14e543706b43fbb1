/**
 * A lane on a real NATS for tests: the test is the worker, and everything outside the log is in memory.
 */
import { performance } from 'node:perf_hooks';
import { systemClock } from '@millrace/clock';
import { connectBus, ensureStream, laneInputStreamConfig, newExecutionId, type Bus } from '@millrace/bus';
import { compileWorkflow, readDocuments } from '@millrace/dsl';
import { FORMAT_NEWEST, payloadOf, snapshotOf, textOf, type JsonValue, type LaneInput, type Program, type Reply, type Snapshot, type StepResult } from '@millrace/engine';
import { Lane, NO_DIGEST, openLaneLog, takeLane, type End, type Finished, type LaneLog, type LanePorts, type LifecycleEvent, type TaskLifecycleEvent, type ReadyStep, type TakingPorts, type StoredCheckpoint, type StoredExecution } from '@millrace/lane';
import { laneOfSlot, SLOT_COUNT, slotOf, type SlotTable } from '@millrace/identity';
import { createLogger } from '@millrace/telemetry';
import { openLogStreams } from '../adapters/log-streams.ts';

export const logger = createLogger({ service: 'orchestrator', instance: 'test', level: 'silent' });

/** Compiles a workflow whose `do` is given as YAML lines. */
export function programOf(tasks: string): Program {
  const text = `document:\n  dsl: '1.0.3'\n  namespace: test\n  name: flow\n  version: 1.0.0\ndo:\n${tasks}`;
  const read = readDocuments(text, { fileName: 'flow.yaml' });
  const [document] = read.kind === 'read' ? read.documents : [];
  if (document?.kind !== 'workflow') throw new Error(JSON.stringify(read));
  const compiled = compileWorkflow(document);
  if (compiled.kind === 'refused') throw new Error(JSON.stringify(compiled.problems));
  return compiled.program;
}

export const CHAIN = programOf(['a', 'b', 'c'].map((name) => `  - ${name}:\n      call: millrace.echo:1.0.0@default\n      with:\n        n: \${ .n + 1 }\n`).join(''));

export interface LeftInBench {
  readonly parent: string;
  readonly activation: number;
  readonly sequence: number;
  readonly isReplayed: boolean;
  told(): void;
}

export interface Bench {
  readonly bus: Bus;
  readonly steps: ReadyStep[];
  readonly finished: Finished[];
  readonly events: LifecycleEvent[];
  readonly taskEvents: TaskLifecycleEvent[];
  /** Executions of which steps were given up. */
  readonly abandoned: string[];
  /** Workflows that were left, each with what says that it is told. */
  readonly left: LeftInBench[];
  readonly replies: { readonly subject: string; readonly reply: Reply }[];
  /** Payloads by reference. */
  readonly payloads: Map<string, string>;
  /** Checkpoints, once `storeAway` is false. */
  readonly stored: Map<string, StoredCheckpoint>;
  /** Whether the store answers nothing; it does at first. */
  storeAway: boolean;
  /** Characters of journals that wait for history. */
  historyWaiting: number;
  logBytesMax: number;
  /** Whether history has what ends; it has nothing at first. */
  storesAtOnce: boolean;
  leaseHolds: boolean;
  /** The agreed record format. */
  format: number;
  /** Wall clock as the lanes see it. */
  nowMs: () => number;
  /** Stands between a lane and its log, for tests of what goes wrong there. */
  wrapLog: (log: LaneLog) => LaneLog;
  /** Whose slots are whose when a lane is taken; by default all are of the lane that is. */
  table: (lane: number) => SlotTable;
  /** Inputs that lanes have sent on. */
  readonly sentOn: { readonly lane: number; readonly inputs: readonly LaneInput[]; readonly messageId: string }[];
  /** Called while a lane is being taken, between the look at its first frame and the reading of it. */
  whileTaking: () => Promise<void>;
  /** Told whenever a step becomes ready. */
  onStep: (step: ReadyStep) => void;
  /** Told of each end with what says that history has it. */
  onStored: (stored: () => void) => void;
  take(number: number, epoch: number, programs: readonly Program[]): Promise<Lane>;
  log(number: number): Promise<LaneLog>;
  close(): Promise<void>;
}

const wallClock = (): number => performance.timeOrigin + performance.now();

export async function openBench(url: string): Promise<Bench> {
  const bus = await connectBus({ url, name: 'lane test', logger });
  const open = openLogStreams(bus);
  const clock = { ...systemClock, wallMs: () => bench.nowMs() };
  const ending = new AbortController();
  const lanes: Lane[] = [];
  const bench: Bench = {
    bus,
    steps: [],
    finished: [],
    events: [],
    taskEvents: [],
    abandoned: [],
    left: [],
    replies: [],
    payloads: new Map(),
    stored: new Map(),
    storeAway: true,
    historyWaiting: 0,
    logBytesMax: Infinity,
    storesAtOnce: false,
    leaseHolds: true,
    format: FORMAT_NEWEST,
    nowMs: wallClock,
    wrapLog: (log) => log,
    table: (lane) => ({ version: 1, lanes: lane + 1, map: Array.from({ length: SLOT_COUNT }, () => lane) }),
    sentOn: [],
    whileTaking: () => Promise.resolve(),
    onStep: () => undefined,
    onStored: () => undefined,
    log: (number) => openLaneLog({ open, lane: number, clock, signal: ending.signal }),
    async take(number, epoch, programs) {
      await ensureStream(bus, laneInputStreamConfig(number));
      const own = new AbortController();
      const log = await openLaneLog({ open, lane: number, clock, signal: AbortSignal.any([own.signal, ending.signal]) });
      const taken = await takeLane(log, epoch, 'test', takingPorts(bench, number, programs));
      const lane = new Lane({ number, epoch, log: bench.wrapLog(log), ports: lanePorts(bench, programs), clock, logger, taken });
      void lane.ended.then(() => own.abort());
      lanes.push(lane);
      return lane;
    },
    async close() {
      for (const lane of lanes) await Promise.race([lane.stop(), new Promise((settle) => setTimeout(settle, 500))]);
      ending.abort();
      await bus.close();
    },
  };
  return bench;
}

function lanePorts(bench: Bench, programs: readonly Program[]): LanePorts {
  return {
    format: () => bench.format,
    leaseHolds: () => bench.leaseHolds,
    schedule(step) {
      bench.steps.push(step);
      bench.onStep(step);
    },
    abandon: (execution) => () => void bench.abandoned.push(execution.id),
    abandonChild: (_lane, { execution, activation, sequence }, isReplayed, told) => void bench.left.push({ parent: execution.id, activation: activation.number, sequence, isReplayed, told }),
    tryBegin: () => true,
    startsRefusedBecause: () => undefined,
    async storePayloads(list) {
      for (const { name, text } of list) bench.payloads.set(name, text);
    },
    finish(finished, stored) {
      bench.finished.push(finished);
      bench.onStored(stored);
      if (bench.storesAtOnce) stored();
    },
    async checkpoint(lane, _epoch, actors) {
      if (bench.storeAway) throw new Error('the store is away');
      for (const { execution, hop, lastSequence: sequence, journal } of actors) bench.stored.set(execution.id, { id: execution.id, organisation: execution.organisation, hop, lane, sequence, segments: 0, entries: journal.texts(), snapshot: JSON.parse(JSON.stringify(snapshotOf(execution))) as Snapshot });
      return [];
    },
    async forgetPayloads(names) {
      for (const name of names) bench.payloads.delete(name);
    },
    historyWaiting: () => bench.historyWaiting,
    program: (hash) => programOfHash(programs, hash),
    payload: (name) => Promise.resolve(bench.payloads.get(name) ?? 'null'),
    get logBytesMax() {
      return bench.logBytesMax;
    },
    sleepers: {
      async due(slots, after, untilMs, limit) {
        if (bench.storeAway) throw new Error('the store is away');
        const wanted = new Set(slots);
        const sleeping = [...bench.stored.values()].filter(({ id }) => wanted.has(slotOf(id))).map(({ id, snapshot }) => ({ id, dueMs: Math.min(...snapshot.activations.map(({ dueMs }) => dueMs ?? Infinity)) }));
        const behind = sleeping.filter(({ id, dueMs }) => dueMs <= untilMs && (dueMs > after.dueMs || (dueMs === after.dueMs && id > after.id)));
        return behind.sort((a, b) => a.dueMs - b.dueMs || (a.id < b.id ? -1 : 1)).slice(0, limit);
      },
      read: (ids) => readStored(bench, ids, programs),
    },
    endOf: () => Promise.resolve(undefined),
    laneOf: (slot) => laneOfSlot(bench.table(0), slot),
    async forward(lane, inputs, messageId) {
      bench.sentOn.push({ lane, inputs, messageId });
    },
    letGo: () => undefined,
    announce: (event) => void bench.events.push(event),
    announceTask: (event) => void bench.taskEvents.push(event),
    outboxLowWater: () => Math.min(Infinity, ...bench.left.map(({ sequence }) => sequence)),
    reply: (subject, reply) => void bench.replies.push({ subject, reply }),
  };
}

function programOfHash(programs: readonly Program[], hash: string): Promise<Program> {
  const found = programs.find((program) => program.hash === hash);
  return found === undefined ? Promise.reject(new Error(`no program ${hash}`)) : Promise.resolve(found);
}

async function readStored(bench: Bench, ids: readonly string[], programs: readonly Program[]): Promise<readonly StoredExecution[]> {
  if (bench.storeAway) throw new Error('the store is away');
  return ids.flatMap((id): StoredExecution[] => {
    const finished = bench.finished.find((each) => each.id === id);
    if (finished !== undefined) return [{ kind: 'ended', id, digest: NO_DIGEST }];
    const checkpoint = bench.stored.get(id);
    const program = programs.find(({ hash }) => hash === checkpoint?.snapshot.definition);
    return checkpoint === undefined || program === undefined ? [] : [{ kind: 'running', checkpoint, program }];
  });
}

function takingPorts(bench: Bench, lane: number, programs: readonly Program[]): TakingPorts {
  return {
    format: () => bench.format,
    program: (hash) => programOfHash(programs, hash),
    payload: (name) => Promise.resolve(bench.payloads.get(name) ?? 'null'),
    table: () => Promise.resolve(bench.table(lane)),
    checkpoints(slots, asleep) {
      const wanted = new Set(slots);
      for (const id of bench.stored.keys()) if (wanted.has(slotOf(id))) asleep.set(id);
      return Promise.resolve([]);
    },
    stored: (ids) => (bench.storeAway ? Promise.resolve([]) : readStored(bench, ids, programs)),
    async remembered() {
      await bench.whileTaking();
      return { starts: [], complete: true };
    },
    programsOf: () => Promise.resolve(new Map()),
  };
}

/** Answers a step with its own arguments. */
export function echoOf({ execution, activation }: ReadyStep): StepResult {
  const payload = activation.arguments ?? payloadOf(null);
  return { activation: activation.number, attempt: activation.attempt, run: execution.run, outcome: { kind: 'output', payload: payloadOf(payload.value, textOf(payload)) }, dispatchedAtMs: 1, startedAtMs: 1, endedAtMs: 1, worker: 'test' };
}

export interface Started {
  readonly id: string;
  readonly accepted: Promise<{ readonly existing: boolean }>;
  readonly ended: Promise<End>;
  readonly refused: Promise<string>;
}

/** Starts an execution and says what becomes of it. */
export function startIn(lane: Lane, program: Program, input: JsonValue, options: { readonly id?: string; readonly key?: string; readonly replyTo?: string; readonly acceptedBy?: string } = {}): Started {
  const id = options.id ?? newExecutionId();
  let accept: (value: { readonly existing: boolean }) => void = () => undefined;
  let end: (value: End) => void = () => undefined;
  let refuse: (reason: string) => void = () => undefined;
  const accepted = new Promise<{ readonly existing: boolean }>((settle) => (accept = settle));
  const ended = new Promise<End>((settle) => (end = settle));
  const refused = new Promise<string>((settle) => (refuse = settle));
  lane.post({
    kind: 'start', organisation: 'acme', execution: id, program, input: payloadOf(input), key: options.key, traceparent: undefined, acceptedAtMs: 1, acceptedBy: options.acceptedBy ?? 'gateway', replyTo: options.replyTo,
    watcher: { waits: true, accepted: (_, existing) => accept({ existing }), ended: (_, value) => end(value), refused: (reason) => refuse(reason) },
  });
  return { id, accepted, ended, refused };
}

/** Answers every step at once, as a worker would. */
export function answerAll(bench: Bench, lane: () => Lane): void {
  bench.onStep = (step) => lane().post({ kind: 'result', execution: step.execution.id, result: echoOf(step), durable: () => undefined });
}

/** The states of a lane's executions, for comparing. */
export function digest(lane: Lane): Readonly<Record<string, string>> {
  return Object.fromEntries([...lane.actors].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, actor]) => [id, JSON.stringify(snapshotOf(actor.execution))]));
}
