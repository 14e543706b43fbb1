/** The product itself, as a contestant: its whole cluster, and the bench's own client over the public gRPC API. */
import { startBenchCluster } from '../bench-cluster.ts';
import { chain, PAYLOAD } from '../documents.ts';
import { versions } from '../machine.ts';
import { runClient } from '../run-client.ts';
import { durabilityOf } from '../run-work.ts';
import { STEPS_OF, type Engine } from './engine.ts';
import { measurementOf } from './peer-process.ts';
import { groupUsage } from './process-group.ts';

export function millrace(inFlight: number): Engine {
  return {
    name: 'millrace',
    title: 'Millrace: six services, NATS and MongoDB as processes; steps in the connector service',
    inFlight: { 'chain-10': inFlight, ping: inFlight },
    prepare: () => Promise.resolve(),
    async start(endings) {
      const bed = await startBenchCluster({ endings });
      const durability = await durabilityOf(bed);
      for (const work of ['chain-10', 'ping'] as const) await bed.apply(chain(STEPS_OF[work]));
      const { servers, services } = bed.cluster;
      const pids = new Map([...services.flatMap(({ instance, pid }) => (pid === undefined ? [] : [[instance, pid] as const])), ...servers.nats.processes.map(({ pid }) => ['nats-server', pid] as const), ...servers.mongo.processes.map(({ pid }) => ['mongod', pid] as const)]);
      return {
        durability,
        versions: versions(durability.servers?.nats.version ?? 'outside', durability.servers?.mongo.version ?? 'outside'),
        async measure(plan) {
          const all = new Map(pids);
          const look = (): ReadonlyMap<string, ReturnType<typeof groupUsage>> => new Map([...all].map(([name, pid]) => [name, groupUsage([pid])]));
          let before = look();
          let after = before;
          const load = { kind: 'one', workflow: `chain-${STEPS_OF[plan.work]}`, organisation: '', inputJson: JSON.stringify(PAYLOAD), steps: STEPS_OF[plan.work] } as const;
          const run = await runClient(
            { address: bed.cluster.addresses.gatewayGrpc, key: bed.key, load, inFlight: plan.inFlight, warmUpSeconds: plan.warmUpSeconds, seconds: plan.seconds, rounds: 1 },
            {
              endings,
              label: 'millrace',
              onBegin(_round, pid) {
                all.set('client', pid);
                before = look();
              },
              onRound: () => void (after = look()),
            },
          );
          const [round] = run.rounds;
          if (round === undefined) throw new Error('the client ended without figures');
          return measurementOf(plan, round, [...all.keys()].map((name) => ({ name, cpuSeconds: (after.get(name)?.cpuSeconds ?? 0) - (before.get(name)?.cpuSeconds ?? 0), memoryMiB: after.get(name)?.memoryMiB ?? 0 })));
        },
        stop: bed.stop,
      };
    },
  };
}
