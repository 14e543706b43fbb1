/**
 * What a step leaves on disk: what its frames added to the lanes' logs, and what is left once history has it and the
 * logs have been truncated.
 *
 * Owns the looks at both servers. Does not own when a log is truncated (the lane does that by itself).
 *
 * - Bytes appended are summed between looks at which nothing was truncated, and scaled to all frames by their number:
 *   a stream's size alone cannot tell what came from what went.
 * - MongoDB's size is that of its files for the services' databases after a checkpoint: data and indexes as they are
 *   compressed on disk. Rings that only ever overwrite themselves (the journal, the oplog) are not part of a step's
 *   cost for good; the oplog is shown beside it.
 * - With several copies it is one copy's.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { MongoClient } from 'mongodb';
import type { BenchCluster } from './bench-cluster.ts';
import { laneCounts } from './measured-cluster.ts';
import { round } from './statistics.ts';

/** Between looks at the logs while the load runs, in milliseconds. */
const LOOK_MS = 400;
/** How long logs are given to be truncated after the load, in milliseconds; and how long they must stay as they are. */
const TRUNCATED_MS_MAX = 30_000;
const STEADY_MS = 4_000;

export interface BytesPerStep {
  /** Added to the lanes' logs by the frames, before truncation. */
  readonly logAppended: number;
  /** What the logs hold once nothing runs. */
  readonly logAfterTruncation: number;
  /** The stream of lifecycle events: it keeps 24 hours, or 512 MiB. */
  readonly events: number;
  readonly mongodb: number;
  /** MongoDB's ring of changes, in which it is overwritten later. */
  readonly oplog: number;
  /** What stays: logs after truncation, events, MongoDB. */
  readonly total: number;
  readonly steps: number;
  /** Bytes in the log for each byte of frames before compression. */
  readonly compression: number;
}

export interface DiskMeter {
  /** Waits until what was finished has left the logs, and says what is left. */
  end(): Promise<BytesPerStep>;
  stop(): void;
}

interface Stream {
  readonly name: string;
  readonly state: { readonly messages: number; readonly bytes: number; readonly first_seq: number; readonly last_seq: number };
}

/** Begins to look; undefined where the servers are somebody else's and cannot be asked. */
export async function startDiskMeter(bed: BenchCluster): Promise<DiskMeter | undefined> {
  const { nats, mongo } = bed.cluster.servers;
  const { monitorUrl } = nats;
  if (monitorUrl === undefined || mongo.processes.length === 0) return undefined;
  const before = { database: await databaseBytes(mongo.url), streams: await streamsOf(monitorUrl), lanes: await laneCounts(bed.cluster), framed: await framedBytes(bed) };
  let seen = { bytes: 0, frames: 0 };
  let last = lanesOf(before.streams);
  let looking = Promise.resolve();
  const look = async (): Promise<void> => {
    const now = lanesOf(await streamsOf(monitorUrl));
    for (const [name, { state }] of now) {
      const then = last.get(name)?.state;
      if (then === undefined || then.first_seq !== state.first_seq || state.last_seq === then.last_seq) continue;
      seen = { bytes: seen.bytes + state.bytes - then.bytes, frames: seen.frames + state.last_seq - then.last_seq };
    }
    last = now;
  };
  const timer = setInterval(() => void (looking = looking.then(look).catch(() => undefined)), LOOK_MS);
  return {
    stop: () => clearInterval(timer),
    async end() {
      clearInterval(timer);
      await looking;
      const lanes = await laneCounts(bed.cluster);
      const framed = (await framedBytes(bed)) - before.framed;
      const steps = Math.max(1, lanes.steps - before.lanes.steps);
      const frames = lanes.frames - before.lanes.frames;
      const appended = seen.frames === 0 ? 0 : (seen.bytes / seen.frames) * frames;
      const streams = await untilSteady(monitorUrl);
      const database = await databaseBytes(mongo.url);
      const left = sizeOf(lanesOf(streams));
      const events = eventsOf(streams) - eventsOf(before.streams);
      const kept = database.kept - before.database.kept;
      return {
        logAppended: round(appended / steps),
        logAfterTruncation: round(left / steps),
        events: round(events / steps),
        mongodb: round(kept / steps),
        oplog: round((database.oplog - before.database.oplog) / steps),
        total: round((left + events + kept) / steps),
        steps,
        compression: framed === 0 ? 0 : round(appended / framed, 3),
      };
    },
  };
}

async function streamsOf(monitorUrl: string): Promise<readonly Stream[]> {
  const answer = await fetch(`${monitorUrl}/jsz?streams=true`, { signal: AbortSignal.timeout(10_000) });
  const { account_details: accounts = [] } = (await answer.json()) as { readonly account_details?: readonly { readonly stream_detail?: readonly Stream[] }[] };
  return accounts.flatMap(({ stream_detail: streams = [] }) => streams);
}

function lanesOf(streams: readonly Stream[]): ReadonlyMap<string, Stream> {
  return new Map(streams.filter(({ name }) => name.startsWith('LANE_')).map((stream) => [stream.name, stream]));
}

function sizeOf(streams: ReadonlyMap<string, Stream>): number {
  return [...streams.values()].reduce((sum, { state }) => sum + state.bytes, 0);
}

function eventsOf(streams: readonly Stream[]): number {
  return streams.find(({ name }) => name === 'EVENTS')?.state.bytes ?? 0;
}

/** Waits until the logs have not changed for STEADY_MS. */
async function untilSteady(monitorUrl: string): Promise<readonly Stream[]> {
  const until = performance.now() + TRUNCATED_MS_MAX;
  let streams = await streamsOf(monitorUrl);
  let since = performance.now();
  while (performance.now() < until && performance.now() - since < STEADY_MS) {
    await delay(LOOK_MS);
    const now = await streamsOf(monitorUrl);
    if (sizeOf(lanesOf(now)) !== sizeOf(lanesOf(streams))) since = performance.now();
    streams = now;
  }
  return streams;
}

async function framedBytes(bed: BenchCluster): Promise<number> {
  return (await laneCounts(bed.cluster)).framedBytes;
}

/** Bytes of files, after a checkpoint: those of the services' databases, and the oplog's. */
async function databaseBytes(url: string): Promise<{ readonly kept: number; readonly oplog: number }> {
  const client = new MongoClient(url);
  try {
    await client.db('admin').command({ fsync: 1 });
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true });
    let kept = 0;
    for (const { name } of databases.filter((each) => each.name.startsWith('millrace_'))) {
      const stats = await client.db(name).command({ dbStats: 1 });
      kept += Number(stats['storageSize']) + Number(stats['indexSize']);
    }
    const oplog = await client.db('local').command({ collStats: 'oplog.rs' });
    return { kept, oplog: Number(oplog['storageSize']) };
  } finally {
    await client.close();
  }
}
