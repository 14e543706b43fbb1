/**
 * Executions that only wait: what they cost in memory while they sleep, how soon their owner is back after a SIGKILL,
 * and how late they are woken.
 *
 * - `--count` executions wait between an hour and 30 days, evenly over the logarithm; `--due` of them wait a few
 *   minutes and all come due within one minute, after the crash.
 * - Started over the gateway's stream; the client waits while the owner has MEMORY_MAX in memory, so that the figure
 *   is of those that sleep and not of a burst of starts.
 * - Lateness is read from the journal of every execution that was due: the moment of its end less the moment its timer
 *   named. That is what `millrace trace` shows; the client asks for some of them through the gateway as well.
 */
import { credentials } from '@grpc/grpc-js';
import { MongoClient, type Binary } from 'mongodb';
import { ExecutionServiceClient, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import { createJournalReader, type StoredJournal } from '@millrace/testkit';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchCluster } from './bench-cluster.ts';
import { resting } from './documents.ts';
import { readMetrics } from './measured-cluster.ts';
import { usageOf } from './process-usage.ts';
import { quantile, round } from './statistics.ts';
import type { BenchFigures, WorkRun } from './work.ts';

/** Starts in one message. */
const BATCH = 250;
/** Executions in the owner's memory above which the client waits. */
const MEMORY_MAX = 30_000;
const LOOK_MS = 250;
/** The shortest and the longest wait of those that are not due during the run. */
const WAIT_MS = { least: 3_600_000, most: 30 * 24 * 3_600_000 } as const;
/** Those that are due have their minute begin this long after the first of them is started, at least. */
const DUE_AFTER_MS = 150_000;
const DUE_WITHIN_MS = 60_000;
/** One in so many has a key and is started again while it sleeps. */
const KEYED_ONE_IN = 1_000;
const LIMIT_MS = 600_000;

export async function runSleepers({ bed, meter, options }: WorkRun): Promise<BenchFigures> {
  const { count } = options;
  const due = options.due === 0 ? Math.min(100_000, Math.floor(count / 10)) : Math.min(options.due, count);
  await bed.apply(resting());
  await meter.begin();
  const before = residentMiB(bed);
  const watch = watchMemory(bed);
  const began = performance.now();
  const keyed = new Map<number, string>();
  await startResting(bed, count - due, () => Math.exp(Math.log(WAIT_MS.least) + Math.random() * Math.log(WAIT_MS.most / WAIT_MS.least)), options.inFlight, keyed);
  // The wait is worked out anew for each, so that all of them are due within the same minute.
  const perSecond = Math.max(1_000, ((count - due) * 1_000) / (performance.now() - began));
  const dueFromMs = Date.now() + Math.max(DUE_AFTER_MS, (due / perSecond) * 1_000 + 90_000);
  await startResting(bed, due, () => dueFromMs + Math.random() * DUE_WITHIN_MS - Date.now(), options.inFlight);
  const startedMs = performance.now() - began;
  say(`${count} started in ${Math.round(startedMs / 1_000)} s; waiting until they sleep`);
  await until(async () => (await counts(bed)).sleeping >= count - 500);
  const asleepMs = performance.now() - began;
  await delay(5_000);
  const asleep = await counts(bed);
  const sleepingMiB = residentMiB(bed);
  const peakMiB = watch.peak();
  say(`${asleep.sleeping} sleep, ${asleep.inMemory} in memory, ${sleepingMiB} MiB resident (${peakMiB} at most, ${before} without); killing the orchestrator`);
  const crash = await crashOrchestrator(bed, count - 1_000);
  const again = await counts(bed);
  say(`its lanes run again after ${Math.round(crash.readyMs)} ms, with ${again.sleeping} asleep and ${again.inMemory} in memory, ${residentMiB(bed)} MiB resident`);
  const repeated = await repeatKeyed(bed, keyed);
  await delay(Math.max(0, dueFromMs + DUE_WITHIN_MS - Date.now()));
  await until(async () => (await counts(bed)).sleeping + (await counts(bed)).inMemory <= count - due, 60_000).catch(() => undefined);
  const lateness = await latenessOf(bed, due);
  const late = Float64Array.from(lateness).sort();
  watch.end();
  const disk = await diskOf(bed);
  return {
    executionsPerSecond: [(count * 1_000) / startedMs],
    latencyMs: { p50: quantile(late, 0.5), p99: quantile(late, 0.99) },
    payloadBytes: 20,
    own: {
      count,
      residentMiB: { before, sleeping: sleepingMiB, whileStarting: peakMiB, afterRestart: crash.residentMiB, most: watch.peak() },
      seconds: { toStart: round(startedMs / 1_000), untilAllSleep: round(asleepMs / 1_000), untilLanesRunAfterSigkill: round(crash.readyMs / 1_000, 2) },
      sleeping: { beforeTheCrash: asleep.sleeping, inMemoryBeforeTheCrash: asleep.inMemory, afterTheCrash: again.sleeping, inMemoryAfterTheCrash: again.inMemory },
      repeatedStarts: repeated,
      due: { executions: due, withinSeconds: DUE_WITHIN_MS / 1_000, woken: late.length, latenessMs: { p50: quantile(late, 0.5), p99: quantile(late, 0.99), max: late.at(-1) ?? 0 }, laterThanOneSecond: late.filter((each) => each > 1_000).length },
      diskMiB: disk,
      note: 'latencyMs is the lateness of those that were due in one minute; the waits of the others are from 1 hour to 30 days',
    },
  };
}

