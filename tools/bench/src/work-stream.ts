/** Works that a client process drives over the gateway's stream: it keeps so many executions in flight. */
import { startHttpTarget } from '@millrace/testkit';
import { startSleepers } from './background.ts';
import type { ClientRound } from './client.ts';
import { startDiskMeter, type BytesPerStep } from './disk-use.ts';
import { BRANCHES, chain, fanOut, httpChain, ITEMS, loop, PAYLOAD, scripts } from './documents.ts';
import type { Load } from './load.ts';
import { laneCounts } from './measured-cluster.ts';
import { runClient } from './run-client.ts';
import { round, spreadOf } from './statistics.ts';
import type { BenchFigures, WorkRun } from './work.ts';

const WARM_UP_SECONDS = 5;
/** How long text that cannot be compressed is sent for its bytes on disk, in seconds. */
const DISTINCT_SECONDS_MAX = 10;
/** An execution of so many steps may take longer than a round: its steps are not counted at its end. */
const LONG_STEPS = 100;
const INPUT = JSON.stringify(PAYLOAD);

export async function runChain(steps: number, run: WorkRun): Promise<BenchFigures> {
  await run.bed.apply(chain(steps));
  const load = one(`chain-${steps}`, steps);
  if (run.options.waiting > 0) return besideSleepers(load, run);
  if (steps === 1) return drive(load, run);
  const { value: figures, bytes: bytesPerStep } = await onDisk(run, () => drive(load, run));
  // Text that is always the same compresses as no real payload does: once more with some that does not at all.
  const distinct: Load = { kind: 'distinct', workflow: `chain-${steps}`, characters: PAYLOAD.text.length, steps, seed: 7 };
  const short = { ...run.options, seconds: Math.min(run.options.seconds, DISTINCT_SECONDS_MAX) };
  const { bytes: bytesPerStepOfRandomText } = await onDisk(run, () => runChecked(distinct, { ...run, options: short }, 1));
  return { ...figures, own: { ...figures.own, bytesPerStep, bytesPerStepOfRandomText } };
}

/** Does something, and says what its steps left on disk; undefined where the servers cannot be asked. */
async function onDisk<T>({ bed, endings }: WorkRun, act: () => Promise<T>): Promise<{ readonly value: T; readonly bytes: BytesPerStep | undefined }> {
  const disk = await startDiskMeter(bed);
  endings.add(() => disk?.stop());
  const value = await act();
  return { value, bytes: await disk?.end() };
}

export async function runHttp(run: WorkRun): Promise<BenchFigures> {
  const target = await startHttpTarget({ answer: (arrival) => ({ status: 200, body: JSON.parse(arrival.body) as unknown }) });
  const close = run.endings.add(() => target.close());
  await run.bed.apply(httpChain(target.url));
  const figures = await drive(one('http-10', 10), run);
  await close();
  return figures;
}

export async function runLoop(run: WorkRun): Promise<BenchFigures> {
  await run.bed.apply(loop());
  const before = run.meter.usage('orchestrator-1')?.residentMiB ?? 0;
  const figures = await drive(one('loop', ITEMS), run);
  return { ...figures, own: { ...figures.own, orchestratorMiB: { before: round(before), after: round(run.meter.usage('orchestrator-1')?.residentMiB ?? 0) } } };
}

export async function runFanOut(run: WorkRun): Promise<BenchFigures> {
  await run.bed.apply(fanOut());
  return drive(one('fan-out', BRANCHES), run);
}

export async function runScript(run: WorkRun): Promise<BenchFigures> {
  await run.bed.apply(scripts());
  return drive(one('script-10', 10), run);
}

function one(workflow: string, steps: number): Load {
  return { kind: 'one', workflow, organisation: '', inputJson: INPUT, steps };
}

/** Rounds of one load, and what they say. */
export async function drive(load: Load, { bed, meter, options, endings }: WorkRun): Promise<BenchFigures> {
  const { rounds } = await runChecked(load, { bed, meter, options, endings }, options.rounds);
  const perMinute = rounds.map((each) => round(each.steps / each.seconds));
  const [first = 0] = perMinute;
  return {
    ...figuresOf(rounds),
    ...(options.minutes === undefined ? {} : { own: { stepsPerSecondOfEachMinute: perMinute, lastToFirstMinute: first === 0 ? 0 : round((perMinute.at(-1) ?? 0) / first, 3) } }),
  };
}

