/** Real servers, one orchestrator's side of the protocol, and connector processes, for component tests. */
import { randomBytes } from 'node:crypto';
import { credentials } from '@grpc/grpc-js';
import { connectBus, joinRegistry, watchRegistry, type Bus, type Registration, type Registry } from '@millrace/bus';
import { CatalogueClient, ConnectionsClient } from '@millrace/contracts/connector/v1/connections';
import { startServers, type Servers } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { eventually, startService, temporaryFolder, type ServiceProcess, type TemporaryFolder } from '@millrace/testkit';
import { Peer } from '@millrace/worker/testing';

export interface Connector {
  readonly process: ServiceProcess;
  readonly http: string;
  readonly connections: ConnectionsClient;
  readonly catalogue: CatalogueClient;
}

export interface ConnectorCluster {
  readonly servers: Servers;
  readonly bus: Bus;
  readonly folder: TemporaryFolder;
  /** The orchestrator, as the workers see it. */
  readonly owner: Peer;
  /** Starts a process and waits until it has dialled the orchestrator. */
  start(instance: string, environment?: Readonly<Record<string, string>>): Promise<Connector>;
  stop(): Promise<void>;
}

export async function startConnectorCluster(): Promise<ConnectorCluster> {
  const folder = await temporaryFolder('connector');
  const servers = await startServers({ dataDir: folder.path });
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const bus = await connectBus({ url: servers.nats.url, name: 'test', logger });
  const owner = await new Peer('orchestrator-1').listen();
  const registration: Registration = await joinRegistry(bus, { service: 'orchestrator', instance: owner.instance, version: '0', addresses: { grpc: owner.address.address } });
  const registry: Registry = await watchRegistry(bus);
  const key = randomBytes(32).toString('base64');
  const running: Connector[] = [];

  async function start(instance: string, environment: Readonly<Record<string, string>> = {}): Promise<Connector> {
    const hellos = owner.hellos.length;
    const process = startService({
      name: instance,
      entry: 'apps/connector/src/main.ts',
      environment: {
        MILLRACE_INSTANCE: instance,
        MILLRACE_NATS_URL: servers.nats.url,
        MILLRACE_MONGODB_URL: servers.mongo.url,
        MILLRACE_SECRET_KEY: key,
        MILLRACE_ALLOW_LOOPBACK: 'true',
        MILLRACE_DRAIN_MS: '5000',
        ...environment,
      },
    });
    const ready = await process.waitForLine(({ record }) => record?.['msg'] === 'Ready');
    await owner.connected(hellos + 1);
    const grpc = String(ready.record?.['grpc']);
    const connector = {
      process,
      http: String(ready.record?.['http']),
      connections: new ConnectionsClient(grpc, credentials.createInsecure()),
      catalogue: new CatalogueClient(grpc, credentials.createInsecure()),
    };
    running.push(connector);
    return connector;
  }

  return {
    servers,
    bus,
    folder,
    owner,
    start,
    stop: async () => {
      for (const { process, connections, catalogue } of running) {
        connections.close();
        catalogue.close();
        await process.stop();
      }
      await registration.leave();
      registry.close();
      owner.close();
      await bus.close();
      await servers.stop();
      await eventually(() => folder.remove().then(() => true), { what: 'the removal of the folder' });
    },
  };
}
