/**
 * Runs documents on a cluster of their own, their addresses rewritten, and says how each ended.
 *
 * A document that faults with an error that it raises itself, or that still waits as it says it does, ran; one that
 * faults with anything else did not.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { startCluster, type Cluster } from '@millrace/cluster';
import type { Execution } from '@millrace/contracts/execution/v1/execution';
import { ExecutionServiceClient, OrganisationServiceClient, WorkflowServiceClient } from '@millrace/contracts/gateway/v1/gateway';
import { isObject, membersOf, objectsIn, type Json, type JsonObject } from './json.ts';
import { startOutside, type OutsideSystems } from './outside/systems.ts';
import { rewriteAddresses } from './rewrite-addresses.ts';
import { sampleInput } from './sample-input.ts';
import type { Outcome } from './scenario-checks.ts';

export type Ending =
  /** `how` says what it came to. */
  { readonly kind: 'ran' | 'failed' | 'not run'; readonly how: string };

export interface RunOptions {
  readonly folder: string;
  /** How long one document may take, milliseconds. */
  readonly timeoutMs: number;
  /** The command line of a container engine; without one containers are not run. */
  readonly containerEngine?: string;
  /** Addresses stay as they are written. */
  readonly asIs?: boolean;
  readonly report: (line: string) => void;
}

export interface DocumentRunner {
  run(document: JsonObject): Promise<Ending>;
  /** Runs a document with an input of its own and says what became of it. Rejects when it cannot be started. */
  outcomeOf(document: JsonObject, input: Json): Promise<Outcome>;
  close(): Promise<void>;
}

/** Starts a cluster and the outside world. */
export async function startRunner({ asIs = false, containerEngine = '', folder, report, timeoutMs }: RunOptions): Promise<DocumentRunner> {
  const shellFolder = path.join(folder, 'shell');
  await mkdir(shellFolder, { recursive: true });
  const outside = await startOutside(path.join(folder, 'outside'));
  const key = `mr_conformance_${randomBytes(24).toString('hex')}`;
  const cluster = await startCluster({
    dataDir: path.join(folder, 'cluster'),
    operatorKeyHash: createHash('sha256').update(key).digest('hex'),
    environment: { MILLRACE_LOG_LEVEL: 'warn' },
    serviceEnvironment: { connector: { MILLRACE_MCP_COMMANDS: outside.addressesFor(0).mcpCommand.command, MILLRACE_SHELL_FOLDER: shellFolder, MILLRACE_CONTAINER_ENGINE: containerEngine } },
    report,
  });
  try {
    await cluster.ready();
  } catch (error) {
    await cluster.stop();
    await outside.close();
    throw error;
  }
  const gateway = connectGateway(cluster, key);
  let documents = 0;
  return {
    run: (document) => {
      documents += 1;
      return runOne(asIs ? document : rewriteAddresses(document, outside.addressesFor(documents)), outside, gateway, timeoutMs);
    },
    outcomeOf: async (document, input) => {
      documents += 1;
      const rewritten = asIs ? document : rewriteAddresses(document, outside.addressesFor(documents));
      if (!isObject(rewritten)) throw new Error('the document is no object');
      const { error, outputJson, status, tasks } = await start(rewritten, input, outside, gateway, timeoutMs);
      return { status, output: outputJson === '' ? undefined : (JSON.parse(outputJson) as Json), error: error === undefined ? undefined : { ...error }, tasks: tasks.map(({ name, status: each }) => ({ name, status: each })) };
    },
    close: async () => {
      gateway.close();
      await cluster.stop();
      await outside.close();
    },
  };
}

interface Gateway {
  /** Registers the document under its name only where it is to be run by it. */
  apply(document: JsonObject, isRegistered?: boolean): Promise<string>;
  putSecret(name: string, value: Json): Promise<void>;
  start(workflow: string, input: Json, waitMs: number): Promise<Execution>;
  close(): void;
}

