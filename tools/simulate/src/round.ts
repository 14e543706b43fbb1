/**
 * One round: an installation is set up, works under load while things go wrong, and is left alone until everything has
 * ended.
 *
 * A round follows from its seed, its number and what it is told to leave out; nothing in it is real but the product.
 */
import { createHash } from 'node:crypto';
import { encodeLimits, limitsKey } from '@millrace/lease';
import { decodeJson } from '@millrace/bus';
import { FairnessChecks } from './checks/fairness-checks.ts';
import { checkFinally, lastDueMs, unfinished } from './checks/final-checks.ts';
import { compareMemories } from './checks/memory-checks.ts';
import { Observer } from './checks/observer.ts';
import { Violations, type Violation, type Invariant } from './checks/violations.ts';
import { drawFaults, FaultMachine, type PlannedFault } from './faults.ts';
import { Cluster } from './product/cluster.ts';
import { startOrchestrator } from './product/orchestrator-process.ts';
import { drawSettings } from './product/settings.ts';
import { startThrottle } from './product/throttle-process.ts';
import { startWorkerProcess } from './product/worker-process.ts';
import { Client } from './work/client.ts';
import { drawLoad } from './work/load.ts';
import type { PointCount } from './world/points.ts';
import { createRandom } from './world/random.ts';
import { CALM, World, type CHANCES } from './world/world.ts';
import { turn, withVirtualTime } from './virtual-time.ts';

/** How often throttle and memories are looked at, in virtual milliseconds. */
const LOOK_MS = 250;
const COMPARE_MS = 1_500;
/** How long a round may take to become quiet once faults have stopped, in virtual milliseconds; longer while frames come. */
const SETTLE_MS = 150_000;
const STANDSTILL_MS = 60_000;
const SETTLE_MS_MAX = 1_500_000;

export interface RoundOptions {
  readonly seed: number;
  readonly round: number;
  /** Faults to be left in, by number; all when undefined. */
  readonly faults?: ReadonlySet<number>;
  /** Executions to be left in, by number. */
  readonly executions?: ReadonlySet<number>;
  /** Chances that never come true. */
  readonly without?: ReadonlySet<(typeof CHANCES)[number]>;
  readonly trace?: (text: string) => void;
  /** The round ends as soon as one of these is violated; it goes on by default. */
  readonly until?: readonly Invariant[];
}

export interface RoundResult {
  readonly steps: number;
  readonly faults: number;
  readonly violations: readonly Violation[];
  readonly checked: ReadonlyMap<Invariant, number>;
  readonly points: ReadonlyMap<string, PointCount>;
  readonly digest: string;
  readonly executions: number;
  readonly workflowSteps: number;
  readonly frames: number;
  readonly checkpoints: number;
  readonly takings: number;
  /** Steps that workers refused because their owner had been displaced. */
  readonly stale: number;
  readonly moves: number;
  readonly sleeps: number;
  readonly virtualMs: number;
  readonly planned: { readonly faults: readonly PlannedFault[]; readonly executions: readonly number[] };
  /** What was not over when the round was given up. */
  readonly unfinished: readonly string[];
}

export function playRound(options: RoundOptions): Promise<RoundResult> {
  return withVirtualTime(createRandom(`${options.seed}/${options.round}/runtime`), () => play(options));
}

