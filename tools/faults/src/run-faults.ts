/**
 * The suite: a cluster of several instances, executions in flight, one fault after the other, and the checks.
 */
import { createHash, randomBytes } from 'node:crypto';
import { startCluster, type Cluster, type ServiceName } from '@millrace/cluster';
import { startHttpTarget, startTcpProxy, temporaryFolder, type HttpTarget, type TcpProxy } from '@millrace/testkit';
import { checkArrivals, type FaultWindow } from './arrival-check.ts';
import { faultList, pause } from './fault-list.ts';
import { checkHistory } from './history-check.ts';
import { watchLanes, type LaneWatch } from './lane-watch.ts';
import { createWorkload, STEPS_PER_EXECUTION, type Workload } from './workload.ts';

/** How long executions may take to end after a fault, in milliseconds. */
const END_MS = 90_000;
/** After something has come back, a step's repetition may still be on its way, in milliseconds. */
const SETTLE_MS = 3_000;
/** Orchestrators of the cluster, and its lanes: more than one for each, so that lanes move one by one. */
const ORCHESTRATORS = 2;
const LANES = 4;

export interface FaultReport {
  readonly executions: number;
  readonly arrivals: number;
  readonly repeatedAttempts: number;
  readonly faults: readonly { readonly name: string; readonly ms: number; readonly endedMs: number }[];
  /** Empty when every invariant held. */
  readonly violations: readonly string[];
}

export interface FaultOptions {
  readonly inFlight?: number;
  /** Only faults whose name has this in it. */
  readonly only?: string;
  /** Repeats the list until so much time has passed, in milliseconds; once when absent. */
  readonly forMs?: number;
  readonly report?: (line: string) => void;
}

export interface FaultBed {
  readonly cluster: Cluster;
  readonly target: HttpTarget;
  readonly workload: Workload;
  readonly links: readonly TcpProxy[];
  readonly watch: LaneWatch;
  close(): Promise<void>;
}

