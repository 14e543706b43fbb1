/** A trigger as a real process with its servers, and what it puts into the inputs of lanes. */
import { credentials, type Client } from '@grpc/grpc-js';
import { BUCKETS, LANE_TABLE_KEY, connectBus, ensureStream, eventsStreamConfig, inputStream, openBucket, type Bus } from '@millrace/bus';
import { contentHash } from '@millrace/dsl';
import { decodeLaneInputs, type EventInput, type JsonValue, type LaneInput, type StartInput } from '@millrace/engine';
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { startService, temporaryFolder, type ServiceProcess } from '@millrace/testkit';
import { randomBytes } from 'node:crypto';
import path from 'node:path';

export const LANES = 2;

export interface RunningTrigger {
  readonly process: ServiceProcess;
  readonly http: string;
  readonly grpc: string;
}

export interface TriggerBed {
  readonly bus: Bus;
  readonly nats: NatsServer;
  readonly mongod: MongoServer;
  start(name: string, more?: Readonly<Record<string, string>>): Promise<RunningTrigger>;
  /** All inputs of all lanes. */
  inputs(): Promise<readonly (LaneInput | EventInput)[]>;
  starts(workflow: string): Promise<readonly StartInput[]>;
  /** Registers a document as the orchestrator does. */
  define(organisation: string, document: { readonly [key: string]: JsonValue }): Promise<void>;
  close(): Promise<void>;
}

export async function openTriggerBed(name: string): Promise<TriggerBed> {
  const folder = await temporaryFolder(name);
  const [nats, mongod] = await Promise.all([startNats({ dataDir: path.join(folder.path, 'nats') }), startMongod({ dataDir: path.join(folder.path, 'mongo') })]);
  const bus = await connectBus({ url: nats.url, name: `${name}-test`, logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }) });
  await (await openBucket(bus, BUCKETS.lanes)).putJson(LANE_TABLE_KEY, { version: 1, lanes: LANES, map: 'modulo' });
  await ensureStream(bus, eventsStreamConfig);
  const definitions = await openBucket(bus, BUCKETS.definitions);
  const secretKey = randomBytes(32).toString('base64');
  const running: ServiceProcess[] = [];

  const inputs = async (): Promise<readonly (LaneInput | EventInput)[]> => {
    const found: (LaneInput | EventInput)[] = [];
    for (let lane = 0; lane < LANES; lane += 1) {
      const info = await bus.manager.streams.info(inputStream(lane)).catch(() => undefined);
      for (let sequence = info?.state.first_seq ?? 1; sequence <= (info?.state.last_seq ?? 0); sequence += 1) {
        const message = await bus.manager.streams.getMessage(inputStream(lane), { seq: sequence });
        if (message !== null) found.push(...decodeLaneInputs(message.string()));
      }
    }
    return found;
  };

  return {
    bus,
    nats,
    mongod,
    async start(instance, more = {}) {
      const process = startService({ name: instance, entry: 'apps/trigger/src/main.ts', environment: { MILLRACE_NATS_URL: nats.url, MILLRACE_MONGODB_URL: mongod.url, MILLRACE_SECRET_KEY: secretKey, MILLRACE_INSTANCE: instance, ...more } });
      running.push(process);
      const { record } = await process.waitForLine((line) => line.record?.['msg'] === 'Ready');
      return { process, http: String(record?.['http']), grpc: String(record?.['grpc']) };
    },
    inputs,
    starts: async (workflow) => (await inputs()).filter((input): input is StartInput => input.kind === 'start' && input.workflow.split('@')[0] === workflow),
    async define(organisation, document) {
      const hash = contentHash(document);
      const { name: workflow, version } = document['document'] as { readonly name: string; readonly version: string };
      await definitions.putJson(`hash.${hash}`, document);
      const key = `name.${organisation}.${workflow}`;
      const present = (await definitions.getJson(key))?.value as { readonly versions: readonly object[] } | undefined;
      await definitions.putJson(key, { versions: [...(present?.versions ?? []), { version, hash, namespace: 'test', appliedAtMs: Date.now() }] });
    },
    async close() {
      await Promise.all(running.map((process) => process.stop()));
      await bus.close();
      await Promise.all([nats.stop(), mongod.stop()]);
      await folder.remove();
    },
  };
}

/** One call of a client that is closed after it. */
export function ask<C extends Client, Request, Response>(make: new (address: string, channel: ReturnType<typeof credentials.createInsecure>) => C, address: string, method: (client: C) => (request: Request, callback: (error: Error | null, response: Response) => void) => unknown, request: Request): Promise<Response> {
  const client = new make(address, credentials.createInsecure());
  return new Promise<Response>((resolve, reject) => {
    method(client).call(client, request, (error, response) => (error === null ? resolve(response) : reject(error)));
  }).finally(() => client.close());
}
