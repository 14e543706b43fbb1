/**
 * All of an orchestrator but its adapters: lanes, scheduler, start gate, outbox and stores, joined.
 *
 * Owns how they know of each other. Does not own what carries them (NATS, MongoDB, gRPC), nor the place of the
 * process in the registry.
 */
import type { Registration, Registry } from '@millrace/bus';
import type { Clock } from '@millrace/clock';
import { WORKFLOW_OPERATION, type LaneInput, type Program, type Reply } from '@millrace/engine';
import { Defect } from '@millrace/errors';
import { createFairQueue, createPermits, type Permits } from '@millrace/fairness';
import { laneOfSlot, type SlotTable } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import { createChildren } from './children.ts';
import { dispatchService, type DispatchServer } from './dispatch/dispatch-service.ts';
import { createScheduler, type Scheduler } from './dispatch/scheduler.ts';
import { createExecutionReader, type ExecutionReader } from './execution-reader.ts';
import type { CheckpointDocuments } from './history/checkpoint-documents.ts';
import { createCheckpointStore, type CheckpointStore } from './history/checkpoint-store.ts';
import type { HistoryDocuments } from './history/history-documents.ts';
import { createHistoryStore, WAITING_CHARACTERS_MAX, type HistoryStore } from './history/history-store.ts';
import { createPayloadArchive } from './history/payload-archive.ts';
import type { PayloadStore } from './history/payload-store.ts';
import { createStoredExecutions } from './history/stored-executions.ts';
import { untilStored } from './history/until-stored.ts';
import type { Finished } from './lane/actor.ts';
import { measureHeat, type LaneHeat } from './lane/lane-heat.ts';
import { planLanes, type LanePlanner } from './lane/lane-planner.ts';
import type { InputPorts } from './lane/input-reader.ts';
import type { FormatAgreement } from './lane/format-agreement.ts';
import { keepLanes, type LaneKeeper } from './lane/lane-keeper.ts';
import { createLanes, type Lanes } from './lane/lanes.ts';
import { prepareLane, runLane, type LaneSourceOptions } from './lane/lane-source.ts';
import { moveSlots, type SlotMover } from './lane/slot-mover.ts';
import type { OpenLogStream } from './lane/log-stream.ts';
import type { LanePorts, ReadyStep } from './lane/ports.ts';
import { readSlotTable, type LanesBucket } from './lane/slot-moves-bucket.ts';
import type { TakingPorts } from './lane/take-lane.ts';
import { createOutbox, type Outbox, type PublishEvents } from './outbox.ts';
import { rerun, type RerunOrder, type RerunOutcome } from './rerun.ts';
import { createStartGate, type StartGate } from './starts/start-gate.ts';
import type { Programs, StartPorts } from './starts/start-stream.ts';

/** Workflows, as lanes need them. */
export interface HostPrograms extends Programs {
  /** The program of a hash. Waits for the bucket; rejects when no document has it. */
  byHash(hash: string): Promise<Program>;
  /** A program without tasks that stands in for a workflow that is not there. */
  missing(workflow: string): Program;
}

export interface LaneHostOptions {
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the waiting for the database. */
  readonly signal: AbortSignal;
  /** Disk that the log of one lane may take before new starts are refused, in bytes. */
  readonly logBytesMax: number;
  /** Events of tasks go out too. */
  readonly taskEvents?: boolean;
  /** See the scheduler's option. */
  readonly strictHoldMs?: number;
  /** What the orchestrators have agreed to write. */
  readonly agreement: Pick<FormatAgreement, 'formats' | 'agreed'>;
  readonly open: OpenLogStream;
  readonly inputs: Pick<InputPorts, 'prepare' | 'read'> & {
    /** Appends a message to `in.<lane>`; resolves once it is durable, rejects when that is not known. */
    append(lane: number, inputs: readonly LaneInput[], messageId: string): Promise<void>;
  };
  readonly publish: PublishEvents;
  readonly checkpoints: CheckpointDocuments;
  readonly history: HistoryDocuments;
  readonly payloads: PayloadStore;
  readonly programs: HostPrograms;
  reply(subject: string, reply: Reply): void;
  /** An execution has ended; for its spans. */
  ended(finished: Finished): void;
}

