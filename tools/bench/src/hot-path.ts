/**
 * What a step costs the owner's thread, without servers: the product's lane, scheduler, worker protocol, outbox and
 * history store in one process; the log, the worker and the database answer at once. For comparing two versions of
 * the code on a busy machine: it counts CPU time of this thread, less that of the stand-ins.
 *
 * `node tools/bench/src/hot-path.ts [in flight] [executions]`
 */
import { EventEmitter } from 'node:events';
import { newExecutionId } from '@millrace/bus';
import { systemClock } from '@millrace/clock';
import { OwnerMessage, WorkerMessage, type Step } from '@millrace/contracts/orchestrator/v1/dispatch';
import { compileWorkflow, readDocuments } from '@millrace/dsl';
import { payloadOf, type Program } from '@millrace/engine';
import { initialSlotTable } from '@millrace/identity';
import { createFairQueue, createPermits } from '@millrace/fairness';
import { createHistoryStore, createLanes, createOutbox, createScheduler, dispatchService, Lane, takeLane, openLaneLog, type CheckpointStore, type DispatchCall, type HistoryDocuments, type LanePorts, type PayloadArchive, type ReadyStep } from '@millrace/lane';
import { createLogger } from '@millrace/telemetry';
import { BSON } from 'mongodb';
import { chain, PAYLOAD } from './documents.ts';

const inFlight = Number(process.argv[2] ?? 500);
const total = Number(process.argv[3] ?? 20_000);
const clock = systemClock;
const logger = createLogger({ service: 'bench', instance: 'bench', level: 'silent' });

let elsewhereMs = 0;
/** Runs what is not the owner's work, and keeps its time apart. */
function elsewhere<T>(run: () => T): T {
  const since = performance.now();
  const result = run();
  elsewhereMs += performance.now() - since;
  return result;
}

function compile(text: string): Program {
  const read = readDocuments(text, { fileName: 'bench.yaml' });
  const [document] = read.kind === 'read' ? read.documents : [];
  if (document?.kind !== 'workflow') throw new Error('not a workflow');
  const compiled = compileWorkflow(document);
  if (compiled.kind === 'refused') throw new Error(JSON.stringify(compiled.problems));
  return compiled.program;
}

const lanes = createLanes();
const queue = createFairQueue<ReadyStep>();
const permits = createPermits({ nowMs: clock.monotonicMs() });
const scheduler = createScheduler({ queue, permits, clock, logger });
let inserted = 0;
let bytes = 0;
let framed = 0;
const documents = {
  prepare: () => Promise.resolve(),
  async insert(list: readonly object[]) {
    for (const each of list) bytes += BSON.serialize(each).length;
    inserted += list.length;
  },
} as unknown as HistoryDocuments;
const history = createHistoryStore(documents, {} as CheckpointStore, { keep: () => Promise.resolve([]) } as unknown as PayloadArchive, clock, logger, () => 2);
const outbox = createOutbox(async () => undefined, clock, logger);
const ports: LanePorts = {
  format: () => 2,
  leaseHolds: () => true,
  schedule: (step) => scheduler.schedule(step),
  abandon: () => () => undefined,
  abandonChild: () => undefined,
  laneOf: () => 0,
  forward: () => Promise.resolve(),
  letGo: () => undefined,
  sleepers: { due: async () => [], read: async () => [] },
  historyWaiting: () => 0,
  program: () => Promise.reject(new Error('no program is asked for')),
  payload: () => Promise.resolve('null'),
  logBytesMax: Infinity,
  tryBegin: (_lane, organisation) => permits.tryTakeStart(organisation, clock.monotonicMs()),
  startsRefusedBecause: () => undefined,
  storePayloads: () => Promise.resolve(),
  finish: (finished, stored) => history.write(finished, stored),
  checkpoint: () => Promise.resolve([]),
  forgetPayloads: () => Promise.resolve(),
  announce: (event) => outbox.put(event),
  outboxLowWater: (lane) => outbox.lowWater(lane),
  reply: () => undefined,
  endOf: () => Promise.resolve(undefined),
};

