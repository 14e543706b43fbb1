/**
 * Puts the orchestrator together: the only place that knows its adapters and services at once. How lanes, scheduler
 * and stores know of each other stands in `libs/lane` (lane-host.ts).
 */
import { BUCKETS, ensureStream, inputStream, laneInputStreamConfig, openBucket, readStream } from '@millrace/bus';
import { systemClock as clock } from '@millrace/clock';
import { DispatchService } from '@millrace/contracts/orchestrator/v1/dispatch';
import { DefinitionsService, ExecutionsService } from '@millrace/contracts/orchestrator/v1/executions';
import { LanesService } from '@millrace/contracts/orchestrator/v1/lanes';
import { agreeOnFormat, createLaneHost } from '@millrace/lane';
import { connectLeases } from '@millrace/lease';
import type { Composition, ServiceContext } from '@millrace/service';
import { definitionsService, executionsService, type ApiOptions } from './api/executions-service.ts';
import { createInputAppender } from './adapters/input-appender.ts';
import { lanesService } from './api/lanes-service.ts';
import { createEventPublisher } from './adapters/event-publisher.ts';
import { openLogStreams } from './adapters/log-streams.ts';
import { mongoCheckpoints } from './adapters/mongo-checkpoints.ts';
import { mongoHistory } from './adapters/mongo-history.ts';
import { openPayloadStore } from './adapters/payload-store.ts';
import { createReplier } from './adapters/replier.ts';
import { createSpanFeed } from './adapters/span-feed.ts';
import type { OrchestratorConfig } from './config.ts';
import { openDefinitions } from './definitions/definitions.ts';
import { observeOrchestrator } from './orchestrator-metrics.ts';

/** How long a stopping orchestrator waits for history, in milliseconds; the log keeps what is left. */
const HISTORY_DRAIN_MS = 3_000;

export async function compose(context: ServiceContext<OrchestratorConfig>): Promise<Composition> {
  const { bus, logger, registry, instance, config } = context;
  const lanesBucket = await openBucket(bus, BUCKETS.lanes);
  const agreement = await agreeOnFormat({
    bucket: lanesBucket,
    registry,
    instance,
    allows: config.formatMax,
    clock,
    logger,
    onUnreadable(error) {
      logger.error('The agreed record format cannot be read', { error });
      context.giveUp(error.message);
    },
  });
  const store = await context.store('millrace_orchestrator');
  const [definitions, payloads] = await Promise.all([openDefinitions(bus), openPayloadStore(bus)]);
  const spans = createSpanFeed(context.spanExporter);
  const host = createLaneHost({
    instance,
    clock,
    logger,
    signal: context.signal,
    logBytesMax: config.laneLogMiB * 1024 ** 2,
    taskEvents: config.taskEvents,
    agreement,
    open: openLogStreams(bus),
    inputs: {
      prepare: (lane) => ensureStream(bus, laneInputStreamConfig(lane)),
      read: (lane, from, signal) => readStream(bus, { stream: inputStream(lane), from, signal }),
      append: createInputAppender(bus),
    },
    publish: createEventPublisher(bus),
    checkpoints: mongoCheckpoints(store),
    history: mongoHistory(store),
    payloads,
    programs: definitions,
    reply: createReplier(bus, logger),
    ended: (finished) => spans.ended(finished),
  });
  const leases = await connectLeases({ bus, pool: context.pool('throttle'), owner: instance, logger, ...host.leaseHooks, owners: () => Math.max(1, registry.list('orchestrator').length) });
  const { lanes, reader, scheduler, gate, history, outbox } = host;
  const api: ApiOptions = { lanes, definitions, reader, history, nowMs: () => clock.wallMs(), starts: host.starts, reruns: (order) => host.rerun(order) };
  observeOrchestrator(context.metrics, { lanes, scheduler, gate, history, outbox });

  return {
    rpcServices: [
      { definition: DispatchService, implementation: { ...host.dispatch } },
      { definition: ExecutionsService, implementation: executionsService(api) },
      { definition: DefinitionsService, implementation: definitionsService(api) },
      { definition: LanesService, implementation: lanesService(host) },
    ],
    // Readiness lets the process join the registry, and only a member may claim lanes.
    ready: async () => ({ bus: bus.status() === 'connected', lanes: host.settled() }),
    attributes: { formats: agreement.formats, ...(config.replaces === '' ? {} : { replaces: config.replaces }) },
    async started(registration) {
      agreement.follow();
      const address = await ownAddress(context, registration.incarnation);
      await host.join({ bucket: lanesBucket, registry, registration, address, initialLanes: config.lanes, grows: config.growth === 'auto', replaces: config.replaces });
    },
    drain: () => host.drain(AbortSignal.timeout(HISTORY_DRAIN_MS)),
    async close() {
      agreement.close();
      leases.close();
      await host.close();
    },
  };
}

/** The registry shows this process a moment after it has joined; until then it may show a former life at another address. */
async function ownAddress({ registry, instance }: ServiceContext<OrchestratorConfig>, incarnation: string): Promise<string> {
  for (;;) {
    const own = registry.list('orchestrator').find((each) => each.instance === instance && each.incarnation === incarnation);
    if (own?.addresses.grpc !== undefined) return own.addresses.grpc;
    await clock.sleep(10);
  }
}