/** A cluster with links that can be broken, a target that records, and the workflow applied. */
export async function openFaultBed(report: (line: string) => void, restart = true): Promise<FaultBed> {
  const folder = await temporaryFolder('faults');
  const key = `mr_faults_${randomBytes(24).toString('hex')}`;
  const links: TcpProxy[] = [];
  const target = await startHttpTarget({ answer: () => ({ status: 200, body: { ok: true }, delayMs: 20 + Math.random() * 60 }) });
  const cluster = await startCluster({
    dataDir: folder.path,
    restart,
    report,
    operatorKeyHash: createHash('sha256').update(key).digest('hex'),
    scale: { orchestrator: ORCHESTRATORS, connector: 2 },
    environment: { MILLRACE_LANES: String(LANES) },
    async natsUrl(service, _instance, url) {
      if (service !== 'orchestrator') return url;
      const link = await startTcpProxy({ targetPort: Number(new URL(url).port) });
      links.push(link);
      return `nats://${link.host}:${link.port}`;
    },
  });
  const closing: (() => Promise<void> | void)[] = [() => folder.remove(), () => target.close(), async () => void (await Promise.all(links.map((link) => link.close()))), () => cluster.stop()];
  const close = async (): Promise<void> => {
    for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step();
  };
  try {
    await cluster.ready();
    const watch = await watchLanes(cluster.servers.nats.url, LANES);
    closing.push(() => watch.close());
    const workload = createWorkload(cluster, key, target.url);
    closing.push(() => workload.close());
    await workload.prepare();
    return { cluster, target, workload, links, watch, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function runFaults({ inFlight = 300, only, forMs = 0, report = () => undefined }: FaultOptions = {}): Promise<FaultReport> {
  const bed = await openFaultBed(report);
  try {
    const faults: { name: string; ms: number; endedMs: number }[] = [];
    const windows: FaultWindow[] = [];
    const executions: string[] = [];
    const violations: string[] = [];
    const until = performance.now() + forMs;
    let round = 0;
    do {
      for (const fault of faultList(bed).filter(({ name }) => only === undefined || name.includes(only))) {
        const keys = Array.from({ length: inFlight }, (_, index) => `${round}-${index}`);
        round++;
        const half = keys.length >> 1;
        const since = performance.now();
        // The fault strikes while starts are still being accepted and the first steps run.
        const started = Promise.all([bed.workload.start(keys.slice(0, half), 'grpc'), bed.workload.start(keys.slice(half), 'webhook')]);
        await pause(400);
        const window: FaultWindow = { name: fault.name, fromMs: Date.now(), toMs: Infinity };
        windows.push(window);
        await fault.run();
        const brokenMs = performance.now() - since;
        const ids = (await started).flatMap((each) => [...each.values()]);
        if (new Set(ids).size !== keys.length) violations.push(`${fault.name}: ${keys.length} starts made ${new Set(ids).size} executions`);
        executions.push(...ids);
        const outcomes = await bed.workload.ended(ids, END_MS);
        for (const outcome of outcomes) if (outcome.status !== 'completed') violations.push(`${fault.name}: execution ${outcome.execution} is ${outcome.status} ${outcome.detail}`);
        window.toMs = Date.now() + SETTLE_MS;
        faults.push({ name: fault.name, ms: Math.round(brokenMs), endedMs: Math.round(performance.now() - since) });
        report(`${fault.name}: ${outcomes.filter((outcome) => outcome.status === 'completed').length} of ${keys.length} completed after ${Math.round(performance.now() - since)} ms`);
      }
    } while (performance.now() < until);
    const history = await checkHistory(bed.cluster.servers.mongo.url, executions, END_MS);
    if (history.keys.size !== executions.length * STEPS_PER_EXECUTION) violations.push(`${executions.length} executions have ${history.keys.size} results; ${executions.length * STEPS_PER_EXECUTION} expected`);
    const arrivals = checkArrivals(bed.target.arrivals, history.keys, windows);
    violations.push(...history.violations, ...arrivals.violations, ...bed.watch.violations);
    if ([...bed.watch.frames.values()].reduce((sum, count) => sum + count, 0) === 0) violations.push('no frame was seen in any lane: the watch did not work');
    return { executions: executions.length, arrivals: arrivals.arrivals, repeatedAttempts: arrivals.repeatedAttempts, faults, violations };
  } finally {
    await bed.close();
  }
}

/** One internal system away: what is in flight and what is started by webhook meanwhile. */
export async function runAway(away: 'mongod' | Extract<ServiceName, 'throttle' | 'notification' | 'gateway'>, count: number, report: (line: string) => void = () => undefined): Promise<readonly string[]> {
  const bed = await openFaultBed(report, false);
  try {
    const before = await bed.workload.start(Array.from({ length: count }, (_, index) => `before-${index}`), 'webhook');
    if (away === 'mongod') await bed.cluster.servers.mongo.process?.kill();
    else for (const each of bed.cluster.of(away)) await each.kill();
    const during = await bed.workload.start(Array.from({ length: count }, (_, index) => `during-${index}`), 'webhook');
    // The gateway cannot be asked while it is away: the target says when every step of every execution was done.
    const wanted = 2 * count * STEPS_PER_EXECUTION;
    const keys = (): number => new Set(bed.target.arrivals.map((arrival) => arrival.key)).size;
    for (const until = performance.now() + END_MS; keys() < wanted && performance.now() < until; ) await pause(100);
    const violations = keys() < wanted ? [`with ${away} away ${keys()} of ${wanted} steps were done`] : [];
    if (away === 'mongod') await bed.cluster.servers.mongo.process?.restart();
    else for (const each of bed.cluster.of(away)) each.start();
    await bed.cluster.ready();
    for (const outcome of await bed.workload.ended([...before.values(), ...during.values()], END_MS)) if (outcome.status !== 'completed') violations.push(`with ${away} away execution ${outcome.execution} is ${outcome.status} ${outcome.detail}`);
    return violations;
  } finally {
    await bed.close();
  }
}