/** Starts executions, each with the wait that `waitMs` says when it is sent; resolves when all are durable. */
async function startResting(bed: BenchCluster, count: number, waitMs: () => number, inFlight: number, keyed?: Map<number, string>): Promise<void> {
  const client = new ExecutionServiceClient(bed.cluster.addresses.gatewayGrpc, credentials.createInsecure());
  let [sent, durable, isFull] = [0, 0, false];
  const look = setInterval(() => {
    void counts(bed).then(({ inMemory }) => {
      isFull = inMemory > MEMORY_MAX;
      send();
    }, () => undefined);
  }, LOOK_MS);
  const stream = client.startExecutions(bed.metadata());
  function send(): void {
    while (sent < count && sent - durable < inFlight && !isFull) {
      const size = Math.min(BATCH, count - sent);
      const first = sent + 1;
      sent += size;
      stream.write({ starts: Array.from({ length: size }, (_, index) => start(first + index, waitMs(), keyed !== undefined && (first + index) % KEYED_ONE_IN === 0)) });
    }
  }
  try {
    await new Promise<void>((settle, fail) => {
      stream.on('error', fail);
      stream.on('data', ({ answers }: StartExecutionsResponse) => {
        for (const { status, message, number, execution } of answers) {
          if (status !== 'pending') return fail(new Error(`an execution was not accepted: ${status} ${message}`));
          durable++;
          if (number % KEYED_ONE_IN === 0) keyed?.set(number, execution);
        }
        if (durable % 100_000 < answers.length) say(`${durable} of ${count} accepted`);
        if (durable === count) settle();
        else send();
      });
      send();
    });
    stream.end();
  } finally {
    clearInterval(look);
    client.close();
  }
}

function start(number: number, waitMs: number, hasKey: boolean) {
  const key = hasKey ? `sleeper-${number}` : '';
  // A keyed one waits for as long whenever it is sent.
  const rest = key === '' ? `PT${(Math.max(1_000, Math.round(waitMs)) / 1_000).toFixed(3)}S` : 'P20D';
  return { number, workflow: 'resting', inputJson: JSON.stringify({ rest }), idempotencyKey: key, wait: false, acknowledge: true, organisation: '', traceparent: '' };
}

/** Starts sleeping executions again by their keys: each has to be found. */
async function repeatKeyed(bed: BenchCluster, keyed: ReadonlyMap<number, string>): Promise<{ readonly sent: number; readonly existing: number }> {
  const count = keyed.size;
  if (count === 0) return { sent: 0, existing: 0 };
  const client = new ExecutionServiceClient(bed.cluster.addresses.gatewayGrpc, credentials.createInsecure());
  let existing = 0;
  try {
    await new Promise<void>((settle, fail) => {
      const stream = client.startExecutions(bed.metadata());
      let answered = 0;
      stream.on('error', fail);
      stream.on('data', ({ answers }: StartExecutionsResponse) => {
        for (const answer of answers) {
          answered++;
          if (answer.execution === keyed.get(answer.number)) existing++;
        }
        if (answered < count) return;
        stream.end();
        settle();
      });
      stream.write({ starts: [...keyed.keys()].map((number) => start(number, 0, true)) });
    });
  } finally {
    client.close();
  }
  return { sent: count, existing };
}

