/** What the processes of a cluster used between two moments, and what their lanes did. */
import type { BenchCluster } from './bench-cluster.ts';
import { usageOf, type Usage } from './process-usage.ts';
import { round } from './statistics.ts';

export interface ProcessFigure {
  readonly name: string;
  readonly cpuSeconds: number;
  readonly residentMiB: number;
}

/** The time between `begin` and `end`, by the machine's monotonic clock in microseconds, and the steps in it. */
export interface Measured {
  readonly steps: number;
  readonly fromUs: number;
  readonly toUs: number;
}

export interface Outcome {
  readonly processes: readonly ProcessFigure[];
  readonly eventsPerFrame: number;
  readonly measured: Measured;
}

export interface Meter {
  /** Also measures a process that is not the cluster's. */
  watch(name: string, pid: number): void;
  begin(): Promise<void>;
  /** Ends the measured part; without it `end` does. */
  stop(): Promise<void>;
  end(): Promise<Outcome>;
  /** The measured part has ended; what runs later is not part of it. */
  readonly isOver: boolean;
  /** Processor time and memory now; for figures of a part of a run. */
  usage(name: string): Usage | undefined;
}

/** What the lanes of all orchestrators have done since those processes took them. */
export interface LaneCounts {
  readonly frames: number;
  readonly messages: number;
  /** Results applied: durable steps. */
  readonly steps: number;
  /** Executions in memory. */
  readonly executions: number;
  /** Bytes of frames, before compression. */
  readonly framedBytes: number;
}

export function createMeter({ cluster }: BenchCluster): Meter {
  const pids = new Map<string, number>();
  for (const service of cluster.services) if (service.pid !== undefined) pids.set(service.instance, service.pid);
  const { nats, mongo } = cluster.servers;
  const several = (name: string, processes: readonly { readonly pid: number }[]): void => processes.forEach(({ pid }, index) => void pids.set(processes.length === 1 ? name : `${name}-${index + 1}`, pid));
  several('nats-server', nats.processes);
  several('mongod', mongo.processes);
  let before = new Map<string, Usage>();
  let fromUs = monotonicUs();
  let counts: LaneCounts = { frames: 0, messages: 0, steps: 0, executions: 0, framedBytes: 0 };
  let outcome: Outcome | undefined;
  let over = false;

  async function measure(): Promise<Outcome> {
    const processes: ProcessFigure[] = [];
    for (const [name, pid] of pids) {
      const now = usageOf(pid);
      const then = before.get(name);
      if (now !== undefined && then !== undefined) processes.push({ name, cpuSeconds: round(now.cpuSeconds - then.cpuSeconds, 2), residentMiB: round(now.residentMiB) });
    }
    const after = await laneCounts(cluster);
    const frames = after.frames - counts.frames;
    const measured = { steps: after.steps - counts.steps, fromUs, toUs: monotonicUs() };
    return { processes, measured, eventsPerFrame: frames === 0 ? 0 : round((after.messages - counts.messages) / frames) };
  }

  return {
    watch: (name, pid) => void pids.set(name, pid),
    usage(name) {
      const pid = pids.get(name);
      return pid === undefined ? undefined : usageOf(pid);
    },
    async begin() {
      before = new Map();
      for (const [name, pid] of pids) {
        const usage = usageOf(pid);
        if (usage !== undefined) before.set(name, usage);
      }
      counts = await laneCounts(cluster);
      fromUs = monotonicUs();
    },
    async stop() {
      over = true;
      outcome = await measure();
    },
    end: async () => outcome ?? (await measure()),
    get isOver() {
      return over;
    },
  };
}

function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Sums over the orchestrators' metrics. */
export async function laneCounts(cluster: BenchCluster['cluster']): Promise<LaneCounts> {
  const counts = { frames: 0, messages: 0, steps: 0, executions: 0, framedBytes: 0 };
  for (const orchestrator of cluster.of('orchestrator')) {
    const metrics = await readMetrics(orchestrator.addresses.http);
    counts.frames += metrics('millrace_lane_frames_count');
    counts.messages += metrics('millrace_lane_messages_count');
    counts.steps += metrics('millrace_lane_steps_count');
    counts.executions += metrics('millrace_lane_executions_count');
    counts.framedBytes += metrics('millrace_lane_framed_bytes');
  }
  return counts;
}

/** A process' metrics: the sum over all samples of a name that have every label given. */
export async function readMetrics(http: string): Promise<(name: string, labels?: Readonly<Record<string, string>>) => number> {
  const text = await (await fetch(`${http}/metrics`)).text();
  return (name, labels = {}) => {
    let sum = 0;
    for (const [, given = '', value = ''] of text.matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\S+)$`, 'gm'))) {
      if (Object.entries(labels).every(([label, wanted]) => given.includes(`${label}="${wanted}"`))) sum += Number(value);
    }
    return sum;
  };
}
