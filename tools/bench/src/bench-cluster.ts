/** A cluster for one benchmark, in a temporary folder, with its own operator key. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { startCluster, type Cluster, type ClusterOptions } from '@millrace/cluster';
import { WorkflowServiceClient } from '@millrace/contracts/gateway/v1/gateway';

export interface BenchCluster {
  readonly cluster: Cluster;
  readonly key: string;
  readonly folder: string;
  metadata(): Metadata;
  apply(document: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startBenchCluster(options: Partial<ClusterOptions> = {}): Promise<BenchCluster> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-bench-'));
  const key = `mr_bench_${randomBytes(24).toString('hex')}`;
  const cluster = await startCluster({ dataDir: folder, operatorKeyHash: createHash('sha256').update(key).digest('hex'), environment: { MILLRACE_LOG_LEVEL: 'warn' }, report: (line) => process.stderr.write(`${line}\n`), ...options });
  const stop = async (): Promise<void> => {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await cluster.ready();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  const metadata = (): Metadata => {
    const made = new Metadata();
    made.set('authorization', `Bearer ${key}`);
    made.set('millrace-organisation', 'default');
    return made;
  };
  return {
    cluster,
    key,
    folder,
    metadata,
    async apply(document) {
      const client = new WorkflowServiceClient(cluster.addresses.gatewayGrpc, credentials.createInsecure());
      try {
        await new Promise<void>((settle, fail) => {
          client.applyWorkflow({ document, fileName: 'bench.yaml', unregistered: false, dryRun: false }, metadata(), (error) => (error === null ? settle() : fail(error)));
        });
      } finally {
        client.close();
      }
    },
    stop,
  };
}
