/** Faults of a cluster with three nats-servers, three copies of every stream and bucket, and three mongods. */
import { connectBus, laneStream } from '@millrace/bus';
import type { MongoServer, NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import type { FaultBed } from '../bed/fault-bed.ts';
import { BEYOND_LEASE_MS, killService, pause, timed, whole, type Fault } from './fault.ts';

type Shape = Pick<Fault, 'name' | 'run'> & Partial<Fault>;
const replicated = (fault: Shape): Fault => ({ bed: 'replicated', beyondLimits: 'dead-owner', inTests: false, ...fault });

/** How long another leader is waited for, in milliseconds: elections take four to nine seconds. */
const ELECTION_MS_MAX = 12_000;
/** Longer than clients stay at a server that has lost its peers, in milliseconds. */
const SILENT_MS = 25_000;

interface Roles {
  readonly leader: NatsServer;
  readonly follower: NatsServer;
}

/** Who leads the log of lane 0, and one that does not. */
async function rolesOf(bed: FaultBed): Promise<Roles> {
  const { nats } = bed.cluster.servers;
  const bus = await connectBus({ url: nats.url, name: 'faults', logger: createLogger({ service: 'faults', instance: 'faults', level: 'silent' }) });
  try {
    const name = (await bus.manager.streams.info(laneStream(0))).cluster?.leader;
    const leader = nats.processes.find((server) => server.name === name);
    const follower = nats.processes.find((server) => server.name !== name);
    if (leader === undefined || follower === undefined) throw new Error(`lane 0 is led by ${name}, which is none of the servers`);
    return { leader, follower };
  } finally {
    await bus.close();
  }
}

/** How soon another server leads lane 0. One that was started again at once may win the election itself. */
async function newLeader(bed: FaultBed, before: NatsServer): Promise<string> {
  const since = performance.now();
  while (performance.now() - since < ELECTION_MS_MAX) {
    const { leader } = (await rolesOf(bed).catch(() => undefined)) ?? {};
    if (leader !== undefined && leader !== before) return `; ${leader.name} led after ${Math.round(performance.now() - since)} ms`;
    await pause(50);
  }
  return `; no other led within ${ELECTION_MS_MAX} ms`;
}

const cutOff = (name: string, pick: keyof Roles, clients: boolean, inTests = false): Fault =>
  replicated({
    name,
    inTests,
    async run(bed) {
      const server = (await rolesOf(bed))[pick];
      const index = bed.cluster.servers.nats.processes.indexOf(server);
      bed.serverLinks.cutOff(index, clients);
      const since = performance.now();
      const told = pick === 'leader' ? await newLeader(bed, server) : '';
      // Cut off from its peers alone it keeps its clients: so long that they go to another server.
      await pause(clients ? BEYOND_LEASE_MS : SILENT_MS);
      bed.serverLinks.heal();
      return `${server.name} cut off for ${Math.round(performance.now() - since)} ms${told}; all healthy ${await timed(() => whole(bed))} ms after it was back`;
    },
  });

const kill = (name: string, pick: keyof Roles, inTests = false): Fault =>
  replicated({
    name,
    inTests,
    async run(bed) {
      const server = (await rolesOf(bed))[pick];
      await server.kill();
      const told = pick === 'leader' ? await newLeader(bed, server) : '';
      return `${server.name} killed${told}; all healthy after ${await timed(() => whole(bed))} ms`;
    },
  });

const onPrimary = (name: string, inTests: boolean, strike: (primary: MongoServer, bed: FaultBed) => Promise<void>): Fault =>
  replicated({
    name,
    beyondLimits: 'never',
    inTests,
    async run(bed) {
      const { set } = bed.cluster.servers.mongo;
      const before = await set?.primary();
      if (set === undefined || before === undefined) throw new Error('the bed has no replica set');
      const ms = await timed(() => strike(before, bed));
      const after = await set.primary();
      await whole(bed);
      return `primary was on port ${before.port}, is on ${after.port}; ${ms} ms`;
    },
  });

export const REPLICATED_FAULTS: readonly Fault[] = [
  onPrimary('mongod primary steps down', true, async (_primary, bed) => bed.cluster.servers.mongo.set?.stepDown()),
  onPrimary('SIGKILL mongod primary', true, async (primary) => {
    await primary.kill();
    await pause(1_000);
  }),
  onPrimary(`SIGSTOP mongod primary for ${BEYOND_LEASE_MS / 1_000} s`, false, async ({ pid }) => {
    process.kill(pid, 'SIGSTOP');
    await pause(BEYOND_LEASE_MS);
    process.kill(pid, 'SIGCONT');
  }),
  kill('SIGKILL a nats-server that follows', 'follower'),
  kill('SIGKILL the nats-server that leads a lane', 'leader', true),
  cutOff('a nats-server that follows is cut off from its peers', 'follower', false),
  cutOff('the nats-server that leads a lane is cut off from its peers', 'leader', false),
  cutOff('the nats-server that leads a lane is cut off from peers and clients', 'leader', true, true),
  replicated({
    name: `SIGSTOP the nats-server that leads a lane for ${BEYOND_LEASE_MS / 1_000} s`,
    async run(bed) {
      const { leader } = await rolesOf(bed);
      process.kill(leader.pid, 'SIGSTOP');
      await pause(BEYOND_LEASE_MS);
      process.kill(leader.pid, 'SIGCONT');
      return `${leader.name} stood still; all healthy after ${await timed(() => whole(bed))} ms`;
    },
  }),
  replicated({
    name: 'SIGKILL all nats-servers, one after the other',
    async run(bed) {
      const { processes } = bed.cluster.servers.nats;
      for (const server of processes) {
        await server.kill();
        await pause(1_000);
        await whole(bed);
      }
      return `${processes.length} servers`;
    },
  }),
  replicated({
    name: 'SIGKILL two of three nats-servers at once',
    async run(bed) {
      const { leader, follower } = await rolesOf(bed);
      await Promise.all([leader.kill(), follower.kill()]);
      await pause(1_000);
      return `no quorum for a moment; all healthy after ${await timed(() => whole(bed))} ms`;
    },
  }),
  replicated({
    name: 'SIGKILL leading nats-server, mongod primary and orchestrator at once',
    async run(bed) {
      const [{ leader }, primary] = await Promise.all([rolesOf(bed), bed.cluster.servers.mongo.set?.primary()]);
      const [, , told] = await Promise.all([leader.kill(), primary?.kill(), killService(bed, 'orchestrator')]);
      return `${told}; all healthy after ${await timed(() => whole(bed))} ms`;
    },
  }),
];