let sequence = 0;
const ending = new AbortController();
let last: { readonly sequence: number; readonly data: Uint8Array } | null = null;
const log = await openLaneLog({
  lane: 0,
  clock,
  signal: ending.signal,
  open: async (_lane, answered) => ({
    send(data) {
      sequence++;
      framed += data.length;
      last = { sequence, data };
      setImmediate(() => answered({ kind: 'landed', sequence }));
    },
    last: async () => last,
    first: async () => 1,
    bytes: async () => 0,
    async *read() {
      if (last !== null) yield last;
    },
    forgetBelow: async () => undefined,
    forgetInputs: async () => undefined,
    isGone: () => false,
  }),
});
const program = compile(chain(10));
const taken = await takeLane(log, 1, 'bench', {
  program: async () => program,
  format: () => 2,
  table: async () => initialSlotTable(1),
  payload: async () => 'null',
  checkpoints: async () => [],
  stored: async () => [],
  remembered: async () => ({ starts: [], complete: true }),
  programsOf: async () => new Map(),
});
const lane = new Lane({ number: 0, epoch: 1, log, ports, clock, logger, taken });
lanes.add(lane);

const call = Object.assign(new EventEmitter(), {
  destroyed: false,
  writableEnded: false,
  pause: () => undefined,
  resume: () => undefined,
  end: () => undefined,
  write(message: OwnerMessage) {
    const encoded = OwnerMessage.encode(message).finish();
    setImmediate(() => {
      const answer = elsewhere(() => work(OwnerMessage.decode(encoded)));
      if (answer !== undefined) call.emit('data', WorkerMessage.decode(answer));
    });
    return true;
  },
});
let number = 0;
function work(message: OwnerMessage): Uint8Array | undefined {
  const steps = stepsOf(message);
  if (steps.length === 0) return undefined;
  const results = steps.map((step) => {
    number++;
    return { number, execution: step.execution, lane: 0, run: step.run, activation: step.activation, attempt: step.attempt, outcome: { $case: 'outputJson' as const, value: step.argumentsJson }, startedAtMs: Date.now(), endedAtMs: Date.now(), dispatchedAtMs: step.dispatchedAtMs };
  });
  return WorkerMessage.encode({ message: { $case: 'results', value: { results } } }).finish();
}
function stepsOf(message: OwnerMessage): readonly Step[] {
  return message.message?.$case === 'steps' ? message.message.value.steps : [];
}
dispatchService(lanes, scheduler, logger).work(call as unknown as DispatchCall);
call.emit('data', { message: { $case: 'hello', value: { worker: 'w', service: 'connector', version: '1', operations: ['millrace.echo:1.0.0@default'], readsDurableWithSteps: true, credits: { steps: 4096, bytes: 32 * 1024 * 1024 } } } });

let started = 0;
let ended = 0;
const text = JSON.stringify(PAYLOAD);
function launch(): void {
  started++;
  const execution = newExecutionId();
  lane.post({
    kind: 'start', organisation: 'default', execution, program, input: payloadOf(JSON.parse(text), text), key: undefined, traceparent: undefined, acceptedAtMs: Date.now(), acceptedBy: 'gateway', replyTo: undefined,
    watcher: {
      waits: true,
      accepted: () => undefined,
      refused: (reason) => { throw new Error(reason); },
      ended(_id, end) {
        if (end.status !== 'completed') throw new Error(JSON.stringify(end));
        ended++;
        if (started < total) launch();
        else if (ended === total) finish();
      },
    },
  });
}
let finish: () => void = () => undefined;
async function round(): Promise<void> {
  started = 0;
  ended = 0;
  elsewhereMs = 0;
  const since = process.threadCpuUsage();
  const all = process.cpuUsage();
  const at = performance.now();
  await new Promise<void>((settle) => {
    finish = settle;
    for (let index = 0; index < inFlight; index++) launch();
  });
  const own = process.threadCpuUsage(since);
  const whole = process.cpuUsage(all);
  const steps = total * 10;
  const threadUs = own.user + own.system - elsewhereMs * 1000;
  process.stdout.write(`${(threadUs / steps).toFixed(2)} µs of the thread a step, ${((whole.user + whole.system - own.user - own.system) / steps).toFixed(2)} of others, ${Math.round(steps / ((performance.now() - at) / 1000))} steps/s, ${Math.round(bytes / Math.max(inserted, 1) / 10)} B history and ${Math.round(framed / steps)} B log a step\n`);
  framed = 0;
}
for (let index = 0; index < 4; index++) await round();
process.exit(0);
