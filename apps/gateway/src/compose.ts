/** Brings the gateway's parts together; the only place that knows all of them. */
import { BUCKETS, createDeadLetters, keyedExecutionId, newExecutionId, watchLanes } from '@millrace/bus';
import { ExecutionsClient } from '@millrace/contracts/orchestrator/v1/executions';
import { HTTP_LINGER_MS, type Composition, type ServiceContext } from '@millrace/service';
import { setTimeout as delay } from 'node:timers/promises';
import { createGrpcApi } from './adapters/grpc-api.ts';
import { mongoJobs } from './adapters/job-store.ts';
import { openKeptRecords } from './adapters/kept-records.ts';
import { createLaneOwners, instanceAt } from './adapters/lane-owners.ts';
import { createDefinitions, createExecutionViews, createLaneMaps } from './adapters/orchestrators.ts';
import { createOwnerLinks } from './adapters/owner-streams.ts';
import { watchLinkKey } from './adapters/link-key.ts';
import { createDeliveries, createResourceOwners, createTriggers } from './adapters/resource-services.ts';
import type { GatewayConfig } from './config.ts';
import { createLinkSigner } from './approval-links.ts';
import { createApprovals } from './approvals.ts';
import { countLetters, createDeadLetterDesk } from './dead-letters.ts';
import { createExecutions } from './executions.ts';
import { createJobs } from './jobs/jobs.ts';
import { createKeyRing, type StoredKey } from './key-ring.ts';
import { createOrganisationBook } from './organisation-book.ts';
import type { Organisation } from './ports.ts';
import { DEFAULT_ORGANISATION } from './principal.ts';
import { repairUntilDone } from './repair.ts';
import { createHandlers } from './rest/handlers.ts';
import { createRestServer } from './rest/server.ts';
import { createResources, type RecordKeeper } from './resources.ts';
import { createStartRouter } from './start-router.ts';

/** How long streams of starts may take to move to another gateway, in milliseconds; what they send later is refused. */
const LINGER_MS_MAX = 5_000;
const LINGER_POLL_MS = 20;

export async function compose(context: ServiceContext<GatewayConfig>): Promise<Composition> {
  const { bus, config, logger, metrics, spanExporter: spans, signal, version } = context;
  const store = await context.store(config.database);

  const keys = createKeyRing(config.operatorKeyHash === '' ? undefined : config.operatorKeyHash);
  const keyRecords = await openKeptRecords<StoredKey>(bus, store, BUCKETS.keys);
  const keyWatch = await keyRecords.watch({ onSet: (key) => keys.set(key), onRemoved: (id) => keys.remove(id) });
  const organisations = createOrganisationBook();
  const organisationRecords = await openKeptRecords<Organisation>(bus, store, BUCKETS.organisations);
  await organisationRecords.createInBucket({ id: DEFAULT_ORGANISATION, createdAtMs: Date.now() });
  const organisationWatch = await organisationRecords.watch({ onSet: (record) => organisations.set(record), onRemoved: (id) => organisations.remove(id) });
  void repairUntilDone('keys', () => keyRecords.repair(), signal, logger);
  void repairUntilDone('organisations', () => organisationRecords.repair(), signal, logger);

  const orchestrators = context.pool('orchestrator');
  const notification = context.pool('notification');
  const resourcePools = { connector: context.pool('connector'), throttle: context.pool('throttle'), trigger: context.pool('trigger') };
  const lanes = await watchLanes(bus);
  const owners = createLaneOwners(lanes);
  const resends = metrics.counter('millrace_gateway_resends_total', 'Starts sent again because their owner did not take them, by reason', ['reason']);
  const router = createStartRouter({
    owners,
    links: createOwnerLinks((address) => orchestrators.client(ExecutionsClient, instanceAt(address))),
    onResend: (reason) => resends.inc({ reason }),
  });
  metrics.gauge('millrace_gateway_starts_count', 'Starts by what they wait for', ['state'], (gauge) => {
    for (const [state, count] of Object.entries(router.counts())) gauge.set({ state }, count);
  });

  const makeId = (organisation: string, workflowName: string, key: string): string => (key === '' ? newExecutionId() : keyedExecutionId(organisation, workflowName, key));
  const { isKnown } = organisations;
  const deliveries = createDeliveries(notification);
  const keptLetters = createDeadLetters(bus);
  const deadLetters = createDeadLetterDesk(keptLetters, logger);
  const letterCount = metrics.gauge('millrace_gateway_dead_letters_count', 'Dead letters there are; every gateway tells the same number');
  void countLetters(keptLetters, (count) => letterCount.set({}, count), signal, logger);
  const definitions = createDefinitions(orchestrators);
  const triggers = createTriggers(resourcePools.trigger);
  const views = createExecutionViews(orchestrators, owners, logger);
  const executions = createExecutions({ router, views, deliveries, makeId });
  const approvals = createApprovals({ views, signer: createLinkSigner(await watchLinkKey(bus, store, signal, logger)), nowMs: () => Date.now() });
  const jobs = createJobs({ store: mongoJobs(store), views, logger, nowMs: () => Date.now() });
  const resources = createResources({ owners: createResourceOwners(resourcePools), organisations: knownAtOnce(organisationRecords, organisations), keys: knownAtOnce(keyRecords, keys), isKnown, now: () => Date.now() });

  let taking = true;
  const isTaking = (): boolean => taking;
  const streamed = metrics.counter('millrace_gateway_streamed_starts_total', 'Starts that came by stream');
  const grpc = createGrpcApi({ keys, isKnown, executions, approvals, jobs, definitions, deadLetters, deliveries, resources, triggers, lanes: createLaneMaps(orchestrators), router, makeId, spans, isTaking, onStreamedStarts: (count) => streamed.inc(count) });
  const seconds = metrics.histogram('millrace_gateway_request_seconds', 'REST requests, by operation and HTTP status', { labels: ['operation', 'status'] });
  const rest = createRestServer({
    version,
    keys,
    isKnown,
    approvals,
    handlers: createHandlers({ executions, approvals, jobs, definitions, deadLetters, deliveries, resources, triggers, version, grpcAddress: () => context.registry.list('gateway').find((each) => each.instance === context.instance)?.addresses.grpc ?? '' }),
    spans,
    logger,
    isTaking,
    onAnswer: (operation, status, tookMs) => seconds.observe({ operation, status: String(status) }, tookMs / 1000),
  });
  await rest.ready();
  jobs.start();

  return {
    rpcServices: grpc.services,
    httpHandler: (request, response) => {
      rest.routing(request, response);
      return true;
    },
    ready: async () => ({ organisations: isKnown(DEFAULT_ORGANISATION) }),
    // The callers' connections are told to go by the service; until they have, what comes over them is taken.
    lingers: true,
    async drain() {
      const jobsEnded = jobs.stop();
      grpc.announceDrain();
      for (const until = performance.now() + LINGER_MS_MAX; grpc.openStreams() > 0 && performance.now() < until; ) await delay(LINGER_POLL_MS);
      await delay(HTTP_LINGER_MS);
      taking = false;
      grpc.endStreams();
      executions.endWaits();
      await jobsEnded;
    },
    async close() {
      router.close();
      keyWatch.stop();
      organisationWatch.stop();
      lanes.close();
      await rest.close();
    },
  };
}

/** What is made here is known here at once: the next call may need it, and the watch takes a moment. */
function knownAtOnce<T>(records: RecordKeeper<T>, known: { set(record: T): void }): RecordKeeper<T> {
  return {
    async create(record) {
      const created = await records.create(record);
      if (created) known.set(record);
      return created;
    },
  };
}
