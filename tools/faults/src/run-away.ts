/** One internal system away: what is in flight and what is started by webhook meanwhile. */
import type { ServiceName } from '@millrace/cluster';
import { openFaultBed } from './bed/fault-bed.ts';
import { pause } from './workload/client.ts';
import type { PlannedStart } from './workload/workload.ts';

const END_MS = 90_000;
/** Steps of one execution of the chain. */
const STEPS = 8;

export async function runAway(away: 'mongod' | Extract<ServiceName, 'throttle' | 'notification' | 'gateway'>, count: number, report: (line: string) => void = () => undefined): Promise<readonly string[]> {
  const bed = await openFaultBed('single', { report, restart: false });
  try {
    const planOf = (name: string): readonly PlannedStart[] => Array.from({ length: count }, (_, index) => ({ organisation: 'default', workflow: 'chain', key: `${name}-${index}`, by: 'webhook' }));
    const [before, during] = [planOf('before'), planOf('during')];
    await bed.workload.run(before);
    if (away === 'mongod') await bed.cluster.servers.mongo.process?.kill();
    else for (const each of bed.cluster.of(away)) await each.kill();
    await bed.workload.run(during);
    // The gateway cannot be asked while it is away: the target says when every step of every execution was done.
    const wanted = 2 * count * STEPS;
    const keys = (): number => new Set(bed.target.arrivals().map((arrival) => arrival.key)).size;
    for (const until = performance.now() + END_MS; keys() < wanted && performance.now() < until; ) await pause(100);
    const violations = keys() < wanted ? [`with ${away} away ${keys()} of ${wanted} steps were done`] : [];
    if (away === 'mongod') await bed.cluster.servers.mongo.process?.restart();
    else for (const each of bed.cluster.of(away)) each.start();
    await bed.cluster.ready();
    for (const { execution, status, detail } of await bed.workload.ended([...before, ...during], END_MS)) if (status !== 'completed') violations.push(`with ${away} away execution ${execution} is ${status} ${detail}`);
    return violations;
  } finally {
    await bed.close();
  }
}