/** The same load without and with executions that sleep in the background; the client goes on between the two. */
async function besideSleepers(load: Load, run: WorkRun): Promise<BenchFigures> {
  const { options, bed, meter } = run;
  let acceptedMs = 0;
  const before = meter.usage('orchestrator-1')?.residentMiB ?? 0;
  const { rounds } = await runChecked(load, run, 2 * options.rounds, async (number) => {
    if (number !== options.rounds) return;
    process.stderr.write(`  starting ${options.waiting} executions that sleep\n`);
    acceptedMs = await startSleepers(bed, options.waiting);
  });
  const alone = rounds.slice(0, options.rounds);
  const beside = rounds.slice(options.rounds);
  const rate = (list: readonly ClientRound[]) => spreadOf(list.map((each) => round(each.steps / each.seconds)));
  return {
    ...figuresOf(beside),
    own: {
      waiting: { executions: options.waiting, acceptedMs: round(acceptedMs), inMemory: (await laneCounts(bed.cluster)).executions, orchestratorMiB: { before: round(before), after: round(meter.usage('orchestrator-1')?.residentMiB ?? 0) } },
      stepsPerSecondWithoutWaiting: rate(alone),
      stepsPerSecondWithWaiting: rate(beside),
      withToWithoutWaiting: round(rate(beside).median / Math.max(1, rate(alone).median), 3),
      note: 'stepsPerSecond, executionsPerSecond and latencyMs are those with the sleepers',
    },
  };
}

/** Rounds in which nothing failed. Steps of long executions are counted as the lanes take their results. */
async function runChecked(load: Load, { bed, meter, options, endings }: WorkRun, rounds: number, before?: (round: number) => Promise<void>): Promise<{ readonly rounds: readonly ClientRound[] }> {
  let stopped: Promise<void> | undefined;
  const isLong = load.kind === 'one' && load.steps >= LONG_STEPS;
  const looks: Promise<{ readonly atMs: number; readonly steps: number }>[] = [];
  const look = async (): Promise<{ readonly atMs: number; readonly steps: number }> => {
    const { steps } = await laneCounts(bed.cluster);
    return { atMs: performance.now(), steps };
  };
  const run = await runClient(
    { address: bed.cluster.addresses.gatewayGrpc, key: bed.key, load, inFlight: options.inFlight, warmUpSeconds: WARM_UP_SECONDS, seconds: options.seconds, rounds },
    {
      endings,
      ...(before === undefined ? {} : { before }),
      async onBegin(round, pid) {
        if (isLong) looks[2 * round] = look();
        if (round > 0 || meter.isOver) return;
        meter.watch('client', pid);
        await meter.begin();
      },
      onRound(round) {
        if (isLong) looks[2 * round + 1] = look();
        // The client is still there: its processor time counts too.
        if (round === rounds - 1 && !meter.isOver) stopped = meter.stop();
      },
    },
  );
  await stopped;
  const failed = run.rounds.reduce((sum, each) => sum + each.failed, 0);
  if (failed > 0 || run.left > 0) throw new Error(`${failed} executions failed and ${run.left} did not end: ${run.rounds.find((each) => each.failed > 0)?.firstFailure ?? ''}`);
  if (!isLong) return run;
  const seen = await Promise.all(looks);
  return {
    rounds: run.rounds.map((each, round) => {
      const [from, to] = [seen[2 * round], seen[2 * round + 1]];
      return from === undefined || to === undefined ? each : { ...each, steps: ((to.steps - from.steps) * 1000 * each.seconds) / (to.atMs - from.atMs) };
    }),
  };
}

function figuresOf(rounds: readonly ClientRound[]): BenchFigures {
  const middle = [...rounds].sort((a, b) => a.steps / a.seconds - b.steps / b.seconds)[rounds.length >> 1];
  return {
    stepsPerSecond: rounds.map((each) => each.steps / each.seconds),
    executionsPerSecond: rounds.map((each) => each.executions / each.seconds),
    latencyMs: { p50: middle?.p50Ms ?? 0, p99: middle?.p99Ms ?? 0 },
    payloadBytes: INPUT.length,
  };
}