async function crashOrchestrator(bed: BenchCluster, asleep: number): Promise<{ readonly readyMs: number; readonly residentMiB: number }> {
  const [orchestrator] = bed.cluster.of('orchestrator');
  const killedAt = performance.now();
  await orchestrator?.kill();
  orchestrator?.start();
  await orchestrator?.ready(LIMIT_MS);
  // Ready before it is a member of the registry, and again once its lanes run.
  await until(async () => (await counts(bed)).sleeping >= asleep);
  await orchestrator?.ready(LIMIT_MS);
  return { readyMs: performance.now() - killedAt, residentMiB: residentMiB(bed) };
}

async function counts(bed: BenchCluster): Promise<{ readonly sleeping: number; readonly inMemory: number }> {
  let [sleeping, inMemory] = [0, 0];
  for (const orchestrator of bed.cluster.of('orchestrator')) {
    const metrics = await readMetrics(orchestrator.addresses.http);
    sleeping += metrics('millrace_lane_sleeping_count');
    inMemory += metrics('millrace_lane_executions_count');
  }
  return { sleeping, inMemory };
}

async function until(holds: () => Promise<boolean>, limitMs = LIMIT_MS): Promise<void> {
  const since = performance.now();
  while (!(await holds())) {
    if (performance.now() - since > limitMs) throw new Error(`not so within ${limitMs} ms`);
    await delay(LOOK_MS);
  }
}

/** How late each execution that was due went on, in milliseconds, by its own journal. */
async function latenessOf(bed: BenchCluster, due: number): Promise<readonly number[]> {
  const client = new MongoClient(bed.cluster.servers.mongo.url);
  const late: number[] = [];
  try {
    const database = client.db('millrace_orchestrator');
    const history = database.collection<{ readonly _id: string } & StoredJournal>('history');
    const packs = database.collection<{ readonly _id: string; readonly journals: Binary }>('journals');
    const read = createJournalReader(async (id) => (await packs.findOne({ _id: id }))?.journals.buffer);
    await until(async () => (await history.countDocuments({})) >= due * 0.999, 60_000).catch(() => undefined);
    for await (const stored of history.find({}, { projection: { entries: 1, journal: 1, pack: 1 } }).sort({ 'pack.id': 1 }).allowDiskUse()) {
      const text = await read(stored);
      const parsed = JSON.parse(`[${text}]`) as readonly (readonly [number, readonly { readonly due?: number }[]])[];
      const [endedAtMs = 0] = parsed.at(-1) ?? [];
      const dueMs = parsed.flatMap(([, records]) => records).find((record) => record.due !== undefined)?.due;
      if (dueMs !== undefined) late.push(endedAtMs - dueMs);
    }
  } finally {
    await client.close();
  }
  return late;
}

async function diskOf(bed: BenchCluster): Promise<{ readonly mongodb: number }> {
  const client = new MongoClient(bed.cluster.servers.mongo.url);
  try {
    await client.db('admin').command({ fsync: 1 });
    const stats = await client.db('millrace_orchestrator').command({ dbStats: 1 });
    return { mongodb: round((Number(stats['storageSize']) + Number(stats['indexSize'])) / 1024 ** 2) };
  } finally {
    await client.close();
  }
}

function residentMiB(bed: BenchCluster): number {
  return round(bed.cluster.of('orchestrator').reduce((sum, { pid }) => sum + (pid === undefined ? 0 : (usageOf(pid)?.residentMiB ?? 0)), 0));
}

/** The most that the orchestrator had resident, looked at twice a second. */
function watchMemory(bed: BenchCluster): { peak(): number; end(): void } {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMiB(bed));
  }, LOOK_MS);
  return { peak: () => peak, end: () => clearInterval(timer) };
}

function say(line: string): void {
  process.stderr.write(`  ${line}\n`);
}
