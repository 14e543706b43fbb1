/**
 * The executions of one lane in its owner's memory, and what each message does to them.
 *
 * Owns their state, and which effects a decision has. Does not own when a frame is appended, nor that effects wait
 * for it (lane.ts), nor how slots come and go (lane-moves.ts).
 *
 * - E1 Whatever leaves is put among the turn's effects, never done while a message is processed. When an effect runs,
 *   the state may hold decisions of the frame after: an effect leaves with what was true when it was put.
 * - E4 E5 The core decides; this file adds nothing to the journal.
 * - E6 What one execution cannot do ends that execution and never the lane (transition.ts).
 * - E9 What a former owner may not have carried out is carried out again: steps, timers, events, replies.
 * - An input for a slot that has left is sent on.
 */
import type { Clock } from '@millrace/clock';
import { advance, begin, cancel, chooseApproval, decideApproval, elapse, hear, isListening, journalFor, operate, resolve, start, PROBLEM_TYPES, RECORD_FORMATS, type CloudEvent, type Execution, type JournalRecord } from '@millrace/engine';
import { Defect } from '@millrace/errors';
import { SLOT_COUNT, slotOf } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import { actorOfCheckpoint, createActor, finishedOf, replyOf, type Actor, type Finished, type Watcher } from './actor.ts';
import { CoreTime, HEAVY_FUEL } from './core-time.ts';
import { Ended } from './ended.ts';
import { formatRefusal } from './format-needed.ts';
import type { FrameBytes } from './frame-bytes.ts';
import type { LaneCounts } from './lane-counts.ts';
import type { LaneLog } from './lane-log.ts';
import { createLaneTimers, mayWait, type LaneTimers } from './lane-timers.ts';
import { createLaneUpkeep, type LaneUpkeep } from './lane-upkeep.ts';
import { isTold, lifecycleEvent } from './lifecycle.ts';
import { tellingOfTasks } from './task-events.ts';
import { createLeavingChildren, watchChildren } from './left-children.ts';
import { createListeners } from './listeners.ts';
import { refuse, type InputOrigin, type Message, type StartMessage } from './message.ts';
import type { LanePorts } from './ports.ts';
import { answerAgain, type KnownStart } from './repeated-start.ts';
import { createSendOn, type SendOn } from './send-on.ts';
import { createSleepers, type Sleepers, type Waited, type Woken } from './sleepers.ts';
import type { SlotOwnership } from './slot-ownership.ts';
import { isSameInput } from './start-memory.ts';
import { createStillOwned, type StillOwned } from './still-owned.ts';
import type { TakenLane } from './take-lane.ts';
import type { Turn } from './turn.ts';
import { writeTransition } from './transition.ts';

/** An execution whose journal has grown by so many bytes since its last checkpoint gets turns slowly: memory is bounded, and the execution goes on (E6). */
const JOURNAL_BYTES_MAX = 8 * 1024 ** 2;
/** Between its turns then, in milliseconds. */
const JOURNAL_WAIT_MS = 100;
/** Of so many decisions one is timed; a power of two. */
const MEASURE_EVERY = 4;

/** Sees the records of one transition, durable. */
export type TransitionObserver = (execution: Execution, atMs: number, records: readonly JournalRecord[]) => void;

/** The lane that they are in. */
export interface LaneHost {
  readonly number: number;
  readonly epoch: number;
  readonly counts: LaneCounts;
  post(message: Message): void;
  /** The last frame that is durable, and the last input that it holds. */
  durable(): { readonly sequence: number; readonly inputSequence: number };
  isTaken(): Promise<boolean>;
}

export interface LaneExecutionsOptions {
  readonly host: LaneHost;
  readonly frame: FrameBytes;
  readonly log: LaneLog;
  readonly ports: LanePorts;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly taken: TakenLane;
}