async function play({ seed, round, faults: kept, executions, without, trace, until = [] }: RoundOptions): Promise<RoundResult> {
  const random = createRandom(`${seed}/${round}`);
  const settings = drawSettings(random);
  const planned = drawFaults(random, settings);
  const world = new World(createRandom(`${seed}/${round}/world`));
  const load = drawLoad(random, settings, world.epochMs);
  const violations = new Violations(() => world.nowMs);
  const hash = createHash('sha256');
  const note = (text: string): void => trace?.(`${world.nowMs.toFixed(2).padStart(10)}  ${text}`);
  world.note = note;
  let takings = 0;
  let landedMs = 0;
  let stale = 0;
  const observer: Observer = new Observer(world, violations, {
    program: (found) => cluster.programs.get(found),
    payload: (name) => cluster.objects.get(name),
    database: () => cluster.database,
    hasEvent: (id) => cluster.events.has(id),
  });
  const cluster: Cluster = new Cluster(world, settings, observer, (level, message, attributes) => {
    if (trace !== undefined && level !== 'debug') note(`${level} ${message} ${JSON.stringify(attributes, (_, value: unknown) => (value instanceof Error ? `${value.name}: ${value.message}` : value))}`);
    if (message.endsWith('Lane taken')) takings++;
    if (message.endsWith('step of a displaced owner refused')) stale++;
    if (level === 'error') violations.check('E6', !/stopped by a defect|ended by a defect/.test(message), () => `${message} ${String(attributes['error'])}`);
    if (/Inputs are missing|left out/.test(message)) violations.check('E4', false, () => `${message} ${JSON.stringify(attributes)}`);
  });
  observer.truth.frameLanded = (lane, text) => {
    hash.update(text);
    landedMs = world.nowMs;
    trace?.(`${world.nowMs.toFixed(2).padStart(10)}  frame of lane ${lane}: ${text.slice(0, 600)}`);
  };
  for (const workflow of load.workflows) cluster.addWorkflow(workflow);
  for (const { name, concurrency, startsPerSecond, weight, strict } of settings.organisations) {
    if (concurrency !== undefined || startsPerSecond !== undefined) cluster.buckets.limits.set(limitsKey(name), decodeJson(encodeLimits({ concurrency, startsPerSecond, weight, strict, revision: 1 })));
  }
  note(`settings ${JSON.stringify(settings)}`);
  const faults = new FaultMachine(cluster);
  const fairness = new FairnessChecks(cluster, () => faults.disturbedMs);
  const onRejection = (error: unknown): void => observer.defect(`a promise nobody waits for was rejected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.on('unhandledRejection', onRejection);
  try {
    for (let index = 0; index < settings.throttles; index++) startThrottle(cluster, `throttle-${index}`);
    for (let index = 0; index < settings.orchestrators; index++) startOrchestrator(cluster, `orchestrator-${index}`);
    for (let index = 0; index < settings.workers; index++) startWorkerProcess(cluster, `worker-${index}`);
    const client = new Client(cluster);
    world.weather = { ...settings.weather, ...Object.fromEntries([...(without ?? [])].map((chance) => [chance, 0])) };
    for (const { index, atMs, fault } of planned) if (kept === undefined || kept.has(index)) world.timeline.plan(atMs, `fault ${fault.kind}`, undefined, () => faults.carryOut(fault));
    for (const start of load.starts) if (executions === undefined || executions.has(start.index)) world.timeline.plan(start.atMs, 'start', undefined, () => client.start(start));
    every(world, LOOK_MS, 'look', () => fairness.look());
    every(world, COMPARE_MS, 'compare', () => compareMemories(cluster));

    let settling = false;
    let isOver = false;
    world.timeline.plan(settings.loadMs, 'faults stop', undefined, () => {
      settling = true;
      world.weather = CALM;
      note('faults stop');
      faults.stop();
    });
    every(world, 500, 'over?', () => {
      if (settling && world.nowMs > settings.loadMs + 2_000) isOver = unfinished(cluster, client).length === 0;
      // Long workflows go on for as long as they get anywhere, and a timer that was set by a clock far ahead is waited for.
      if (world.nowMs > settings.loadMs + SETTLE_MS) isOver ||= world.nowMs - Math.max(landedMs, lastDueMs(cluster) - world.epochMs) > STANDSTILL_MS || world.nowMs > SETTLE_MS_MAX;
    });
    const marker = Buffer.alloc(12);
    while (!isOver) {
      const event = world.timeline.deliver();
      if (event === undefined) break;
      marker.writeDoubleLE(world.nowMs, 0);
      marker.writeUInt32LE(event.order >>> 0, 8);
      hash.update(marker);
      await turn();
      if (violations.list.length > 20 || (until.length > 0 && violations.list.some(({ invariant }) => until.includes(invariant)))) break;
    }
    const left = unfinished(cluster, client);
    if (isOver) checkFinally(cluster, client);
    hash.update(`${violations.list.length}/${observer.performed}/${observer.truth.ended}`);
    return {
      steps: world.timeline.delivered,
      faults: faults.happened,
      violations: violations.list,
      checked: violations.checked,
      points: world.points.counts,
      digest: hash.digest('hex').slice(0, 32),
      executions: observer.truth.executions.size,
      workflowSteps: observer.truth.results,
      frames: observer.truth.frames,
      checkpoints: observer.checkpoints,
      takings,
      stale,
      moves: observer.truth.moves,
      sleeps: observer.sleeps,
      virtualMs: world.nowMs,
      planned: { faults: planned, executions: load.starts.map(({ index }) => index) },
      unfinished: left,
    };
  } finally {
    for (const machine of [...world.machines.values()]) machine.crash();
    await turn();
    process.off('unhandledRejection', onRejection);
  }
}

function every(world: World, ms: number, kind: string, run: () => void): void {
  const again = (): void => {
    world.timeline.plan(ms, kind, undefined, () => {
      again();
      run();
    });
  };
  again();
}
