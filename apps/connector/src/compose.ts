/** The only place that knows core, ports and adapters of the connector service together. */
import { randomUUID } from 'node:crypto';
import { BUCKETS, openBucket, watchLanes } from '@millrace/bus';
import type { Composition, ServiceContext } from '@millrace/service';
import { ownersByClaims, ownersInRegistry, startWorker, type Worker } from '@millrace/worker';
import { createSecretBox } from '@millrace/store';
import { createAddressGuard } from './address-guard.ts';
import { publishConnection, watchConnections } from './adapters/connection-bucket.ts';
import { catalogueService, connectionsService } from './adapters/grpc-services.ts';
import { mongoClaims, type ClaimDocument } from './adapters/mongo-claims.ts';
import { mongoConnections, type ConnectionDocument } from './adapters/mongo-connections.ts';
import { natsEvents } from './adapters/nats-events.ts';
import { natsDeliveries } from './adapters/nats-deliveries.ts';
import { registeredWorkers } from './adapters/worker-liveness.ts';
import { createAuthenticator } from './auth/authenticator.ts';
import { compileCatalogue } from './catalogue.ts';
import { BreakerBook } from './circuit-breaker.ts';
import { createClaims } from './claimed-step.ts';
import { secretKeyBytes, type ConnectorConfig } from './config.ts';
import { ConnectionBook } from './connection-book.ts';
import { a2aConnector } from './connectors/a2a/a2a.ts';
import { asyncApiConnector } from './connectors/asyncapi/asyncapi.ts';
import { grpcConnector } from './connectors/grpc/grpc.ts';
import { httpConnector } from './connectors/http/http.ts';
import { mcpConnector } from './connectors/mcp/mcp.ts';
import { millraceConnector } from './connectors/millrace.ts';
import { eventConnector } from './connectors/emit.ts';
import { containerConnector, shellConnector } from './connectors/process/process.ts';
import { scriptConnector } from './connectors/script/script.ts';
import { openApiConnector } from './connectors/openapi/openapi.ts';
import { smtpConnector } from './connectors/smtp/smtp.ts';
import { sqlConnector } from './connectors/sql/sql.ts';
import { createStepHandler } from './execute-step.ts';
import { createOutboundHttp } from './outbound/outbound-http.ts';
import { reconcileConnections } from './reconcile-connections.ts';
import { createResourceStore } from './resource-store.ts';
import { createStepMetrics, exposeGauges } from './step-metrics.ts';

/** What is left of the drain time for telling the owners and closing, milliseconds. */
const DRAIN_MARGIN_MS = 500;

export async function compose(context: ServiceContext<ConnectorConfig>): Promise<Composition> {
  const { bus, config, instance, logger, metrics, name, registry, signal, version } = context;
  const box = createSecretBox(secretKeyBytes(config));
  const guard = createAddressGuard({ allowLoopback: config.allowLoopback });
  const http = createOutboundHttp(guard);
  const authenticator = createAuthenticator(http);
  const resources = createResourceStore({ http, authenticator, fileRoot: config.resourceRoot });
  const access = { http, authenticator, resources };
  const sql = sqlConnector({ root: config.sqliteRoot, disabled: config.sqliteRoot === undefined && !config.allowLoopback });
  const script = scriptConnector({ resources });
  const lanes = await watchLanes(bus);
  const grpc = grpcConnector(access);
  const connectors = [millraceConnector(natsDeliveries(bus)), httpConnector(access), openApiConnector(access), asyncApiConnector(access), a2aConnector(access), grpc, mcpConnector({ ...access, commands: config.mcpCommands.split(',').map((each) => each.trim()).filter((each) => each !== ''), path: config.mcpPath }), smtpConnector(guard, { allowPlainCredentials: config.allowLoopback }), sql, script, shellConnector(config.shellFolder), containerConnector({ engine: config.containerEngine.split(' ').filter((word) => word !== ''), volumes: config.containerVolumes }), eventConnector(await natsEvents(bus, lanes))];
  const catalogue = compileCatalogue(connectors);

  const store = await context.store(config.database);
  const bucket = await openBucket(bus, BUCKETS.connections);
  const book = new ConnectionBook(box);
  const stopWatching = await watchConnections(bucket, book, (key) => logger.warn('an entry of the bucket of connections cannot be read', { key }));
  const connections = mongoConnections(store.collection<ConnectionDocument>('connections'));
  const publish = (sealed: Parameters<typeof publishConnection>[1]): Promise<void> => publishConnection(bucket, sealed);

  // Differs for every process under the same name: what an earlier one claimed is not claimed by this one.
  const incarnation = randomUUID();
  const claims = createClaims({
    store: mongoClaims(store.collection<ClaimDocument>('claims')),
    worker: `${instance}#${incarnation}`,
    workers: registeredWorkers(registry, name),
    onWaiting: (waiting) => logger.info(waiting ? 'unsafe steps wait for MongoDB' : 'unsafe steps go on'),
  });
  const breakers = new BreakerBook();
  const handler = createStepHandler({ catalogue, connections: book, claims, breakers, metrics: createStepMetrics(metrics), log: logger });

  let worker: Worker | undefined;
  return {
    rpcServices: [connectionsService({ catalogue, connectors, book, store: connections, box, publish }), catalogueService({ catalogue })],
    attributes: { worker: incarnation },
    started: () => {
      worker = startWorker({
        worker: `${instance}#${incarnation}`,
        service: name,
        version,
        handler,
        owners: ownersInRegistry(registry),
        lanes: ownersByClaims(lanes),
        log: logger,
        limits: { stepsPerStreamMax: config.stepsPerStreamMax, keptResultsMax: config.keptResultsMax },
      });
      exposeGauges(metrics, worker, breakers, claims);
      void reconcileConnections(connections, publish, signal, logger);
    },
    drain: async () => {
      await worker?.drain(Math.max(0, config.drainMs - DRAIN_MARGIN_MS));
    },
    close: async () => {
      await worker?.close();
      stopWatching();
      lanes.close();
      grpc.close();
      await Promise.all([http.close(), sql.close(), script.close()]);
    },
  };
}
