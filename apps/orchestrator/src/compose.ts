/**
 * Puts the orchestrator together: the only place that knows lanes, scheduler, stores and services at once.
 */
import { BUCKETS, ensureStream, inputStream, laneInputStreamConfig, openBucket, readStream } from '@millrace/bus';
import { systemClock as clock } from '@millrace/clock';
import { createFairQueue, createPermits } from '@millrace/fairness';
import { createCheckpointStore, createHistoryStore, createLanes, createOutbox, createScheduler, createStartGate, dispatchService, keepLanes, runLane, untilStored, WAITING_CHARACTERS_MAX, type InputPorts, type LaneKeeper, type LanePorts, type ReadyStep, type TakingPorts } from '@millrace/lane';
import { connectLeases } from '@millrace/lease';
import { DispatchService } from '@millrace/contracts/orchestrator/v1/dispatch';
import { DefinitionsService, ExecutionsService } from '@millrace/contracts/orchestrator/v1/executions';
import type { Composition, ServiceContext } from '@millrace/service';
import { createExecutionReader } from './api/execution-reader.ts';
import { definitionsService, executionsService, type ApiOptions } from './api/executions-service.ts';
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
  const store = await context.store('millrace_orchestrator');
  const [definitions, payloads] = await Promise.all([openDefinitions(bus), openPayloadStore(bus)]);
  const checkpoints = createCheckpointStore(mongoCheckpoints(store), payloads, clock);
  const history = createHistoryStore(mongoHistory(store), checkpoints, clock, logger);
  const open = openLogStreams(bus);
  const outbox = createOutbox(createEventPublisher(bus), clock, logger);
  const spans = createSpanFeed(context.spanExporter);
  const lanes = createLanes();
  const permits = createPermits({ nowMs: clock.monotonicMs() });
  const queue = createFairQueue<ReadyStep>();
  const scheduler = createScheduler({ queue, permits, clock, logger });
  const gate = createStartGate(permits, clock, (lane, execution) => lanes.get(lane)?.post({ kind: 'go', execution }));
  let leaseDeadline: () => number = () => -Infinity;
  let keeper: LaneKeeper | undefined;

  const prepared = untilStored('Preparing the collections', clock, logger, context.signal, async () => {
    await checkpoints.prepare();
    await history.prepare();
  });
  prepared.catch(() => undefined);

  const leases = await connectLeases({
    bus,
    pool: context.pool('throttle'),
    owner: instance,
    permits,
    logger,
    queuedOf: (organisation) => ({ steps: queue.waiting(organisation), starts: gate.waiting(organisation) }),
    onWake(organisation) {
      gate.wake(organisation);
      queue.wake(organisation);
      scheduler.pump();
    },
    onWeight: (organisation, weight) => queue.setWeight(organisation, weight),
    owners: () => Math.max(1, registry.list('orchestrator').length),
  });

  const lanePorts: LanePorts = {
    leaseHolds: () => clock.monotonicMs() < leaseDeadline(),
    schedule: (step) => scheduler.schedule(step),
    abandon: (execution) => scheduler.abandon(execution.id),
    tryBegin: (lane, organisation, execution) => gate.tryBegin(lane, organisation, execution),
    startsRefusedBecause: () => (history.waitingCharacters > WAITING_CHARACTERS_MAX ? 'The database has been away so long that history waits in memory up to its limit; running executions go on' : undefined),
    storePayloads: (list) => payloads.put(list),
    finish(finished, stored) {
      history.write(finished, stored);
      try {
        spans.ended(finished);
      } catch (error) {
        // Spans can be made again at any time; a lane is not stopped for them.
        logger.error('The spans of an execution could not be made', { execution: finished.id, error });
      }
    },
    checkpoint: (lane, _epoch, actors) => checkpoints.write(lane, actors),
    announce: (event) => outbox.put(event),
    outboxLowWater: (lane) => outbox.lowWater(lane),
    reply: createReplier(bus, logger),
    endOf: (id) => reader.endOf(id),
  };
  const takingPorts: TakingPorts = {
    program: (hash) => definitions.byHash(hash),
    payload: (name) => payloads.get(name),
    checkpoints: (lane) =>
      untilStored('Reading checkpoints', clock, logger, context.signal, async () => {
        const found = await checkpoints.load(lanes.table(), lane);
        // One whose end is in history is left over from a crash between the two writes.
        const ended = await history.endedAmong(found.map(({ id }) => id));
        if (ended.size > 0) await checkpoints.remove([...ended]);
        return found.filter(({ id }) => !ended.has(id));
      }),
    remembered: (lane) => untilStored('Reading remembered starts', clock, logger, context.signal, () => history.remembered(lanes.table(), lane, clock.wallMs())),
    async programsOf(executions) {
      const hashes = await untilStored('Reading the definitions of ended executions', clock, logger, context.signal, () => history.definitionsOf(executions));
      return new Map(await Promise.all([...hashes].map(async ([id, hash]) => [id, await definitions.byHash(hash)] as const)));
    },
  };
  const inputPorts: InputPorts = {
    prepare: (lane) => ensureStream(bus, laneInputStreamConfig(lane)),
    read: (lane, from, signal) => readStream(bus, { stream: inputStream(lane), from, signal }),
    program: (organisation, workflow) => definitions.resolve(organisation, workflow),
    missing: (workflow) => definitions.missing(workflow),
    table: () => lanes.table(),
    ended: (ids) => history.askEnded(ids),
  };

  const reader = createExecutionReader({ lanes, definitions, history, checkpoints, payloads });
  const api: ApiOptions = {
    lanes,
    definitions,
    reader,
    nowMs: () => clock.wallMs(),
    starts: { lanes, definitions, clock, endOf: (id) => reader.endOf(id), ended: (ids) => history.askEnded(ids), endedForSure: (ids) => history.askEndedForSure(ids) },
  };
  observeOrchestrator(context.metrics, { lanes, scheduler, gate, history, outbox });

  return {
    rpcServices: [
      { definition: DispatchService, implementation: { ...dispatchService(lanes, scheduler, logger) } },
      { definition: ExecutionsService, implementation: executionsService(api) },
      { definition: DefinitionsService, implementation: definitionsService(api) },
    ],
    // Readiness lets the process join the registry, and only a member may claim lanes.
    ready: async () => ({ bus: bus.status() === 'connected', lanes: keeper === undefined || keeper.settled() }),
    async started(registration) {
      leaseDeadline = () => registration.leaseDeadline();
      const address = await ownAddress(context, registration.incarnation);
      const announce = (): void => void registration.setAttributes({ lanes: lanes.all().map((lane) => lane.number).sort((a, b) => a - b) }).catch(() => undefined);
      keeper = await keepLanes({
        bucket: await openBucket(bus, BUCKETS.lanes),
        registry,
        registration,
        instance,
        address,
        lanes,
        initialLanes: config.lanes,
        clock,
        logger,
        async take(number, epoch) {
          const lane = await runLane(number, epoch, { open, instance, lanePorts, takingPorts, inputPorts, clock, logger });
          // The keeper adds the lane once this has returned it.
          clock.soon(announce);
          return lane;
        },
        released(lane) {
          scheduler.dropLane(lane.number, lane.epoch);
          gate.dropLane(lane.number);
          outbox.dropLane(lane.number);
          announce();
        },
      });
    },
    async drain() {
      await keeper?.close();
      await history.drain(AbortSignal.timeout(HISTORY_DRAIN_MS));
    },
    async close() {
      leases.close();
      await outbox.close();
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
