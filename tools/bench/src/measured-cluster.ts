/** What the processes of a cluster used between two moments, and what their lanes did. */
import type { BenchCluster } from './bench-cluster.ts';
import { usageOf, type Usage } from './process-usage.ts';
import { round } from './statistics.ts';

export interface ProcessFigure {
  readonly name: string;
  readonly cpuSeconds: number;
  readonly residentMiB: number;
}

export interface Meter {
  /** Also measures a process that is not the cluster's. */
  watch(name: string, pid: number): void;
  begin(): Promise<void>;
  end(): Promise<{ readonly processes: readonly ProcessFigure[]; readonly eventsPerFrame: number }>;
}

interface LaneCounts {
  readonly frames: number;
  readonly messages: number;
  readonly steps: number;
}

export function createMeter({ cluster }: BenchCluster): Meter {
  const pids = new Map<string, number>();
  for (const service of cluster.services) if (service.pid !== undefined) pids.set(service.instance, service.pid);
  const { nats, mongo } = cluster.servers;
  if (nats.process !== undefined) pids.set('nats-server', nats.process.pid);
  if (mongo.process !== undefined) pids.set('mongod', mongo.process.pid);
  let before = new Map<string, Usage>();
  let counts: LaneCounts = { frames: 0, messages: 0, steps: 0 };
  return {
    watch: (name, pid) => void pids.set(name, pid),
    async begin() {
      before = new Map();
      for (const [name, pid] of pids) {
        const usage = usageOf(pid);
        if (usage !== undefined) before.set(name, usage);
      }
      counts = await laneCounts(cluster);
    },
    async end() {
      const processes: ProcessFigure[] = [];
      for (const [name, pid] of pids) {
        const now = usageOf(pid);
        const then = before.get(name);
        if (now !== undefined && then !== undefined) processes.push({ name, cpuSeconds: round(now.cpuSeconds - then.cpuSeconds, 2), residentMiB: round(now.residentMiB) });
      }
      const after = await laneCounts(cluster);
      const frames = after.frames - counts.frames;
      return { processes, eventsPerFrame: frames === 0 ? 0 : round((after.messages - counts.messages) / frames) };
    },
  };
}

/** Sums over the orchestrators' metrics. */
async function laneCounts(cluster: BenchCluster['cluster']): Promise<LaneCounts> {
  let frames = 0;
  let messages = 0;
  let steps = 0;
  for (const orchestrator of cluster.of('orchestrator')) {
    const text = await (await fetch(`${orchestrator.addresses.http}/metrics`)).text();
    const sum = (name: string): number => [...text.matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'gm'))].reduce((total, match) => total + Number(match[1]), 0);
    frames += sum('millrace_lane_frames_count');
    messages += sum('millrace_lane_messages_count');
    steps += sum('millrace_lane_steps_count');
  }
  return { frames, messages, steps };
}