function connectGateway(cluster: Cluster, key: string): Gateway {
  const address = cluster.addresses.gatewayGrpc;
  const workflows = new WorkflowServiceClient(address, credentials.createInsecure());
  const executions = new ExecutionServiceClient(address, credentials.createInsecure());
  const organisations = new OrganisationServiceClient(address, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${key}`);
  const answered = <T>(ask: (callback: (error: ServiceError | null, answer: T) => void) => unknown): Promise<T> => new Promise((resolve, reject) => ask((error, answer) => (error === null ? resolve(answer) : reject(error))));
  return {
    apply: async (document, isRegistered = false) => (await answered<{ readonly hash: string }>((done) => workflows.applyWorkflow({ document: JSON.stringify(document), fileName: 'conformance.json', unregistered: !isRegistered, dryRun: false, draft: false }, metadata, done))).hash,
    putSecret: async (name, value) => void (await answered((done) => organisations.applyResource({ kind: 'secret', name, organisation: 'default', specJson: JSON.stringify({ value }) }, metadata, done))),
    start: async (workflow, input, waitMs) => {
      const request = { workflow, version: '', inputJson: JSON.stringify(input), idempotencyKey: randomUUID(), waitMs };
      const { execution } = await answered<{ readonly execution: string }>((done) => executions.startExecution(request, metadata, done));
      return answered<Execution>((done) => executions.getExecution({ execution }, metadata, done));
    },
    close: () => [workflows, executions, organisations].forEach((client) => client.close()),
  };
}

async function runOne(document: Json, outside: OutsideSystems, gateway: Gateway, timeoutMs: number): Promise<Ending> {
  if (!isObject(document)) return { kind: 'failed', how: 'the document is no object' };
  try {
    return endingOf(document, await start(document, sampleInput(document), outside, gateway, timeoutMs));
  } catch (error) {
    return { kind: 'failed', how: error instanceof Error ? error.message : String(error) };
  }
}

async function start(document: JsonObject, input: Json, outside: OutsideSystems, gateway: Gateway, timeoutMs: number): Promise<Execution> {
  outside.prepare(document);
  const secrets = membersOf(document['use'])['secrets'];
  if (Array.isArray(secrets)) for (const name of secrets) await gateway.putSecret(String(name), outside.secretOf(String(name)));
  for (const stand of standInWorkflows(document)) await gateway.apply(stand, true);
  const hash = await gateway.apply(document);
  return gateway.start(`sha256:${hash.replace(/^sha256:/, '')}`, input, timeoutMs);
}

/** For each workflow that the document runs, one of that name and version that answers with its input. */
function standInWorkflows(document: JsonObject): readonly JsonObject[] {
  return [...objectsIn(document['do'])].flatMap((task) => {
    const { name, namespace, version } = membersOf(membersOf(task['run'])['workflow']);
    if (typeof name !== 'string') return [];
    return [{ document: { dsl: '1.0.3', namespace: typeof namespace === 'string' ? namespace : 'stand-in', name, version: typeof version === 'string' && version !== 'latest' ? version : '1.0.0' }, do: [{ answer: { set: '${ . }' } }] }];
  });
}

function endingOf(document: JsonObject, { error, status }: Execution): Ending {
  const tasks = [...objectsIn(document['do'])];
  const needsContainers = tasks.some((task) => membersOf(task['run'])['container'] !== undefined);
  if (status === 'faulted' && needsContainers && error?.title === 'Containers not allowed') return { kind: 'not run', how: 'it needs a container engine: name its command line with --containers' };
  if (status === 'completed') return { kind: 'ran', how: 'completed' };
  if (status === 'faulted' && error !== undefined) {
    const what = `faulted with ${error.type} ${error.status} at ${error.instance}: ${error.detail}`;
    return raisedTypes(document, tasks).includes(error.type) ? { kind: 'ran', how: `faulted as it says, with ${error.type}` } : { kind: 'failed', how: what };
  }
  const waits = tasks.some((task) => task['wait'] !== undefined || task['listen'] !== undefined || membersOf(membersOf(task['with'])['subscription'])['foreach'] !== undefined);
  return waits ? { kind: 'ran', how: `${status}, as it says` } : { kind: 'failed', how: `still ${status}` };
}

/** Types of the errors that the document raises. */
function raisedTypes(document: JsonObject, tasks: readonly JsonObject[]): readonly string[] {
  const named = membersOf(membersOf(document['use'])['errors']);
  return tasks.flatMap((task) => {
    const raised = membersOf(task['raise'])['error'];
    const error = typeof raised === 'string' ? named[raised] : raised;
    return isObject(error) && typeof error['type'] === 'string' ? [error['type']] : [];
  });
}
