/** Faults of disks: full, and slow. */
import { connectBus } from '@millrace/bus';
import { createLogger } from '@millrace/telemetry';
import { eventually } from '@millrace/testkit';
import { MongoClient } from 'mongodb';
import { SLOW_FSYNC_MS, type FaultBed } from '../bed/fault-bed.ts';
import { killService, pause, timed, whole, type Fault } from './fault.ts';

/** How long a disk stays full, in milliseconds. */
const FULL_MS = 5_000;
/** How long a server may take to go on by itself once there is space, in milliseconds. */
const ALONE_MS = 5_000;
const APPENDS = 20;

/** Fills the disk and keeps it full, frees it, and, where the server does not go on by itself, starts it again as an operator would. */
const full = (kind: 'nats' | 'mongo', name: string, inTests: boolean): Fault => ({
  name: `disk of ${name} full`,
  bed: 'small-disk',
  beyondLimits: 'dead-owner',
  inTests,
  async run(bed) {
    const disk = bed.disks[kind];
    const server = bed.cluster.servers[kind].process;
    if (disk === undefined || server === undefined) throw new Error('the bed has no disk that can be filled');
    let ended = false;
    void server.exited.then(() => {
      ended = true;
    });
    let bytes = 0;
    for (const until = performance.now() + FULL_MS; performance.now() < until; await pause(100)) {
      bytes += await disk.fill();
      if (kind === 'mongo') await checkpoint(bed);
    }
    if (kind === 'mongo' && !ended) throw new Error('the disk is full, and mongod has not noticed');
    const said = kind === 'nats' ? await healthOf(bed) : undefined;
    if (kind === 'nats' && said === 'ok') throw new Error('the disk is full, and nats-server says that all is well');
    await disk.free();
    const alone = kind === 'mongo' || (await eventually(async () => (await healthOf(bed)) === 'ok', { timeoutMs: ALONE_MS, intervalMs: 100 }).catch(() => false));
    // Whoever supervises it starts it again.
    if (!alone) await server.stop();
    const ms = await timed(() => whole(bed));
    return `${Math.round(bytes / 1024)} KiB filled it; ${name} ${ended ? 'ended' : 'ran on'}${said === undefined ? '' : ` and said ${said}`}; ${alone ? 'went on' : 'had to be started again'} once there was space; all ready ${ms} ms later`;
  },
});

/** mongod writes into files that it has until its checkpoint, a minute apart: it is asked for one now. */
async function checkpoint(bed: FaultBed): Promise<void> {
  const client = new MongoClient(bed.cluster.servers.mongo.url, { serverSelectionTimeoutMS: 1_000, connectTimeoutMS: 1_000, socketTimeoutMS: 2_000 });
  try {
    await client.db('admin').command({ fsync: 1 });
  } catch {
    // It has noticed, or is being started again.
  } finally {
    await client.close();
  }
}

/** What nats-server says at /healthz: `ok`, or what is wrong. */
async function healthOf(bed: FaultBed): Promise<string> {
  const answer = await fetch(`${bed.cluster.servers.nats.monitorUrl}/healthz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  if (answer === undefined) return 'nothing';
  const { status, error = '' } = (await answer.json()) as { readonly status: string; readonly error?: string };
  return status === 'ok' ? 'ok' : error.replace(/ \/\S*/g, ' …');
}

/** How long an append takes, on a stream of one server that syncs each. */
async function appendMs(bed: FaultBed): Promise<number> {
  const bus = await connectBus({ url: bed.cluster.servers.nats.url, name: 'faults', logger: createLogger({ service: 'faults', instance: 'faults', level: 'silent' }) });
  try {
    await bus.manager.streams.add({ name: 'PROBE', subjects: ['probe'] });
    const ms = await timed(async () => {
      for (let index = 0; index < APPENDS; index++) await bus.jetstream.publish('probe', 'x');
    });
    await bus.manager.streams.delete('PROBE');
    return ms / APPENDS;
  } finally {
    await bus.close();
  }
}

const slow = (name: string, also?: (bed: FaultBed) => Promise<string>): Fault => ({
  name,
  bed: 'slow-disk',
  beyondLimits: also === undefined ? 'never' : 'dead-owner',
  inTests: false,
  async run(bed) {
    const ms = await appendMs(bed);
    if (ms < SLOW_FSYNC_MS) throw new Error(`an append took ${ms} ms, where each fsync takes ${SLOW_FSYNC_MS} ms more: the disk is not slow`);
    const told = await also?.(bed);
    return `an append takes ${ms.toFixed(1)} ms${told === undefined ? '' : `; ${told}`}`;
  },
});

export const DISK_FAULTS: readonly Fault[] = [
  full('mongo', 'mongod', false),
  full('nats', 'nats-server', true),
  slow(`every fsync takes ${SLOW_FSYNC_MS} ms more`),
  slow(`SIGKILL orchestrator while every fsync takes ${SLOW_FSYNC_MS} ms more`, (bed) => killService(bed, 'orchestrator')),
  slow(`SIGKILL nats-server while every fsync takes ${SLOW_FSYNC_MS} ms more`, async (bed) => {
    await bed.cluster.servers.nats.process?.kill();
    await pause(1_000);
    return `all ready again after ${await timed(() => whole(bed))} ms`;
  }),
];
