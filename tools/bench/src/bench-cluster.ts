/** A cluster for one benchmark, in a temporary folder, with its own operator key. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { startCluster, type Cluster, type ClusterOptions } from '@millrace/cluster';
import { OrganisationServiceClient, WorkflowServiceClient } from '@millrace/contracts/gateway/v1/gateway';
import { slowFsyncLauncher } from '@millrace/servers';
import type { Endings } from './endings.ts';

export interface BenchCluster {
  readonly cluster: Cluster;
  /** Servers that keep a copy of every stream. */
  readonly replicas: number;
  /** Goes before a command so that its fsync is as slow as the servers'; empty on the disk as it is. */
  readonly launcher: readonly string[];
  readonly key: string;
  readonly folder: string;
  metadata(organisation?: string): Metadata;
  apply(document: string, organisation?: string): Promise<void>;
  /** A resource such as an organisation, its limits or a webhook. */
  applyResource(resource: { readonly kind: string; readonly name: string; readonly organisation: string; readonly spec: unknown }): Promise<void>;
  stop(): Promise<void>;
}

export interface BenchClusterOptions extends Omit<ClusterOptions, 'dataDir' | 'serverOptions' | 'serverCount' | 'report'> {
  readonly endings: Endings;
  /** Added to every fsync and fdatasync of the servers, in milliseconds. */
  readonly fsyncDelayMs?: number;
  readonly natsServers?: number;
}

/**
 * Whatever is started is in `endings` before it is waited for.
 *
 * @throws Error when the servers cannot be had as they are wished for.
 */
export async function startBenchCluster({ endings, fsyncDelayMs = 0, natsServers = 1, ...options }: BenchClusterOptions): Promise<BenchCluster> {
  const outside = ['MILLRACE_NATS_URL', 'MILLRACE_MONGODB_URL'].filter((name) => (process.env[name] ?? '') !== '');
  if ((fsyncDelayMs > 0 || natsServers > 1) && outside.length > 0) throw new Error(`--fsync-delay-ms and --nats-servers need servers of the bench's own: unset ${outside.join(' and ')}`);
  const launcher = fsyncDelayMs > 0 ? await slowFsyncLauncher(fsyncDelayMs) : [];
  if (launcher === undefined) throw new Error('--fsync-delay-ms needs strace on PATH, and the right to use ptrace (Debian: apt-get install strace)');
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-bench-'));
  const key = `mr_bench_${randomBytes(24).toString('hex')}`;
  const slow = launcher.length === 0 ? {} : { launcher };
  const starting = startCluster({
    ...options,
    dataDir: folder,
    serverCount: { nats: natsServers },
    serverOptions: { natsOptions: slow, mongoOptions: slow },
    report: (line) => void process.stderr.write(`${line}\n`),
    operatorKeyHash: createHash('sha256').update(key).digest('hex'),
    environment: { MILLRACE_LOG_LEVEL: 'warn', ...options.environment },
  });
  const stop = endings.add(async () => {
    await (await starting.catch(() => undefined))?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const cluster = await starting;
  await cluster.ready();
  const metadata = (organisation = 'default'): Metadata => {
    const made = new Metadata();
    made.set('authorization', `Bearer ${key}`);
    made.set('millrace-organisation', organisation);
    return made;
  };
  const address = cluster.addresses.gatewayGrpc;
  const workflows = new WorkflowServiceClient(address, credentials.createInsecure());
  const organisations = new OrganisationServiceClient(address, credentials.createInsecure());
  endings.add(() => {
    workflows.close();
    organisations.close();
  });
  return {
    cluster,
    replicas: natsServers,
    launcher,
    key,
    folder,
    metadata,
    apply: (document, organisation) =>
      new Promise((settle, fail) => {
        workflows.applyWorkflow({ document, fileName: 'bench.yaml', unregistered: false, dryRun: false, draft: false }, metadata(organisation), (error) => (error === null ? settle() : fail(error)));
      }),
    applyResource: ({ kind, name, organisation, spec }) =>
      new Promise((settle, fail) => {
        organisations.applyResource({ kind, name, organisation, specJson: JSON.stringify(spec) }, metadata(), (error) => (error === null ? settle() : fail(error)));
      }),
    stop,
  };
}
