/** What a fault is, and what all faults are made of. */
import type { ServiceName } from '@millrace/cluster';
import { eventually } from '@millrace/testkit';
import type { BedKind, FaultBed } from '../bed/fault-bed.ts';
import type { BeyondLimits } from '../evidence.ts';
import { pause } from '../workload/client.ts';

export interface Fault {
  readonly name: string;
  readonly bed: BedKind;
  /** See T1: whether owners may have lost their lease, or the throttle, during it. */
  readonly beyondLimits: BeyondLimits;
  readonly clockMoved?: boolean;
  /** Part of `npm test`; the others run by command alone. */
  readonly inTests: boolean;
  /** Breaks something and resolves when it is whole again, or on its way to be, with what was seen of it. */
  run(bed: FaultBed): Promise<string>;
}

/** Longer than a process's lease of 5 s, in milliseconds. */
export const BEYOND_LEASE_MS = 7_000;
const READY_MS = 60_000;

/** SIGKILL to the first instance of a service; resolves when it is back. */
export async function killService(bed: FaultBed, service: ServiceName): Promise<string> {
  const [first] = bed.cluster.of(service);
  if (first === undefined) throw new Error(`the bed has no ${service}`);
  const { pid } = first;
  await first.kill();
  const backMs = await timed(async () => {
    await eventually(() => first.pid !== undefined && first.pid !== pid, { timeoutMs: READY_MS, what: `${first.instance} started again` });
    await first.ready(READY_MS);
  });
  return `${first.instance} ready again after ${backMs} ms`;
}

/** Waits until every server and service is there and says so. */
export async function whole(bed: FaultBed): Promise<void> {
  const { nats, mongo } = bed.cluster.servers;
  for (const { name, monitorUrl } of nats.processes) {
    const healthy = async (): Promise<boolean> => {
      const answer = await fetch(`${monitorUrl}/healthz`, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      return answer.ok;
    };
    await eventually(healthy, { timeoutMs: READY_MS, intervalMs: 100, what: `${name} healthy` });
  }
  await mongo.set?.primary();
  await bed.cluster.ready(READY_MS);
}

export async function timed(run: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await run();
  return Math.round(performance.now() - since);
}

export { pause };
