/** The faults, one after the other, and how each is undone. */
import type { Cluster, ServiceName } from '@millrace/cluster';
import type { TcpProxy } from '@millrace/testkit';

export interface Fault {
  readonly name: string;
  /** Breaks something and resolves when it is whole again, or on its way to be. */
  run(): Promise<void>;
}

/** Longer than a process's lease. */
const STOPPED_MS = 7_000;
const READY_MS = 60_000;

export interface FaultTargets {
  readonly cluster: Cluster;
  /** The links between orchestrators and NATS. */
  readonly links: readonly TcpProxy[];
}

export function faultList({ cluster, links }: FaultTargets): readonly Fault[] {
  const kill = (service: ServiceName): Fault => ({
    name: `SIGKILL ${service}`,
    async run() {
      const [first] = cluster.of(service);
      await first?.kill();
      await pause(100);
      await first?.ready(READY_MS);
    },
  });
  return [
    ...(['gateway', 'trigger', 'orchestrator', 'connector', 'throttle', 'notification'] as const).map(kill),
    {
      name: 'SIGKILL nats-server',
      async run() {
        await cluster.servers.nats.process?.kill();
        await pause(1_000);
        await cluster.ready(READY_MS);
      },
    },
    {
      name: 'SIGKILL mongod',
      async run() {
        await cluster.servers.mongo.process?.kill();
        await pause(1_000);
        await cluster.ready(READY_MS);
      },
    },
    {
      name: 'SIGSTOP a lane\'s owner beyond its lease',
      async run() {
        const owner = cluster.of('orchestrator').at(-1);
        owner?.signal('SIGSTOP');
        await pause(STOPPED_MS);
        owner?.signal('SIGCONT');
        await pause(1_000);
      },
    },
    {
      name: 'link to NATS delayed',
      async run() {
        for (const link of links) link.delay(150);
        await pause(3_000);
        for (const link of links) link.delay(0);
      },
    },
    {
      name: 'link to NATS reset during appends',
      async run() {
        for (let round = 0; round < 10; round++) {
          for (const link of links) {
            // The appended frame passes, its answer does not; then the other way round.
            await Promise.race([link.resetAfter(round % 2 === 0 ? 1 : 2_000, round % 2 === 0 ? 'down' : 'up'), pause(1_000)]);
          }
          await pause(200);
        }
      },
    },
  ];
}

export function pause(ms: number): Promise<void> {
  return new Promise((settle) => setTimeout(settle, ms));
}
