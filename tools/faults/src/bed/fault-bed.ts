/**
 * A cluster of real processes to break, with everything around it that records.
 *
 * Kinds: `single` has one server of each kind and a link between every orchestrator and NATS; `replicated` three
 * nats-servers with links between them and to their clients, and three mongods; `small-disk` servers whose disks can
 * be filled; `slow-disk` servers whose every fsync takes long.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { SERVICES, startCluster, type Cluster, type ClusterOptions } from '@millrace/cluster';
import { LimitsClient } from '@millrace/contracts/throttle/v1/throttle';
import { slowFsyncLauncher } from '@millrace/servers';
import { eventually, startSmtpSink, startTcpProxy, temporaryFolder, type SmtpSink, type TcpProxy } from '@millrace/testkit';
import { watchLanes, type LaneWatch } from '../checks/lane-watch.ts';
import type { OrganisationLimit } from '../evidence.ts';
import { createWorkload, type Workload } from '../workload/workload.ts';
import { CLOCK_FOLDER_VARIABLE } from './clock-shift.ts';
import { startRecordingTarget, type RecordingTarget } from './recording-target.ts';
import { serverLinks, type ServerLinks } from './server-links.ts';
import { openSmallDisk, type SmallDisk } from './small-disk.ts';

export type BedKind = 'single' | 'replicated' | 'small-disk' | 'slow-disk';

/** Orchestrators of the cluster, and its lanes: more than one for each, so that lanes move one by one. */
export const ORCHESTRATORS = 2;
const LANES = 4;
/** Disks that can be filled, in megabytes: NATS' logs, and MongoDB with its journal of 100 MB a file. */
const SMALL_DISK_MB = { nats: 64, mongo: 700 } as const;
/** What streams may reserve together where the disk is smaller than that, in bytes. */
const RESERVED_BYTES = 16 * 1024 ** 3;
/** What an fsync takes on the slow disks beyond what it takes anyway, in milliseconds. */
export const SLOW_FSYNC_MS = 20;
/** Time without a primary after which mongods elect, in milliseconds; MongoDB's own is ten seconds. */
const ELECTION_MS = 3_000;
/** Steps at once of the organisation whose limit is watched. A number that two owners cannot share evenly. */
export const LIMITED: OrganisationLimit = { organisation: 'limited', concurrency: 7, strict: false };
export const STRICT_CONCURRENCY = 3;

export interface FaultBed {
  readonly kind: BedKind;
  readonly cluster: Cluster;
  readonly target: RecordingTarget;
  readonly mails: SmtpSink;
  readonly workload: Workload;
  /** Between orchestrators and NATS, on `single`. */
  readonly links: readonly TcpProxy[];
  /** On `replicated`. */
  readonly serverLinks: ServerLinks;
  /** On `small-disk`. */
  readonly disks: { readonly nats?: SmallDisk; readonly mongo?: SmallDisk };
  readonly watch: LaneWatch;
  readonly limits: readonly OrganisationLimit[];
  /** Makes an organisation with a strict limit, and yields its name. */
  strictOrganisation(name: string): Promise<string>;
  /** Moves the wall clock of a service's process to so many milliseconds beside the true one; yields what it then is beside it. */
  shiftClock(instance: string, shiftMs: number): Promise<number>;
  close(): Promise<void>;
}

export interface BedOptions {
  readonly report: (line: string) => void;
  /** Processes that died are started again; true where absent. */
  readonly restart?: boolean;
}

/** Why this kind cannot be had on this machine; undefined when it can. */
export async function missingFor(kind: BedKind): Promise<string | undefined> {
  if (kind === 'slow-disk' && (await slowFsyncLauncher(1)) === undefined) return 'needs strace that may trace (Debian package strace; Linux alone)';
  if (kind === 'small-disk') {
    const folder = await temporaryFolder('small-disk');
    const disk = await openSmallDisk(folder.path, 1);
    disk?.close();
    await folder.remove();
    if (disk === undefined) return 'needs a small file system: Linux with unshare and nsenter (util-linux), as root or with user namespaces';
  }
  return undefined;
}

