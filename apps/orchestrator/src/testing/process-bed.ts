/**
 * Orchestrators as real processes for tests, with a real NATS and MongoDB and a worker that the test answers for.
 */
import path from 'node:path';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { connectBus, laneStream, watchLanes, watchRegistry, type Bus, type LaneDirectory } from '@millrace/bus';
import { DefinitionsClient, ExecutionsClient, type Definition } from '@millrace/contracts/orchestrator/v1/executions';
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { startService, temporaryFolder, type ServiceProcess } from '@millrace/testkit';
import { ownersByClaims, ownersInRegistry, startWorker, type Step, type StepOutcome } from '@millrace/worker';
import { MongoClient, type Db } from 'mongodb';
import { createStartClient, type StartClient } from './start-client.ts';

export interface Orchestrator {
  readonly instance: string;
  readonly process: ServiceProcess;
  readonly executions: ExecutionsClient;
  readonly definitions: DefinitionsClient;
}

/** Which program, and what is set for it beside the usual. */
export interface Build {
  /** The present sources' by default. */
  readonly entry?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ProcessBed {
  readonly nats: NatsServer;
  readonly mongod: MongoServer;
  readonly bus: Bus;
  readonly database: Db;
  readonly directory: LaneDirectory;
  readonly starts: StartClient;
  /** Every step the worker was given: execution/run/activation/attempt. */
  readonly steps: string[];
  /** How steps are answered; by default with their arguments. */
  answer: (step: Step) => StepOutcome | Promise<StepOutcome>;
  /** Starts an orchestrator, or starts it again, and waits until it is ready. */
  orchestrator(instance: string, build?: Build): Promise<Orchestrator>;
  /** Starts one that is not expected to become ready. */
  launch(instance: string, build?: Build): ServiceProcess;
  /** The orchestrator that owns the execution's lane, as the claims say. */
  ownerOf(execution: string): Orchestrator;
  /** Lanes by instance. */
  lanes(): Readonly<Record<string, number>>;
  firstFrame(lane: number): Promise<number>;
  close(): Promise<void>;
}

export function echo(step: Step): StepOutcome {
  return { kind: 'output', json: step.argumentsJson };
}

export async function openProcessBed(lanes: number): Promise<ProcessBed> {
  const folder = await temporaryFolder('orchestrator');
  const [nats, mongod] = await Promise.all([startNats({ dataDir: path.join(folder.path, 'nats') }), startMongod({ dataDir: path.join(folder.path, 'mongo') })]);
  const logger = createLogger({ service: 'orchestrator', instance: 'test', level: 'silent' });
  const bus = await connectBus({ url: nats.url, name: 'orchestrator test', logger });
  const [directory, registry] = await Promise.all([watchLanes(bus), watchRegistry(bus)]);
  const mongo = new MongoClient(mongod.url);
  const orchestrators = new Map<string, Orchestrator>();
  const steps: string[] = [];
  const bed: ProcessBed = {
    nats,
    mongod,
    bus,
    database: mongo.db('millrace_orchestrator'),
    directory,
    starts: createStartClient(directory),
    steps,
    answer: echo,
    launch: (instance, { entry = 'apps/orchestrator/src/main.ts', environment = {} } = {}) =>
      startService({ name: instance, entry, environment: { MILLRACE_INSTANCE: instance, MILLRACE_NATS_URL: nats.url, MILLRACE_MONGODB_URL: mongod.url, MILLRACE_LANES: String(lanes), ...environment } }),
    async orchestrator(instance, build) {
      const started = bed.launch(instance, build);
      const { record } = await started.waitForLine((line) => line.record?.['msg'] === 'Ready');
      const address = String(record?.['grpc']);
      const orchestrator = { instance, process: started, executions: new ExecutionsClient(address, credentials.createInsecure()), definitions: new DefinitionsClient(address, credentials.createInsecure()) };
      orchestrators.set(instance, orchestrator);
      return orchestrator;
    },
    ownerOf(execution) {
      const lane = directory.laneOf(execution);
      const owner = lane === undefined ? undefined : directory.claim(lane)?.owner;
      const found = orchestrators.get(owner ?? '');
      if (found === undefined) throw new Error(`nobody owns the lane of ${execution}`);
      return found;
    },
    lanes() {
      const counted: Record<string, number> = {};
      for (const { owner } of directory.claims()) if (owner !== '') counted[owner] = (counted[owner] ?? 0) + 1;
      return counted;
    },
    firstFrame: async (lane) => (await bus.manager.streams.info(laneStream(lane))).state.first_seq,
    async close() {
      bed.starts.close();
      await worker.close();
      for (const { executions, definitions } of orchestrators.values()) for (const client of [executions, definitions]) client.close();
      await Promise.all([...orchestrators.values()].map(({ process }) => (process.running() ? process.kill() : process.exited)));
      directory.close();
      registry.close();
      await Promise.all([bus.close(), mongo.close()]);
      await Promise.all([nats.stop(), mongod.stop()]);
      await folder.remove();
    },
  };
  const worker = startWorker({
    worker: 'worker-1',
    service: 'connector',
    version: '0.1.0',
    owners: ownersInRegistry(registry),
    lanes: ownersByClaims(directory),
    log: logger,
    handler: {
      operations: ['http.request:1.0.0@default', 'millrace.echo:1.0.0@default'],
      execute(step) {
        steps.push(`${step.execution}/${step.run}/${step.activation}/${step.attempt}`);
        return bed.answer(step);
      },
    },
  });
  return bed;
}

/** A unary call as a promise; rejects with the catalogue's reason as message. */
export function ask<Request, Answer>(client: unknown, method: string, request: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    type Unary = (request: Request, options: { deadline: number }, answer: (error: ServiceError | null, answer: Answer) => void) => void;
    const call = (client as Record<string, Unary>)[method] as Unary;
    call.call(client, request, { deadline: Date.now() + 10_000 }, (error, answer) => (error === null ? resolve(answer) : reject(new Error(String(error.metadata.get('millrace-reason')[0] ?? error.message)))));
  });
}

/** Applies a workflow of the organisation `acme` whose `do` is given as YAML lines. */
export function applyWorkflow({ definitions }: Orchestrator, name: string, tasks: string, options: { readonly version?: string; readonly unregistered?: boolean; readonly organisation?: string } = {}): Promise<Definition> {
  const document = `document:\n  dsl: '1.0.3'\n  namespace: test\n  name: ${name}\n  version: ${options.version ?? '1.0.0'}\ndo:\n${tasks}`;
  return ask(definitions, 'apply', { organisation: options.organisation ?? 'acme', document, fileName: `${name}.yaml`, unregistered: options.unregistered ?? false, dryRun: false });
}
