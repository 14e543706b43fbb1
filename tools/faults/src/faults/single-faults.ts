/** Faults of a cluster with one server of each kind. */
import type { ServiceName } from '@millrace/cluster';
import type { TcpProxy } from '@millrace/testkit';
import type { FaultBed } from '../bed/fault-bed.ts';
import type { BeyondLimits } from '../evidence.ts';
import { BEYOND_LEASE_MS, killService, pause, timed, whole, type Fault } from './fault.ts';

/** How far clocks jump, in milliseconds. What was put off by a jump forward is due that much later when it is undone. */
const JUMP_MS = 15_000;

type Shape = Pick<Fault, 'name' | 'run'> & Partial<Fault>;
const single = (fault: Shape): Fault => ({ bed: 'single', beyondLimits: 'dead-owner', inTests: true, ...fault });

const kill = (service: ServiceName, beyondLimits: BeyondLimits): Fault => single({ name: `SIGKILL ${service}`, beyondLimits, run: (bed) => killService(bed, service) });

const killServer = (kind: 'nats' | 'mongo', name: string, beyondLimits: BeyondLimits): Fault =>
  single({
    name: `SIGKILL ${name}`,
    beyondLimits,
    async run(bed) {
      await bed.cluster.servers[kind].process?.kill();
      await pause(1_000);
      return `all ready again after ${await timed(() => whole(bed))} ms`;
    },
  });

/** The second orchestrator: the first is the one that is killed. */
function anOwner(bed: FaultBed): { readonly instance: string; signal(name: NodeJS.Signals): void } {
  const owner = bed.cluster.of('orchestrator').at(-1);
  if (owner === undefined) throw new Error('the bed has no orchestrator');
  return owner;
}

const stopServer = (kind: 'nats' | 'mongo', name: string, beyondLimits: BeyondLimits): Fault =>
  single({
    name: `SIGSTOP ${name} for ${BEYOND_LEASE_MS / 1_000} s`,
    beyondLimits,
    inTests: false,
    async run(bed) {
      const pid = bed.cluster.servers[kind].process?.pid;
      if (pid === undefined) throw new Error(`the bed has no ${name}`);
      process.kill(pid, 'SIGSTOP');
      await pause(BEYOND_LEASE_MS);
      process.kill(pid, 'SIGCONT');
      return `all ready again after ${await timed(() => whole(bed))} ms`;
    },
  });

/** The link of one owner, so that the other one can take its lanes. */
const lastLink = (bed: FaultBed): TcpProxy => {
  const link = bed.links.at(-1);
  if (link === undefined) throw new Error('the bed has no links');
  return link;
};

const linkAway = (name: string, strike: (link: TcpProxy) => void): Fault =>
  single({
    name: `link between an owner and NATS ${name} beyond its lease`,
    inTests: name === 'cut',
    async run(bed) {
      const link = lastLink(bed);
      strike(link);
      await pause(BEYOND_LEASE_MS);
      link.restore();
      return `all ready again after ${await timed(() => whole(bed))} ms`;
    },
  });

const jump = (name: string, shifts: (instances: readonly string[]) => readonly (readonly [string, number])[], inTests = true): Fault =>
  single({
    name,
    beyondLimits: name.includes('all services') ? 'dead-owner' : 'never',
    clockMoved: true,
    inTests,
    async run(bed) {
      const moved = shifts(bed.cluster.services.map(({ instance }) => instance));
      const seen = await Promise.all(moved.map(async ([instance, ms]) => `${instance} ${Math.round(await bed.shiftClock(instance, ms))} ms`));
      await pause(3_000);
      for (const [instance] of moved) await bed.shiftClock(instance, 0);
      return `beside the true time: ${seen.join(', ')}`;
    },
  });

const together = (name: string, services: readonly ServiceName[], servers: readonly ('nats' | 'mongo')[], inTests = false): Fault =>
  single({
    name,
    inTests,
    async run(bed) {
      const { cluster } = bed;
      await Promise.all([...services.flatMap((service) => cluster.of(service).slice(0, 1).map((each) => each.kill())), ...servers.map((server) => cluster.servers[server].process?.kill())]);
      await pause(1_000);
      return `all ready again after ${await timed(() => whole(bed))} ms`;
    },
  });

export const SINGLE_FAULTS: readonly Fault[] = [
  kill('gateway', 'never'),
  kill('trigger', 'never'),
  kill('connector', 'never'),
  kill('notification', 'never'),
  kill('throttle', 'static-share'),
  killServer('mongo', 'mongod', 'never'),
  jump('clock of an owner jumps forward and back', (instances) => instances.filter((each) => each === 'orchestrator-1').map((each) => [each, JUMP_MS] as const)),
  jump('clock of an owner jumps back and forward', (instances) => instances.filter((each) => each === 'orchestrator-2').map((each) => [each, -JUMP_MS] as const)),
  jump('clocks of all services jump apart', (instances) => instances.map((each, index) => [each, (index % 2 === 0 ? 1 : -1) * (JUMP_MS - 1_000 * index)] as const), false),
  stopServer('mongo', 'mongod', 'never'),
  kill('orchestrator', 'dead-owner'),
  killServer('nats', 'nats-server', 'dead-owner'),
  stopServer('nats', 'nats-server', 'dead-owner'),
  single({
    name: "SIGSTOP a lane's owner beyond its lease",
    async run(bed) {
      const owner = anOwner(bed);
      owner.signal('SIGSTOP');
      await pause(BEYOND_LEASE_MS);
      owner.signal('SIGCONT');
      await pause(1_000);
      return `${owner.instance} stood still for ${BEYOND_LEASE_MS} ms`;
    },
  }),
  single({
    name: 'link to NATS delayed',
    async run({ links }) {
      for (const link of links) link.delay(150);
      await pause(3_000);
      for (const link of links) link.delay(0);
      return '150 ms a chunk each way for 3 s';
    },
  }),
  single({
    name: 'link to NATS reset during appends',
    async run({ links }) {
      let sprung = 0;
      for (let round = 0; round < 10; round++) {
        for (const link of links) {
          // The appended frame passes, its answer does not; then the other way round.
          const reset = link.resetAfter(round % 2 === 0 ? 1 : 2_000, round % 2 === 0 ? 'down' : 'up').then(() => sprung++);
          await Promise.race([reset, pause(1_000)]);
        }
        await pause(200);
      }
      return `${sprung} resets`;
    },
  }),
  linkAway('cut', (link) => link.cut()),
  linkAway('swallows all', (link) => link.hold()),
  together('SIGKILL orchestrator and mongod at once', ['orchestrator'], ['mongo'], true),
  together('SIGKILL orchestrator and nats-server at once', ['orchestrator'], ['nats']),
  together('SIGKILL connector and throttle at once', ['connector', 'throttle'], []),
  single({
    name: 'SIGKILL everything at once, as a power failure',
    async run(bed) {
      const { cluster } = bed;
      await Promise.all([...cluster.services.map((each) => each.kill()), cluster.servers.nats.process?.kill(), cluster.servers.mongo.process?.kill()]);
      return `all ready again after ${await timed(() => whole(bed))} ms`;
    },
  }),
  single({
    name: 'SIGKILL everything, one after the other',
    inTests: false,
    async run(bed) {
      const { services, servers } = bed.cluster;
      for (const each of services) {
        await each.kill();
        await whole(bed);
      }
      for (const server of [servers.nats.process, servers.mongo.process]) {
        await server?.kill();
        await pause(500);
        await whole(bed);
      }
      return `${services.length + 2} processes`;
    },
  }),
];