/** The registry, this process's place in it, and the bucket of claims. */
export interface Membership {
  readonly bucket: LanesBucket;
  readonly registry: Pick<Registry, 'list' | 'onChange'>;
  readonly registration: Pick<Registration, 'incarnation' | 'leaseDeadline' | 'setAttributes'>;
  /** This process's gRPC address. */
  readonly address: string;
  readonly initialLanes: number;
  /** Lanes are added when there are more orchestrators; by default they are not. */
  readonly grows?: boolean;
  /** The instance that this process takes the place of; empty for none. */
  readonly replaces?: string;
}

/** What the leases are to know of this process and to tell it. */
export interface LeaseHooks {
  readonly permits: Permits;
  queuedOf(organisation: string): { readonly steps: number; readonly starts: number };
  onWake(organisation: string): void;
  onWeight(organisation: string, weight: number): void;
}

export interface LaneHost {
  readonly lanes: Lanes;
  readonly scheduler: Scheduler;
  readonly gate: StartGate;
  readonly history: HistoryStore;
  readonly checkpoints: CheckpointStore;
  readonly outbox: Outbox;
  readonly reader: ExecutionReader;
  /** Makes an execution from another. */
  rerun(order: RerunOrder): Promise<RerunOutcome>;
  readonly starts: StartPorts;
  readonly dispatch: DispatchServer;
  readonly leaseHooks: LeaseHooks;
  /** Undefined before `join`. */
  planner(): LanePlanner | undefined;
  /** Begins to claim lanes; once only, as a member of the registry. */
  join(membership: Membership): Promise<void>;
  /** True before `join`, and once every lane that is this process's share runs. */
  settled(): boolean;
  /** Hands the lanes over, then waits for history, and for steps of strict limits, as long as the signal allows. */
  drain(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A step that is a workflow's start: no worker has it. */
function isOfWorkflow({ execution, activation }: ReadyStep): boolean {
  const node = execution.program.nodes[activation.node];
  return node?.kind === 'call' && node.operation === WORKFLOW_OPERATION;
}

export function createLaneHost(options: LaneHostOptions): LaneHost {
  const { instance, clock, logger, signal, agreement, open, programs } = options;
  const format = (): number => agreement.agreed();
  const payloads = createPayloadArchive(options.payloads, options.history, clock);
  const checkpoints = createCheckpointStore(options.checkpoints, payloads, clock, format);
  const history = createHistoryStore(options.history, checkpoints, payloads, clock, logger, format);
  const outbox = createOutbox(options.publish, clock, logger);
  const lanes = createLanes();
  const permits = createPermits({ nowMs: clock.monotonicMs() });
  const queue = createFairQueue<ReadyStep>();
  const scheduler = createScheduler({ queue, permits, clock, logger, ...(options.strictHoldMs === undefined ? {} : { strictHoldMs: options.strictHoldMs }) });
  const children = createChildren({
    clock,
    logger,
    signal,
    laneOf: (slot) => lanePorts.laneOf(slot),
    forward: (lane, inputs, messageId) => options.inputs.append(lane, inputs, messageId),
    isWanted: ({ lane, execution, activation }) => lanes.get(lane)?.actors.get(execution.id)?.execution === execution && execution.end === undefined && execution.activations.get(activation.number) === activation,
    settle: ({ lane, execution }, result) => lanes.get(lane)?.post({ kind: 'result', execution: execution.id, result, durable: () => undefined }),
  });
  const gate = createStartGate(permits, clock, (lane, execution) => lanes.get(lane)?.post({ kind: 'go', execution }));
  const reader = createExecutionReader({ lanes, programs, history, checkpoints, payloads, clock, stepPlace: (execution, activation) => scheduler.placeOf(execution, activation) });
  const stored = createStoredExecutions({ checkpoints, history, program: (hash) => programs.byHash(hash) });
  let leaseDeadline: () => number = () => -Infinity;
  let readTable: () => Promise<SlotTable> = () => Promise.reject(new Defect('a lane is taken before the process is a member'));
  let keeper: LaneKeeper | undefined;
  let mover: SlotMover | undefined;
  let planner: LanePlanner | undefined;
  let stopMeasuring: () => void = () => undefined;

  untilStored('Preparing the collections', clock, logger, signal, async () => {
    await checkpoints.prepare();
    await history.prepare();
  }).catch(() => undefined);

  const lanePorts: LanePorts = {
    format,
    leaseHolds: () => clock.monotonicMs() < leaseDeadline(),
    schedule: (step) => (isOfWorkflow(step) ? children.begin(step) : scheduler.schedule(step)),
    abandon: (execution) => scheduler.abandon(execution.id),
    abandonChild: (lane, child, isReplayed, told) => children.abandon(lane, child, isReplayed, told),
    spent: (organisation, microseconds) => scheduler.spent(organisation, microseconds),
    tryBegin: (lane, organisation, execution) => gate.tryBegin(lane, organisation, execution),
    startsRefusedBecause: () => (history.waitingCharacters > WAITING_CHARACTERS_MAX ? 'The database has been away so long that history waits in memory up to its limit; running executions go on' : undefined),
    storePayloads: (list) => payloads.put(list),
    finish(finished, stored) {
      history.write(finished, stored);
      try {
        options.ended(finished);
      } catch (error) {
        // Spans can be made again at any time; a lane is not stopped for them.
        logger.error('The spans of an execution could not be made', { execution: finished.id, error });
      }
    },
    checkpoint: (lane, _epoch, actors) => checkpoints.write(lane, actors),
    historyWaiting: () => history.waitingCharacters,
    program: (hash) => programs.byHash(hash),
    payload: (name) => payloads.get(name),
    forgetPayloads: (names) => payloads.remove(names),
    logBytesMax: options.logBytesMax,
    sleepers: stored,
    announce: (event) => outbox.put(event),
    ...(options.taskEvents === true ? { announceTask: (event) => outbox.putTask(event) } : {}),
    outboxLowWater: (lane) => Math.min(outbox.lowWater(lane), children.lowWater(lane)),
    laneOf: (slot) => laneOfSlot(lanes.table(), slot),
    forward: (lane, inputs, messageId) => options.inputs.append(lane, inputs, messageId),
    letGo(lane, executions) {
      scheduler.letGo(executions);
      gate.letGo(lane, new Set(executions.map(({ id }) => id)));
    },
    reply: (subject, answer) => (children.isParent(subject) ? children.answer(subject, answer) : options.reply(subject, answer)),
    endOf: (id) => reader.endOf(id),
  };
  const takingPorts: TakingPorts = {
    format,
    program: (hash) => programs.byHash(hash),
    payload: (name) => payloads.get(name),
    table: () => readTable(),
    checkpoints: (slots, asleep) =>
      untilStored('Reading checkpoints', clock, logger, signal, async () => {
        // First, so that whoever is stored in between is found among one or the other, or in the log.
        await checkpoints.addAsleep(slots, asleep);
        const found = await checkpoints.awake(slots);
        // One whose end is in history is left over from a crash between the two writes.
        const ended = await history.endedAmong(found.map(({ id }) => id));
        if (ended.size > 0) await checkpoints.remove([...ended]);
        // Read later, it is what it is now.
        for (const { id } of found) asleep.delete(id);
        return found.filter(({ id }) => !ended.has(id));
      }),
    stored: (executions) => untilStored('Reading sleeping executions', clock, logger, signal, () => stored.read(executions)),
    remembered: (slots) => untilStored('Reading remembered starts', clock, logger, signal, () => history.remembered(slots, clock.wallMs())),
    async programsOf(executions) {
      const hashes = await untilStored('Reading the definitions of executions', clock, logger, signal, async () => {
        const ended = await history.definitionsOf(executions);
        const asleep = await checkpoints.get(executions.filter((id) => !ended.has(id)));
        return [...ended, ...asleep.map(({ id, snapshot }) => [id, snapshot.definition] as const)];
      });
      return new Map(await Promise.all([...hashes].map(async ([id, hash]) => [id, await programs.byHash(hash)] as const)));
    },
  };
  const inputPorts: InputPorts = {
    ...options.inputs,
    program: (organisation, workflow) => programs.resolve(organisation, workflow),
    missing: (workflow) => programs.missing(workflow),
    table: () => lanes.table(),
    ended: (ids) => history.askEnded(ids),
  };

  return {
    lanes,
    scheduler,
    gate,
    history,
    checkpoints,
    outbox,
    reader,
    rerun: (order) => rerun(order, { lanes, programs, clock, format, journal: (organisation, id, charactersMax) => reader.journal(organisation, id, charactersMax), payload: (name) => payloads.get(name), ended: (ids) => history.askEndedForSure(ids) }),
    starts: { lanes, definitions: programs, clock, endOf: (id) => reader.endOf(id), ended: (ids) => history.askEnded(ids), endedForSure: (ids) => history.askEndedForSure(ids) },
    dispatch: dispatchService(lanes, scheduler, logger),
    leaseHooks: {
      permits,
      queuedOf: (organisation) => ({ steps: queue.waiting(organisation), starts: gate.waiting(organisation) }),
      onWake(organisation) {
        gate.wake(organisation);
        queue.wake(organisation);
        scheduler.pump();
      },
      onWeight: (organisation, weight) => queue.setWeight(organisation, weight),
    },
    planner: () => planner,
    async join({ bucket, registry, registration, address, initialLanes, grows = false, replaces = '' }) {
      leaseDeadline = () => registration.leaseDeadline();
      readTable = () => readSlotTable(bucket, clock, signal);
      let heat: readonly LaneHeat[] = [];
      const announce = (): void => {
        const attributes = { formats: agreement.formats, lanes: lanes.all().map((lane) => lane.number).sort((a, b) => a - b), ...(replaces === '' ? {} : { replaces }), ...(heat.length === 0 ? {} : { heat }) };
        registration.setAttributes(attributes).catch(() => undefined);
      };
      mover = await moveSlots({ bucket, lanes, payloads, clock, logger, signal, format, program: (hash) => programs.byHash(hash) });
      planner = await planLanes({ bucket, registry, instance, incarnation: registration.incarnation, lanes, mover, clock, logger, signal, grows, agreedFormat: format });
      stopMeasuring = measureHeat(lanes, clock, (measured) => {
        const isNews = measured.length > 0 || heat.length > 0;
        heat = measured;
        if (isNews) announce();
      });
      const source: LaneSourceOptions = { open, instance, lanePorts, takingPorts, inputPorts, clock, logger };
      keeper = await keepLanes({
        bucket,
        registry,
        registration,
        replaces,
        instance,
        address,
        lanes,
        initialLanes,
        clock,
        logger,
        prepare: (number) => prepareLane(number, source),
        async take(number, epoch, prepared) {
          const lane = await runLane(number, epoch, source, prepared);
          // The keeper adds the lane once this has returned it.
          clock.soon(() => {
            announce();
            mover?.look();
          });
          return lane;
        },
        released(lane) {
          scheduler.dropLane(lane.number, lane.epoch);
          gate.dropLane(lane.number);
          outbox.dropLane(lane.number);
          children.dropLane(lane.number);
          announce();
        },
      });
    },
    settled: () => keeper === undefined || keeper.settled(),
    async drain(ending) {
      await keeper?.close();
      stopMeasuring();
      planner?.close();
      mover?.close();
      await Promise.all([history.drain(ending), scheduler.nothingLingers(ending)]);
    },
    close: () => outbox.close(),
  };
}