export class LaneExecutions {
  readonly actors = new Map<string, Actor>();
  readonly ended: Ended;
  readonly slots: SlotOwnership;
  /** Decisions made for each slot; they only grow. */
  readonly heat = new Uint32Array(SLOT_COUNT);
  readonly sendOn: SendOn;
  readonly timers: LaneTimers;
  readonly upkeep: LaneUpkeep;
  readonly sleepers: Sleepers;
  readonly listeners = createListeners();
  readonly leaving = createLeavingChildren((child, isReplayed, told) => this.#ports.abandonChild(this.#host.number, child, isReplayed, told));
  /** The last input that has been processed. */
  inputSequence: number;
  readonly #host: LaneHost;
  readonly #frame: FrameBytes;
  readonly #ports: LanePorts;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #coreTime: CoreTime;
  #decisions = 0;
  readonly #whenStillOwned: StillOwned;
  readonly #observers = new Set<TransitionObserver>();

  constructor({ host, frame, log, ports, clock, logger, taken }: LaneExecutionsOptions) {
    this.#host = host;
    this.#frame = frame;
    this.#ports = ports;
    this.#clock = clock;
    this.#logger = logger;
    this.#coreTime = new CoreTime(clock);
    this.#whenStillOwned = createStillOwned(() => host.isTaken(), clock, logger);
    this.inputSequence = taken.inputSequence;
    this.slots = taken.slots;
    this.sendOn = createSendOn({ lane: host.number, clock, logger, forward: (to, inputs, id) => ports.forward(to, inputs, id), sent: () => host.post({ kind: 'later', run: () => undefined }) });
    this.timers = createLaneTimers(clock, (execution, activation) => host.post({ kind: 'due', execution, activation }), (execution) => this.actors.has(execution));
    this.ended = new Ended({
      lane: host.number,
      log,
      taken,
      ports,
      clock,
      logger,
      leaving: this.leaving,
      lastSequence: () => host.durable().sequence,
      later: (run) => host.post({ kind: 'later', run }),
      retire: (payloads) => this.upkeep.retire(host.durable().sequence, payloads),
    });
    this.upkeep = createLaneUpkeep({
      number: host.number,
      epoch: host.epoch,
      log,
      ports,
      logger,
      finished: this.ended.finished,
      slots: this.slots,
      announcedBelow: taken.announcedBelow,
      durable: () => host.durable(),
      again: () => this.askUpkeep(),
      backlogLowWater: () => this.ended.backlog.lowWater(),
      isHeld: ({ execution }) => this.leaving.has(execution.id),
      rest: (actor) => this.#rest(actor),
    });
    this.sleepers = createSleepers({
      lane: host.number,
      slots: () => this.slots.slots(),
      asleep: taken.asleep,
      store: ports.sleepers,
      clock,
      logger,
      woken: (woken) => host.post({ kind: 'woken', woken }),
      refuse: (message) => refuse(message, 'store-failed', 'The execution sleeps, and the database that has it does not answer; try again'),
    });
    this.#begin(taken);
  }

  /** Has checkpoints and truncation looked at when the lane next stands between two frames. */
  askUpkeep(): void {
    this.#host.post({
      kind: 'query',
      run: () => {
        this.upkeep.run(this.#clock.wallMs());
        this.ended.backlog.run();
      },
    });
  }