/** Opens a bed with organisations, limits and workflows applied. @throws where `missingFor` would say why. */
export async function openFaultBed(kind: BedKind, { report, restart = true }: BedOptions): Promise<FaultBed> {
  const closing: (() => Promise<unknown> | void)[] = [];
  const close = async (): Promise<void> => {
    for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step();
  };
  try {
    const folder = await temporaryFolder('faults');
    closing.push(() => folder.remove());
    const target = await startRecordingTarget();
    closing.push(() => target.close());
    const mails = await startSmtpSink();
    closing.push(() => mails.close());
    const links: TcpProxy[] = [];
    const servers = serverLinks();
    closing.push(async () => void (await Promise.all([...links.map((link) => link.close()), servers.close()])));
    const disks = kind === 'small-disk' ? await smallDisks(folder.path) : {};
    closing.push(() => [disks.nats, disks.mongo].forEach((disk) => disk?.close()));
    const clocks = path.join(folder.path, 'clocks');
    await mkdir(clocks);
    const key = `mr_faults_${randomBytes(24).toString('hex')}`;
    const cluster = await startCluster({
      dataDir: folder.path,
      restart,
      report,
      operatorKeyHash: createHash('sha256').update(key).digest('hex'),
      scale: { orchestrator: ORCHESTRATORS, connector: 2 },
      // What production asks for is there with three of each, and services start only when they have read it.
      environment: { MILLRACE_LANES: String(LANES), [CLOCK_FOLDER_VARIABLE]: clocks, ...(kind === 'replicated' ? { MILLRACE_DURABILITY: 'require' } : {}) },
      serviceEnvironment: { notification: { MILLRACE_SMTP_URL: mails.url } },
      nodeArgs: Object.fromEntries(SERVICES.map((service) => [service, ['--import', path.join(import.meta.dirname, 'clock-shift.ts')]])),
      ...(await serversOf(kind, servers, disks)),
      async natsUrl(service, _instance, url) {
        if (kind === 'replicated') return servers.clientUrl(url);
        if (service !== 'orchestrator') return url;
        const link = await startTcpProxy({ targetPort: Number(new URL(url).port) });
        links.push(link);
        return `nats://${link.host}:${link.port}`;
      },
    });
    closing.push(() => cluster.stop());
    await cluster.ready();
    const watch = await watchLanes(cluster.servers.nats.url, LANES);
    closing.push(() => watch.close());
    const workload = createWorkload(cluster.addresses, key, target.url);
    closing.push(() => workload.close());
    await workload.prepare('default');
    await workload.prepare(LIMITED.organisation);
    const limits: OrganisationLimit[] = [LIMITED];
    await putLimit(cluster, LIMITED);
    return {
      kind,
      cluster,
      target,
      mails,
      workload,
      links,
      serverLinks: servers,
      disks,
      watch,
      limits,
      async strictOrganisation(name) {
        const limit: OrganisationLimit = { organisation: name, concurrency: STRICT_CONCURRENCY, strict: true };
        await putLimit(cluster, limit);
        await workload.prepare(name);
        limits.push(limit);
        return name;
      },
      async shiftClock(instance, shiftMs) {
        await writeFile(path.join(clocks, instance), String(shiftMs));
        await rm(path.join(clocks, `${instance}.seen`), { force: true });
        cluster.services.find((each) => each.instance === instance)?.signal('SIGUSR2');
        const seen = await eventually(async () => (await readFile(path.join(clocks, `${instance}.seen`), 'utf8')) || undefined, { what: `the clock of ${instance} moved` });
        return Number(seen) - Date.now();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function smallDisks(folder: string): Promise<FaultBed['disks']> {
  const [nats, mongo] = await Promise.all([openSmallDisk(path.join(folder, 'servers/nats/jetstream'), SMALL_DISK_MB.nats), openSmallDisk(path.join(folder, 'servers/mongo/db'), SMALL_DISK_MB.mongo)]);
  return { ...(nats === undefined ? {} : { nats }), ...(mongo === undefined ? {} : { mongo }) };
}

async function serversOf(kind: BedKind, links: ServerLinks, disks: FaultBed['disks']): Promise<Pick<ClusterOptions, 'serverCount' | 'serverOptions'>> {
  switch (kind) {
    case 'single':
      return {};
    case 'replicated':
      return { serverCount: { nats: 3, mongo: 3 }, serverOptions: { natsOptions: { routePort: links.routePort }, mongoOptions: { electionTimeoutMs: ELECTION_MS, cacheSizeGb: 0.25 } } };
    case 'small-disk':
      if (disks.nats === undefined || disks.mongo === undefined) throw new Error(await missingFor(kind));
      return { serverOptions: { natsOptions: { launcher: disks.nats.launcher, storeBytesMax: RESERVED_BYTES }, mongoOptions: { launcher: disks.mongo.launcher, cacheSizeGb: 0.25 } } };
    case 'slow-disk': {
      const launcher = await slowFsyncLauncher(SLOW_FSYNC_MS);
      if (launcher === undefined) throw new Error(await missingFor(kind));
      return { serverOptions: { natsOptions: { launcher }, mongoOptions: { launcher } } };
    }
  }
}

/** By the throttle itself: the gateway has no word for strict limits. */
async function putLimit(cluster: Cluster, { organisation, concurrency, strict }: OrganisationLimit): Promise<void> {
  const client = new LimitsClient(cluster.of('throttle')[0]?.addresses.grpc ?? '', credentials.createInsecure());
  try {
    await new Promise<void>((settle, fail) => client.put({ organisation, concurrency, startsPerSecond: 0, weight: 0, revision: 0, strict }, (error) => (error === null ? settle() : fail(error))));
  } finally {
    client.close();
  }
}