  /** What the log said goes on: events and replies are made again, steps dispatched, timers armed, ready work resumed. */
  #begin({ actors, finished: cameEnded, events, left }: TakenLane): void {
    for (const child of left) this.leaving.note(child.execution.id, 1);
    for (const actor of actors.values()) {
      const finished = finishedOf(actor);
      if (finished === undefined) {
        this.actors.set(actor.execution.id, actor);
        this.listeners.note(actor.execution);
        this.upkeep.adopt(actor);
      } else this.ended.note(finished);
    }
    for (const each of cameEnded) this.ended.note(each);
    for (const event of events) {
      this.#ports.announce(event);
      const finished = event.kind === 'started' ? undefined : this.ended.finished.get(event.execution);
      if (finished?.replyTo !== undefined) this.#ports.reply(finished.replyTo, replyOf(finished.id, finished.end));
    }
    for (const child of left) this.leaving.leave(child, true);
    for (const { execution } of this.actors.values()) this.resume(execution);
    for (const finished of this.ended.finished.values()) this.ended.toHistory(finished);
  }

  resume(execution: Execution): void {
    for (const activation of execution.activations.values()) {
      if (activation.arguments !== undefined) this.#ports.schedule({ lane: this.#host.number, epoch: this.#host.epoch, execution, activation, readyAtMs: this.#clock.wallMs() });
      if (activation.dueMs !== undefined) this.timers.wait(activation.dueMs, execution.id, activation.number);
    }
    const mayGo = execution.begun ? execution.ready.length > 0 : this.#ports.tryBegin(this.#host.number, execution.organisation, execution.id);
    if (mayGo) this.#host.post({ kind: 'go', execution: execution.id });
  }

  /** Whether a start of that id would be a repeated one, if it were posted now. */
  knows(id: string): boolean {
    return this.actors.has(id) || this.ended.knows(id) || this.sleepers.has(id);
  }

  /** Why the lane takes no new starts at the moment, if it takes none. */
  refusesStarts(): string | undefined {
    return this.upkeep.overBudget() ?? this.#ports.startsRefusedBecause();
  }

  /** Told of every transition once it is durable; returns the function that ends it. */
  observe(observer: TransitionObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  process(message: Message, turn: Turn): void {
    switch (message.kind) {
      case 'start':
        this.#start(message, turn);
        return;
      case 'attach': {
        const { execution, watcher } = message;
        if (this.#isElsewhere(execution, undefined, () => watcher.refused('lane-displaced', `Execution ${execution} is not of lane ${this.#host.number}`))) return;
        turn.effects.push(() => this.#attach(execution, watcher));
        return;
      }
      case 'result': {
        const actor = this.actors.get(message.execution);
        let isNew = false;
        if (actor !== undefined && actor.execution.end === undefined) this.#transition(actor, turn, (records) => (isNew = resolve(actor.execution, message.result, journalFor(actor.execution, turn.nowMs, records))));
        else if (actor === undefined && this.#isElsewhere(message.execution, undefined, () => message.moved?.())) return;
        this.#host.counts.steps += isNew ? 1 : 0;
        turn.effects.push(isNew ? message.durable : () => this.#whenStillOwned(message.durable, message.moved));
        return;
      }
      case 'child': {
        const { execution: id, result, origin } = message;
        const actor = this.actors.get(id);
        if (actor !== undefined) this.#transition(actor, turn, (records) => void resolve(actor.execution, result, journalFor(actor.execution, turn.nowMs, records)));
        else this.#isElsewhere(id, origin, () => undefined);
        return;
      }
      case 'event':
        this.#hear(message.organisation, message.event, turn);
        return;
      case 'cancel': {
        const { answer, origin } = message;
        if (this.#isElsewhere(message.execution, origin, () => answer?.('elsewhere'))) return;
        const actor = this.actors.get(message.execution);
        if (actor === undefined && this.sleepers.has(message.execution)) {
          this.sleepers.park(message.execution, message);
          return;
        }
        const found = actor !== undefined && actor.execution.organisation === message.organisation;
        if (found) this.#transition(actor, turn, (records) => void cancel(actor.execution, journalFor(actor.execution, turn.nowMs, records)));
        if (answer !== undefined) turn.effects.push(() => answer(found ? 'found' : 'unknown'));
        return;
      }
      case 'operate':
        this.#operate(message, turn);
        return;
      case 'approval':
        this.#actOnApproval(message, turn);
        return;
      case 'due':
        this.#due(message.execution, message.activation, turn);
        return;
      case 'go': {
        const actor = this.actors.get(message.execution);
        if (actor === undefined || actor.execution.end !== undefined) return;
        actor.hasTurn = false;
        const { execution } = actor;
        if (execution.paused !== undefined) return;
        this.#transition(actor, turn, (records) => {
          const journal = journalFor(execution, turn.nowMs, records);
          if (execution.begun) advance(execution, journal);
          else begin(execution, journal);
        });
        return;
      }
      case 'woken':
        this.#wake(message.woken, turn);
        return;
      case 'position':
        if (message.inputSequence > this.inputSequence) this.inputSequence = message.inputSequence;
        return;
      case 'query':
      case 'later':
        turn.effects.push(message.run);
        return;
      case 'release':
      case 'adopt':
        throw new Defect(`lane ${this.#host.number}: slots move in frames of their own`);
    }
  }

  #operate(message: Extract<Message, { kind: 'operate' }>, turn: Turn): void {
    const { organisation, execution: id, act, operator, answer, refused } = message;
    if (this.#isElsewhere(id, undefined, () => answer('elsewhere'))) return;
    const actor = this.actors.get(id);
    if (actor === undefined && this.sleepers.has(id)) {
      this.sleepers.park(id, message);
      return;
    }
    const isWritten = this.#frame.format >= RECORD_FORMATS.operated;
    if (!isWritten && act !== 'cancel') {
      turn.effects.push(() => refused('format-not-agreed', `Not all orchestrators are of a release that can ${act} executions yet`));
      return;
    }
    const found = actor !== undefined && actor.execution.organisation === organisation;
    if (found) this.#transition(actor, turn, (records) => {
        const journal = journalFor(actor.execution, turn.nowMs, records);
        if (isWritten) operate(actor.execution, act, operator, journal);
        else cancel(actor.execution, journal);
      });
    turn.effects.push(() => answer(found ? 'found' : 'unknown'));
  }

  #actOnApproval(message: Extract<Message, { kind: 'approval' }>, turn: Turn): void {
    const { organisation, execution: id, act, operator, order, answer, refused } = message;
    if (this.#isElsewhere(id, undefined, () => answer('elsewhere'))) return;
    const actor = this.actors.get(id);
    if (actor === undefined && this.sleepers.has(id)) {
      this.sleepers.park(id, message);
      return;
    }
    if (actor === undefined || actor.execution.organisation !== organisation) {
      turn.effects.push(() => answer('unknown'));
      return;
    }
    const choice = chooseApproval(actor.execution, order);
    if (choice.kind === 'refused') {
      turn.effects.push(() => refused(choice.reason, choice.message));
      return;
    }
    this.#transition(actor, turn, (records) => void decideApproval(actor.execution, act, operator, choice.activation, order.to, journalFor(actor.execution, turn.nowMs, records)));
    turn.effects.push(() => answer('found'));
  }

  #hear(organisation: string, event: CloudEvent, turn: Turn): void {
    for (const id of this.listeners.of(organisation)) {
      const actor = this.actors.get(id);
      if (actor === undefined || !isListening(actor.execution)) this.listeners.forget(organisation, id);
      else this.#transition(actor, turn, (records) => void hear(actor.execution, event, journalFor(actor.execution, turn.nowMs, records)));
    }
  }

  #due(id: string, number: number, turn: Turn): void {
    const actor = this.actors.get(id);
    const dueMs = actor?.execution.activations.get(number)?.dueMs;
    if (actor === undefined || dueMs === undefined) return;
    // The clock went back since the timer ran out.
    if (dueMs > turn.nowMs) turn.effects.push(() => this.timers.wait(dueMs, id, number));
    else this.#transition(actor, turn, (records) => void elapse(actor.execution, number, journalFor(actor.execution, turn.nowMs, records)));
  }

  #start(message: StartMessage, turn: Turn): void {
    const { watcher, execution: id, program } = message;
    if (this.#isElsewhere(id, message.origin, () => watcher?.refused('lane-displaced', `Execution ${id} is not of lane ${this.#host.number}`))) return;
    const known = this.#knownStart(message);
    if (known !== undefined) {
      turn.effects.push(() => answerAgain(message, known, (execution, told) => this.#attach(execution, told), this.#ports, this.#logger));
      return;
    }
    if (this.sleepers.has(id)) {
      this.sleepers.park(id, message);
      return;
    }
    // What came durably through `in.<lane>` was accepted elsewhere; its reader pauses instead.
    const refusal = message.acceptedBy === 'gateway' ? this.refusesStarts() : undefined;
    if (refusal !== undefined) {
      turn.effects.push(() => watcher?.refused('log-budget-exceeded', refusal));
      return;
    }
    const newer = formatRefusal(program, this.#frame.format);
    if (newer !== undefined && message.acceptedBy === 'gateway') {
      turn.effects.push(() => watcher?.refused('format-not-agreed', newer));
      return;
    }
    const fault = message.fault ?? newer;
    const record: Extract<JournalRecord, { kind: 'started' }> = {
      kind: 'started',
      definition: program.hash,
      workflow: program.name,
      version: program.version,
      input: message.input,
      acceptedAtMs: message.acceptedAtMs,
      acceptedBy: message.acceptedBy,
      ...(message.key === undefined ? {} : { key: message.key }),
      ...(message.traceparent === undefined ? {} : { traceparent: message.traceparent }),
      ...(message.replyTo === undefined ? {} : { replyTo: message.replyTo }),
      ...message.rerun,
    };
    const actor = createActor(start(message.organisation, id, program, record));
    this.actors.set(id, actor);
    this.#host.counts.started++;
    if (watcher !== undefined) {
      turn.effects.push(() => {
        watcher.accepted(id, false);
        // In front of the end's own effect: the actor is still there.
        if (watcher.waits) actor.watchers.push(watcher);
      });
    }
    this.#transition(actor, turn, (records) => {
      records.push(record);
      const journal = journalFor(actor.execution, turn.nowMs, records);
      if (fault !== undefined) journal.emit({ kind: 'ended', status: 'faulted', error: { ...PROBLEM_TYPES.configuration, detail: fault, instance: '/' } });
      else if (this.#ports.tryBegin(this.#host.number, message.organisation, id)) {
        if (this.#coreTime.waitMs(message.organisation) === 0) begin(actor.execution, journal);
        else turn.effects.push(() => this.#askTurn(actor));
      }
    });
  }

  /** What is known of an execution with the id of a start; undefined when it is new. */
  #knownStart({ execution: id, input }: StartMessage): KnownStart | undefined {
    const actor = this.actors.get(id);
    if (actor !== undefined) return { isSame: isSameInput(actor.execution.rawInput, input), replyTo: actor.execution.replyTo };
    return this.ended.knownStart(id, input);
  }

  /** Runs one decision and turns its records into journal text and effects. */
  #transition(actor: Actor, turn: Turn, decide: (records: JournalRecord[]) => void): void {
    const { execution } = actor;
    const { nowMs } = turn;
    const sinceMs = (++this.#decisions & (MEASURE_EVERY - 1)) === 0 ? this.#clock.monotonicMs() : undefined;
    const leftBy = watchChildren(execution);
    const records = tellingOfTasks(this.#ports.announceTask, execution, this.#host.number, turn, () => writeTransition({ actor, frame: this.#frame, nowMs, logger: this.#logger, decide }));
    const { cost, organisation } = execution;
    if (cost.fuel >= HEAVY_FUEL) this.#coreTime.note(organisation, cost.fuel);
    cost.fuel = 0;
    if (sinceMs !== undefined) this.#ports.spent?.(organisation, (this.#clock.monotonicMs() - sinceMs) * 1_000);
    if (records === undefined) return;
    this.heat[actor.slot] = (this.heat[actor.slot] ?? 0) + 1;
    turn.touched.push(actor);
    const left = leftBy?.(records) ?? [];
    if (left.length > 0) {
      this.leaving.note(execution.id, left.length);
      turn.effects.push((sequence) => left.forEach((activation) => this.leaving.leave({ execution, activation, sequence }, false)));
    }
    for (const record of records) this.#effectsOf(record, actor, turn);
    if (records.some((record) => record.kind === 'entered' && execution.program.nodes[record.node]?.kind === 'listen')) this.listeners.note(execution);
    // One turn is asked for at a time: an execution with many branches gets no more turns than one with few (E6).
    if (execution.end === undefined && execution.paused === undefined && execution.begun && execution.ready.length > 0 && !actor.hasTurn) {
      actor.hasTurn = true;
      turn.effects.push(() => this.#askTurn(actor));
    }
    if (this.#observers.size > 0) {
      turn.effects.push(() => {
        for (const observer of this.#observers) observer(execution, nowMs, records);
      });
    }
  }

  #effectsOf(record: JournalRecord, actor: Actor, turn: Turn): void {
    const { execution } = actor;
    const { nowMs } = turn;
    if (isTold(record)) {
      turn.effects.push((sequence) => {
        this.#ports.announce(lifecycleEvent(record, execution.program, { lane: this.#host.number, sequence, atMs: nowMs, organisation: execution.organisation, execution: execution.id }));
        if (record.kind === 'ended') this.#finish(actor, nowMs);
        else if (record.kind === 'operated' && record.act === 'resume') this.#goOn(execution, nowMs);
      });
      return;
    }
    if (record.kind === 'cut' || record.kind === 'expired') turn.effects.push(this.#ports.abandon(execution));
    if (record.kind === 'entered' && record.arguments !== undefined) {
      turn.effects.push(() => {
        const activation = execution.activations.get(record.activation);
        if (activation?.arguments !== undefined && activation.attempt === record.attempt) this.#ports.schedule({ lane: this.#host.number, epoch: this.#host.epoch, execution, activation, readyAtMs: nowMs });
      });
    }
    const dueMs = mayWait(record) ? execution.activations.get(record.activation)?.dueMs : undefined;
    if (dueMs !== undefined && mayWait(record)) turn.effects.push(() => this.timers.wait(dueMs, execution.id, record.activation));
  }

  /** After a pause: steps that had no worker yet are wanted again, and one that has not begun may. */
  #goOn(execution: Execution, resumedAtMs: number): void {
    if (execution.end !== undefined || execution.paused !== undefined) return;
    for (const activation of execution.activations.values()) {
      // What the resume itself has entered is scheduled for that.
      if (activation.arguments !== undefined && activation.enteredAtMs < resumedAtMs) this.#ports.schedule({ lane: this.#host.number, epoch: this.#host.epoch, execution, activation, readyAtMs: this.#clock.wallMs() });
    }
    if (!execution.begun && this.#ports.tryBegin(this.#host.number, execution.organisation, execution.id)) this.#host.post({ kind: 'go', execution: execution.id });
  }

  /** Asks for an execution's next turn: at once, unless its organisation has taken too much of the lane's time. */
  #askTurn({ execution: { id, organisation }, journal }: Actor): void {
    const waitMs = Math.max(this.#coreTime.waitMs(organisation), journal.size < JOURNAL_BYTES_MAX ? 0 : JOURNAL_WAIT_MS);
    if (waitMs === 0) this.#host.post({ kind: 'go', execution: id });
    else this.#clock.after(waitMs, () => this.#host.post({ kind: 'go', execution: id }));
  }

  #finish(actor: Actor, atMs: number): void {
    const { execution } = actor;
    const finished = finishedOf(actor);
    if (finished === undefined) return;
    this.actors.delete(execution.id);
    this.upkeep.drop(actor);
    this.ended.note(finished, atMs);
    this.#host.counts.ended++;
    this.#ports.abandon(execution)();
    for (const watcher of actor.watchers) watcher.ended(execution.id, finished.end);
    actor.watchers = [];
    if (execution.replyTo !== undefined) this.#ports.reply(execution.replyTo, replyOf(execution.id, finished.end));
    this.ended.toHistory(finished);
  }

  #attach(id: string, watcher: Watcher): void {
    const actor = this.actors.get(id);
    if (actor !== undefined) actor.watchers.push(watcher);
    else if (this.sleepers.has(id)) this.sleepers.watch(id, watcher);
    else this.ended.tell(id, watcher);
  }

  /** Between two frames: the checkpoint has all of the actor, and its timers are far away (Z1). */
  #rest(actor: Actor): void {
    const { id, activations } = actor.execution;
    if (this.actors.get(id) !== actor || !this.sleepers.mayRest(actor)) return;
    this.actors.delete(id);
    this.sleepers.rest(actor);
    let timers = 0;
    for (const activation of activations.values()) if (activation.dueMs !== undefined) timers++;
    this.timers.gone(timers);
  }

  /** Sleepers that have been read are in memory from here on, and what waited for them is taken, in order (Z3). */
  #wake({ ids, found }: Woken, turn: Turn): void {
    this.sleepers.taken(ids);
    for (const id of ids) {
      // Read twice: for its timer, and for somebody.
      if (!this.sleepers.has(id)) continue;
      const { messages, watchers } = this.sleepers.leave(id);
      const stored = found.get(id);
      if (stored?.kind === 'running') {
        const actor = actorOfCheckpoint(stored.checkpoint, stored.program, this.#host.number);
        actor.watchers = [...watchers];
        this.actors.set(id, actor);
        this.listeners.note(actor.execution);
        for (const { number, dueMs } of actor.execution.activations.values()) if (dueMs !== undefined) this.timers.wait(dueMs, id, number);
        this.upkeep.woken(actor);
      } else {
        if (stored === undefined) this.#logger.error('A sleeping execution is neither among the checkpoints nor in the history', { lane: this.#host.number, execution: id });
        else this.ended.memory.recall(id, stored.digest, turn.nowMs);
        turn.effects.push(() => {
          for (const watcher of watchers) watcher.refused('execution-unknown', `Execution ${id} is not in the memory of lane ${this.#host.number}`);
        });
      }
      for (const message of messages) this.process(message, turn);
    }
  }

  refuse({ messages, watchers }: Waited, because: string): void {
    for (const message of messages) refuse(message, 'lane-displaced', because);
    for (const watcher of watchers) watcher.refused('lane-displaced', because);
  }

  /** Whether a message about an execution is not for this lane; who waits is told, and an input sent on. */
  #isElsewhere(execution: string, origin: InputOrigin | undefined, tell: () => void): boolean {
    const slot = slotOf(execution);
    if (this.slots.owns(slot)) return false;
    if (origin === undefined) tell();
    else this.sendOn.add(this.slots.releasedTo(slot) ?? this.#ports.laneOf(slot), origin);
    return true;
  }

  /** One that had ended before it came here. */
  takeFinished(finished: Finished): void {
    this.ended.note(finished);
    this.ended.toHistory(finished);
  }

  /** The lane ends; whoever waits is told. */
  close(reason: string, because: string): void {
    this.sendOn.close();
    this.ended.backlog.close();
    this.timers.stop();
    this.refuse(this.sleepers.close(), because);
    for (const actor of this.actors.values()) for (const watcher of actor.watchers) watcher.refused(reason, because);
  }
}
