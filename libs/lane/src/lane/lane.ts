/**
 * The owner of one lane: mailbox, commit cycle, effects.
 *
 * Owns the executions of its slots while its epoch lasts. Does not own how it got the lane (take-lane.ts),
 * what carries effects out (ports.ts), nor checkpoints and truncation (lane-upkeep.ts).
 *
 * - E1 Effects are collected while a frame is filled and performed once it is durable.
 * - E2 Every frame carries the epoch and the expectation; a displaced owner stops here.
 * - E4 E5 The core decides; this file adds nothing to the journal.
 * - E6 What one execution cannot do ends that execution and never the lane (transition.ts).
 * - E9 What a former owner may not have carried out is carried out again: steps, timers, events, replies.
 * - Slots leave and come with frames of their own (`released`, `adopted`): before the one the lane acts for them, after
 *   it nothing here knows of them. What the log says of a slot is what counts, not the table (slot-ownership.ts).
 * - An input for a slot that has left is sent on, and its position becomes durable only after that.
 * - While a frame is being appended messages wait, so state and log agree whenever an effect runs.
 * - Whoever waits is told: what was taken from the mailbox and is not durable when the lane ends is refused.
 */
import type { Cancel, Clock } from '@millrace/clock';
import { advance, begin, cancel, elapse, hear, isListening, journalFor, resolve, start, FRAME_CHARACTERS_MAX, MOVES_FORMAT, PROBLEM_TYPES, type CloudEvent, type Execution, type FrameHead, type JournalRecord, type ReleasedSlots } from '@millrace/engine';
import { Defect, MillraceError } from '@millrace/errors';
import { SLOT_COUNT, slotOf } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import { actorOfCheckpoint, createActor, finishedOf, replyOf, type Actor, type Finished, type Watcher } from './actor.ts';
import { CoreTime, HEAVY_FUEL } from './core-time.ts';
import { formatRefusal } from './format-needed.ts';
import { FrameBytes } from './frame-bytes.ts';
import { createBacklog, type Backlog } from './backlog.ts';
import type { LaneLog } from './lane-log.ts';
import { createListeners } from './listeners.ts';
import { createLaneTimers, type LaneTimers } from './lane-timers.ts';
import { createLaneUpkeep, type LaneUpkeep } from './lane-upkeep.ts';
import { isTold, lifecycleEvent } from './lifecycle.ts';
import type { InputOrigin, Message, StartMessage } from './message.ts';
import { encodeMoved, finishedAt, placeAt } from './moved-state.ts';
import type { LanePorts } from './ports.ts';
import { answerAgain, type KnownStart } from './repeated-start.ts';
import type { SlotOwnership } from './slot-ownership.ts';
import { createSendOn, type SendOn } from './send-on.ts';
import { createSleepers, type Sleepers, type Waited, type Woken } from './sleepers.ts';
import { isSameInput, type StartMemory } from './start-memory.ts';
import type { TakenLane } from './take-lane.ts';
import { writeTransition } from './transition.ts';

/** Messages one frame takes at most. */
const MESSAGES_PER_FRAME_MAX = 4_096;
/** How long a frame is filled at most, in milliseconds; then the next turn of the event loop is due. */
const FILL_MS_MAX = 25;
/** Of so many decisions one is timed; a power of two. */
const MEASURE_EVERY = 4;
/** How often checkpoints and truncation are looked at, in milliseconds. */
const UPKEEP_MS = 1_000;
/** How long a stopping lane waits for the frame in hand, in milliseconds; its fate is then the next owner's to find out. */
const STOP_MS_MAX = 1_000;

/** Before slots are given away, when ended executions have to be read from the log for history first, in milliseconds. */
const RELEASE_RETRY_MS = 1_000;

/** Why a lane ended. */
export type LaneEnd = { readonly kind: 'stopped' } | { readonly kind: 'displaced' } | { readonly kind: 'failed'; readonly error: unknown };

/** Counts for metrics; they only grow. */
export interface LaneCounts {
  frames: number;
  messages: number;
  steps: number;
  started: number;
  ended: number;
  framedBytes: number;
}

export interface LaneOptions {
  readonly number: number;
  readonly epoch: number;
  readonly log: LaneLog;
  readonly ports: LanePorts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What taking the lane has found. */
  readonly taken: TakenLane;
}

type Effect = (sequence: number) => void;

export class Lane {
  readonly number: number;
  readonly epoch: number;
  readonly counts: LaneCounts = { frames: 0, messages: 0, steps: 0, started: 0, ended: 0, framedBytes: 0 };
  /** Settles when the lane has ended, for whatever reason. */
  readonly ended: Promise<LaneEnd>;
  readonly actors = new Map<string, Actor>();
  readonly finished = new Map<string, Finished>();
  readonly memory: StartMemory;
  readonly slots: SlotOwnership;
  /** Decisions made for each slot; they only grow. */
  readonly heat = new Uint32Array(SLOT_COUNT);
  readonly #sendOn: SendOn;
  readonly #log: LaneLog;
  readonly #ports: LanePorts;
  readonly #clock: Clock;
  #decisions = 0;
  readonly #logger: Logger;
  readonly #frame: FrameBytes;
  readonly #coreTime: CoreTime;
  readonly #timers: LaneTimers;
  readonly #upkeep: LaneUpkeep;
  readonly #sleepers: Sleepers;
  readonly #backlog: Backlog;
  readonly #endUpkeep: Cancel;
  #mailbox: Message[] = [];
  /** What the frame in hand was made from. */
  #inHand: readonly Message[] = [];
  #running = false;
  #stopping = false;
  #closed = false;
  /** The last input that has gone through the mailbox, and the last that a durable frame holds. */
  #inputSequence: number;
  #durableInputSequence: number;
  #lastSequence: number;
  #end: (end: LaneEnd) => void = () => undefined;
  readonly #observers = new Set<TransitionObserver>();
  readonly #listeners = createListeners();

  constructor({ number, epoch, log, ports, clock, logger, taken }: LaneOptions) {
    this.number = number;
    this.epoch = epoch;
    this.#frame = new FrameBytes(epoch, `${number}.${epoch}`);
    this.#log = log;
    this.#ports = ports;
    this.#clock = clock;
    this.#coreTime = new CoreTime(clock);
    this.#logger = logger;
    this.#inputSequence = taken.inputSequence;
    this.#durableInputSequence = taken.inputSequence;
    this.#lastSequence = taken.lastSequence;
    this.memory = taken.memory;
    this.slots = taken.slots;
    this.#sendOn = createSendOn({ lane: number, clock, logger, forward: (to, inputs, id) => ports.forward(to, inputs, id), sent: () => this.post({ kind: 'query', run: () => undefined }) });
    this.ended = new Promise((settle) => {
      this.#end = settle;
    });
    this.#timers = createLaneTimers(clock, (execution, activation) => this.post({ kind: 'due', execution, activation }), (execution) => this.actors.has(execution));
    const maintain = (): void => this.post({ kind: 'query', run: () => this.#maintain() });
    this.#upkeep = createLaneUpkeep({
      number,
      epoch,
      log,
      ports,
      logger,
      finished: this.finished,
      slots: this.slots,
      announcedBelow: taken.announcedBelow,
      durable: () => ({ sequence: this.#lastSequence, inputSequence: this.#durableInputSequence }),
      again: maintain,
      backlogLowWater: () => this.#backlog.lowWater(),
      rest: (actor) => this.#rest(actor),
    });
    this.#backlog = createBacklog({
      log,
      table: taken.backlog,
      ports,
      clock,
      logger,
      lastSequence: () => this.#lastSequence,
      handOver: (finished) => {
        this.finished.set(finished.id, finished);
        this.#handToHistory(finished);
      },
    });
    this.#sleepers = createSleepers({
      lane: number,
      slots: () => this.slots.slots(),
      asleep: taken.asleep,
      store: ports.sleepers,
      clock,
      logger,
      woken: (woken) => this.post({ kind: 'woken', woken }),
      refuse: (message) => refuse(message, 'store-failed', 'The execution sleeps, and the database that has it does not answer; try again'),
    });
    this.#endUpkeep = clock.every(UPKEEP_MS, maintain);
    this.#resume(taken);
  }

  /** The last sequence of `in.<lane>` that has gone through the mailbox. */
  get inputSequence(): number {
    return this.#inputSequence;
  }

  get waiting(): number {
    return this.#mailbox.length + this.#sendOn.waiting;
  }

  /** Frames below it are forgotten, or may be at any moment. */
  get truncatedBelow(): number {
    return this.#upkeep.truncatedBelow;
  }

  /** Between two frames. */
  #maintain(): void {
    this.#upkeep.run(this.#clock.wallMs());
    this.#backlog.run();
  }

  /** Whether a start of that id would be a repeated one. */
  knows(id: string): boolean {
    return this.actors.has(id) || this.finished.has(id) || this.memory.has(id) || this.#sleepers.has(id) || this.#backlog.has(id);
  }

  /** Ended executions of which the log alone has the journal, until history can take it. */
  get backlog(): number {
    return this.#backlog.size;
  }

  /** One of them, read from the log; undefined when it is none. */
  readBacklog(id: string): Promise<Finished | undefined> {
    return this.#backlog.read(id);
  }

  /** Whether the execution is out of memory, with all of it in its checkpoint (E8). */
  sleeps(id: string): boolean {
    return this.#sleepers.has(id);
  }

  /** Executions that sleep. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Settles once the execution is in memory, if it slept: what is posted then need not wait for it. */
  awake(id: string): Promise<void> {
    return this.#sleepers.awake(id);
  }

  /** Why the lane takes no new starts at the moment, if it takes none. */
  refusesStarts(): string | undefined {
    return this.#upkeep.overBudget() ?? this.#ports.startsRefusedBecause();
  }

  /** Takes a message; refused ones (those to a lane that ends) are told so. */
  post(message: Message): void {
    if (this.#closed || this.#stopping) {
      refuse(message, ...this.#left());
      return;
    }
    this.#mailbox.push(message);
    if (!this.#running) {
      this.#running = true;
      this.#clock.soon(() => void this.#cycle());
    }
  }

  /** Finishes the frame in hand if that is soon done, stops, and refuses what waits. Takes STOP_MS_MAX at most. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.#running) this.#close({ kind: 'stopped' });
    const punctual = this.#clock.after(STOP_MS_MAX, () => this.#close({ kind: 'stopped' }));
    await this.ended;
    punctual();
  }

  /** Told of every transition once it is durable; returns the function that ends it. */
  observe(observer: TransitionObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** What the log said goes on: events and replies are made again, steps dispatched, timers armed, ready work resumed. */
  #resume({ actors, finished: cameEnded, events }: TakenLane): void {
    for (const actor of actors.values()) {
      const finished = finishedOf(actor);
      if (finished === undefined) {
        this.actors.set(actor.execution.id, actor);
        this.#listeners.note(actor.execution);
        this.#upkeep.adopt(actor);
      } else {
        this.finished.set(finished.id, finished);
        if (finished.key !== undefined) this.memory.remember(finished.id, finished.input, finished.endedAtMs);
      }
    }
    for (const each of cameEnded) {
      this.finished.set(each.id, each);
      if (each.key !== undefined) this.memory.remember(each.id, each.input, each.endedAtMs);
    }
    for (const event of events) {
      this.#ports.announce(event);
      const finished = event.kind === 'started' ? undefined : this.finished.get(event.execution);
      if (finished?.replyTo !== undefined) this.#ports.reply(finished.replyTo, replyOf(finished.id, finished.end));
    }
    for (const { execution } of this.actors.values()) this.#resumeExecution(execution);
    for (const finished of this.finished.values()) this.#handToHistory(finished);
  }

  #resumeExecution(execution: Execution): void {
    for (const activation of execution.activations.values()) {
      if (activation.arguments !== undefined) this.#ports.schedule({ lane: this.number, epoch: this.epoch, execution, activation, readyAtMs: this.#clock.wallMs() });
      if (activation.dueMs !== undefined) this.#timers.wait(activation.dueMs, execution.id, activation.number);
    }
    const mayGo = execution.begun ? execution.ready.length > 0 : this.#ports.tryBegin(this.number, execution.organisation, execution.id);
    if (mayGo) this.post({ kind: 'go', execution: execution.id });
  }

  async #cycle(): Promise<void> {
    try {
      while (this.#mailbox.length > 0 && !this.#stopping) await this.#commit();
      this.#running = false;
      if (this.#stopping) this.#close({ kind: 'stopped' });
    } catch (error) {
      if (error instanceof MillraceError && error.reason === 'lane-displaced') this.#close({ kind: 'displaced' });
      else if (this.#stopping) this.#close({ kind: 'stopped' });
      else this.#close({ kind: 'failed', error });
    }
  }

  async #commit(): Promise<void> {
    const nowMs = this.#clock.wallMs();
    const [first] = this.#mailbox;
    if (first?.kind === 'release' || first?.kind === 'adopt') {
      this.#mailbox = this.#mailbox.slice(1);
      await (first.kind === 'release' ? this.#release(first) : this.#adopt(first, nowMs));
      return;
    }
    const turn: Turn = { nowMs, effects: [], touched: [] };
    this.#frame.begin(this.#ports.format());
    this.#fill(turn);
    if (!this.#frame.isEmpty || this.#positionToFrame() !== this.#durableInputSequence) {
      const sequence = await this.#append();
      if (sequence === undefined) return;
      for (const actor of turn.touched) this.#upkeep.touch(actor, sequence, nowMs);
    }
    this.#inHand = [];
    for (const effect of turn.effects) effect(this.#lastSequence);
  }

  /** The position up to which inputs are in the log, or with another lane. */
  #positionToFrame(): number {
    return Math.max(Math.min(this.#inputSequence, this.#sendOn.firstOpen() - 1), this.#durableInputSequence);
  }

  /** Appends the frame in hand; undefined when the lane was given up meanwhile: the frame is in the log, and its effects are the next owner's. */
  async #append(moved: Pick<FrameHead, 'released' | 'adopted'> = {}): Promise<number | undefined> {
    const inputSequence = this.#positionToFrame();
    const { bytes, large } = this.#frame.finish({ lane: this.number, inputSequence, announcedBelow: this.#upkeep.announcedBelow, ...moved });
    if (large.length > 0) await this.#ports.storePayloads(large);
    const sequence = await this.#log.append(bytes, this.epoch);
    if (!this.#ports.leaseHolds()) await this.#regainLease();
    if (this.#closed) return undefined;
    this.#lastSequence = sequence;
    this.#durableInputSequence = inputSequence;
    this.counts.frames++;
    this.counts.framedBytes += bytes.length;
    return sequence;
  }

  /** Appends a frame that says that slots have moved. */
  #appendMove(moved: Pick<FrameHead, 'released' | 'adopted'>): Promise<number | undefined> {
    this.#frame.begin(Math.max(this.#ports.format(), MOVES_FORMAT));
    return this.#append(moved);
  }

  /** Gives slots away: what is known of them goes to the bucket, the frame says so, and then nothing of them is here. */
  async #release({ id, move, done }: Extract<Message, { kind: 'release' }>): Promise<void> {
    const before = this.slots.released(id);
    // What stands in this log alone cannot go with its slots.
    if (before === undefined && this.#backlog.size > 0) {
      this.#clock.after(RELEASE_RETRY_MS, () => this.post({ kind: 'release', id, move, done }));
      return;
    }
    const leaving = new Set(move.slots.filter((slot) => this.slots.owns(slot)));
    if (before !== undefined || leaving.size === 0) {
      done(before);
      return;
    }
    const isLeaving = (execution: string): boolean => leaving.has(slotOf(execution));
    const actors = [...this.actors.values()].filter(({ slot }) => leaving.has(slot));
    const finished = [...this.finished.values()].filter((each) => isLeaving(each.id));
    const asleep = this.#sleepers.packed((slot) => leaving.has(slot));
    const texts = encodeMoved({ actors, finished, asleep, starts: this.memory.listed(isLeaving), partial: this.memory.partial });
    // Of this owner alone: one that is displaced meanwhile overwrites nothing that the log names.
    const objects = texts.map((text, index) => ({ name: `move.${id}.${this.number}.${this.epoch}.${index}`, text }));
    if (objects.length > 0) await this.#ports.storePayloads(objects);
    const marker: ReleasedSlots = { move: id, slots: [...leaving], objects: objects.map(({ name }) => name), to: move.to };
    const sequence = await this.#appendMove({ released: marker });
    if (sequence === undefined) return;
    this.slots.release(marker, sequence);
    for (const actor of actors) {
      this.actors.delete(actor.execution.id);
      this.#upkeep.letGo(actor);
    }
    for (const each of finished) this.finished.delete(each.id);
    this.#refuse(this.#sleepers.forgetSlots((slot) => leaving.has(slot)), `The slot of the execution goes to lane ${move.to}`);
    this.memory.letGo(isLeaving);
    this.#ports.letGo(this.number, actors.map(({ execution }) => execution));
    for (const actor of actors) for (const watcher of actor.watchers) watcher.refused('lane-displaced', `The slot of execution ${actor.execution.id} goes to lane ${move.to}`);
    done(marker);
  }

  /** Takes slots over: from this frame on the lane acts for what came with them. */
  async #adopt({ marker, state, done }: Extract<Message, { kind: 'adopt' }>, nowMs: number): Promise<void> {
    if (this.slots.adopted(marker.move) === undefined) {
      const sequence = await this.#appendMove({ adopted: marker });
      if (sequence === undefined) return;
      this.slots.adopt(marker, sequence);
      for (const { id, digest, endedAtMs } of state.starts) this.memory.recall(id, digest, endedAtMs);
      if (state.partial) this.memory.markPartial();
      for (const actor of state.actors) {
        placeAt(actor, sequence, nowMs);
        this.actors.set(actor.execution.id, actor);
        this.#listeners.note(actor.execution);
        this.#upkeep.adopt(actor);
      }
      for (const each of state.finished) this.#takeFinished(finishedAt(each, sequence));
      this.#sleepers.gain(state.asleep);
      for (const { execution } of state.actors) this.#resumeExecution(execution);
    }
    done();
  }

  /** One that had ended before it came here. */
  #takeFinished(finished: Finished): void {
    this.finished.set(finished.id, finished);
    if (finished.key !== undefined) this.memory.remember(finished.id, finished.input, finished.endedAtMs);
    this.#handToHistory(finished);
  }

  /** Whether a message about an execution is not for this lane; who waits is told, and an input sent on. */
  #isElsewhere(execution: string, origin: InputOrigin | undefined, tell: () => void): boolean {
    const slot = slotOf(execution);
    if (this.slots.owns(slot)) return false;
    if (origin === undefined) tell();
    else this.#sendOn.add(this.slots.releasedTo(slot) ?? this.#ports.laneOf(slot), origin);
    return true;
  }

  /** Takes messages until the frame is full, the time is up or none waits. */
  #fill(turn: Turn): void {
    const clock = this.#clock;
    const until = clock.monotonicMs() + FILL_MS_MAX;
    const messages = this.#mailbox;
    let taken = 0;
    while (taken < messages.length && taken < MESSAGES_PER_FRAME_MAX && this.#frame.length < FRAME_CHARACTERS_MAX) {
      const message = messages[taken] as Message;
      if (message.kind === 'release' || message.kind === 'adopt') break;
      this.#process(message, turn);
      taken++;
      if (clock.monotonicMs() > until) break;
    }
    const all = taken === messages.length;
    this.#mailbox = all ? [] : messages.slice(taken);
    this.#inHand = all ? messages : messages.slice(0, taken);
    this.counts.messages += taken;
  }

  /** Asks for an execution's next turn: at once, unless its organisation has taken too much of the lane's time. */
  #askTurn({ id, organisation }: Execution): void {
    const waitMs = this.#coreTime.waitMs(organisation);
    if (waitMs === 0) this.post({ kind: 'go', execution: id });
    else this.#clock.after(waitMs, () => this.post({ kind: 'go', execution: id }));
  }

  /**
   * The lease may have run out while the frame was under way: nothing is done until the end of the log is known
   * to be ours (E2). Whoever takes the lane after that look finds the frame below its fence, so what it caused is
   * true for both; a step may be dispatched by both, and its result counts once (E5).
   */
  async #regainLease(): Promise<void> {
    const tail = await this.#log.tail();
    if (tail.head !== undefined && tail.head.epoch > this.epoch) throw new MillraceError('lane-displaced', { details: { lane: this.number, epoch: this.epoch } });
  }

  #process(message: Message, turn: Turn): void {
    switch (message.kind) {
      case 'start':
        this.#start(message, turn);
        return;
      case 'attach': {
        const { execution, watcher } = message;
        if (this.#isElsewhere(execution, undefined, () => watcher.refused('lane-displaced', `Execution ${execution} is not of lane ${this.number}`))) return;
        turn.effects.push(() => this.#attach(execution, watcher));
        return;
      }
      case 'result': {
        const actor = this.actors.get(message.execution);
        if (actor !== undefined && actor.execution.end === undefined) {
          this.#transition(actor, turn, (records) => {
            if (resolve(actor.execution, message.result, journalFor(actor.execution, turn.nowMs, records))) this.counts.steps++;
          });
        } else if (actor === undefined && this.#isElsewhere(message.execution, undefined, () => message.moved?.())) return;
        turn.effects.push(message.durable);
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
        if (actor === undefined && this.#sleepers.has(message.execution)) {
          this.#sleepers.park(message.execution, message);
          return;
        }
        const found = actor !== undefined && actor.execution.organisation === message.organisation;
        if (found) this.#transition(actor, turn, (records) => void cancel(actor.execution, journalFor(actor.execution, turn.nowMs, records)));
        if (answer !== undefined) turn.effects.push(() => answer(found ? 'found' : 'unknown'));
        return;
      }
      case 'due':
        this.#due(message.execution, message.activation, turn);
        return;
      case 'go': {
        const actor = this.actors.get(message.execution);
        if (actor === undefined || actor.execution.end !== undefined) return;
        actor.hasTurn = false;
        const { execution } = actor;
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
        if (message.inputSequence > this.#inputSequence) this.#inputSequence = message.inputSequence;
        return;
      case 'query':
        turn.effects.push(message.run);
        return;
      case 'release':
      case 'adopt':
        throw new Defect(`lane ${this.number}: slots move in frames of their own`);
    }
  }

  #hear(organisation: string, event: CloudEvent, turn: Turn): void {
    for (const id of this.#listeners.of(organisation)) {
      const actor = this.actors.get(id);
      if (actor === undefined || !isListening(actor.execution)) this.#listeners.forget(organisation, id);
      else this.#transition(actor, turn, (records) => void hear(actor.execution, event, journalFor(actor.execution, turn.nowMs, records)));
    }
  }

  #due(id: string, number: number, turn: Turn): void {
    const actor = this.actors.get(id);
    const dueMs = actor?.execution.activations.get(number)?.dueMs;
    if (actor === undefined || dueMs === undefined) return;
    // The clock went back since the timer ran out.
    if (dueMs > turn.nowMs) turn.effects.push(() => this.#timers.wait(dueMs, id, number));
    else this.#transition(actor, turn, (records) => void elapse(actor.execution, number, journalFor(actor.execution, turn.nowMs, records)));
  }

  #start(message: StartMessage, turn: Turn): void {
    const { watcher, execution: id, program } = message;
    if (this.#isElsewhere(id, message.origin, () => watcher?.refused('lane-displaced', `Execution ${id} is not of lane ${this.number}`))) return;
    const known = this.#knownStart(message);
    if (known !== undefined) {
      turn.effects.push(() => answerAgain(message, known, (execution, told) => this.#attach(execution, told), this.#ports, this.#logger));
      return;
    }
    if (this.#sleepers.has(id)) {
      this.#sleepers.park(id, message);
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
    };
    const actor = createActor(start(message.organisation, id, program, record));
    this.actors.set(id, actor);
    this.counts.started++;
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
      else if (this.#ports.tryBegin(this.number, message.organisation, id)) {
        if (this.#coreTime.waitMs(message.organisation) === 0) begin(actor.execution, journal);
        else turn.effects.push(() => this.#askTurn(actor.execution));
      }
    });
  }

  /** What is known of an execution with the id of a start; undefined when it is new. */
  #knownStart({ execution: id, input }: StartMessage): KnownStart | undefined {
    const actor = this.actors.get(id);
    if (actor !== undefined) return { isSame: isSameInput(actor.execution.rawInput, input), replyTo: actor.execution.replyTo };
    const finished = this.finished.get(id);
    if (finished !== undefined) return { isSame: isSameInput(finished.input, input), replyTo: finished.replyTo };
    if (this.memory.has(id)) return { isSame: this.memory.matches(id, input), replyTo: undefined };
    // What it was started with stands in the log; a key that was forgotten so soon is taken at its word.
    return this.#backlog.has(id) ? { isSame: true, replyTo: undefined } : undefined;
  }

  /** Runs one decision and turns its records into journal text and effects. */
  #transition(actor: Actor, turn: Turn, decide: (records: JournalRecord[]) => void): void {
    const { execution } = actor;
    const sinceMs = (++this.#decisions & (MEASURE_EVERY - 1)) === 0 ? this.#clock.monotonicMs() : undefined;
    const records = writeTransition({ actor, frame: this.#frame, nowMs: turn.nowMs, logger: this.#logger, decide });
    const { cost, organisation } = execution;
    if (cost.fuel >= HEAVY_FUEL) this.#coreTime.note(organisation, cost.fuel);
    cost.fuel = 0;
    if (sinceMs !== undefined) this.#ports.spent?.(organisation, (this.#clock.monotonicMs() - sinceMs) * 1_000);
    if (records === undefined) return;
    this.heat[actor.slot] = (this.heat[actor.slot] ?? 0) + 1;
    turn.touched.push(actor);
    for (const record of records) this.#effectsOf(record, actor, turn);
    if (records.some((record) => record.kind === 'entered' && execution.program.nodes[record.node]?.kind === 'listen')) this.#listeners.note(execution);
    // One turn is asked for at a time: an execution with many branches gets no more turns than one with few (E6).
    if (execution.end === undefined && execution.begun && execution.ready.length > 0 && !actor.hasTurn) {
      actor.hasTurn = true;
      turn.effects.push(() => this.#askTurn(execution));
    }
    if (this.#observers.size > 0) {
      turn.effects.push(() => {
        for (const observer of this.#observers) observer(execution, turn.nowMs, records);
      });
    }
  }

  #effectsOf(record: JournalRecord, actor: Actor, turn: Turn): void {
    const { execution } = actor;
    if (isTold(record)) {
      turn.effects.push((sequence) => {
        this.#ports.announce(lifecycleEvent(record, execution.program, { lane: this.number, sequence, atMs: turn.nowMs, organisation: execution.organisation, execution: execution.id }));
        if (record.kind === 'ended') this.#finish(actor, turn.nowMs);
      });
      return;
    }
    if (record.kind === 'cut' || record.kind === 'expired') turn.effects.push(() => this.#ports.abandon(execution));
    if (record.kind === 'entered' && record.arguments !== undefined) {
      turn.effects.push(() => {
        const activation = execution.activations.get(record.activation);
        if (activation?.arguments !== undefined && activation.attempt === record.attempt) this.#ports.schedule({ lane: this.number, epoch: this.epoch, execution, activation, readyAtMs: turn.nowMs });
      });
    }
    const dueMs = mayWait(record) ? execution.activations.get(record.activation)?.dueMs : undefined;
    if (dueMs !== undefined && mayWait(record)) turn.effects.push(() => this.#timers.wait(dueMs, execution.id, record.activation));
  }

  #finish(actor: Actor, atMs: number): void {
    const { execution } = actor;
    const finished = finishedOf(actor);
    if (finished === undefined) return;
    this.actors.delete(execution.id);
    this.#upkeep.drop(actor);
    this.finished.set(execution.id, finished);
    this.counts.ended++;
    if (execution.key !== undefined) this.memory.remember(execution.id, finished.input, atMs);
    this.#ports.abandon(execution);
    for (const watcher of actor.watchers) watcher.ended(execution.id, finished.end);
    actor.watchers = [];
    if (execution.replyTo !== undefined) this.#ports.reply(execution.replyTo, replyOf(execution.id, finished.end));
    this.#handToHistory(finished);
  }

  #handToHistory(finished: Finished): void {
    if (this.#backlog.take(finished)) this.finished.delete(finished.id);
    else {
      this.#ports.finish(finished, (kept = []) => {
        this.finished.delete(finished.id);
        this.#upkeep.retire(this.#lastSequence, kept);
      });
    }
  }

  #attach(id: string, watcher: Watcher): void {
    const actor = this.actors.get(id);
    const ended = this.finished.get(id);
    if (actor !== undefined) actor.watchers.push(watcher);
    else if (ended !== undefined) watcher.ended(id, ended.end);
    else if (this.#sleepers.has(id)) this.#sleepers.watch(id, watcher);
    else if (this.#backlog.has(id)) void this.#tellFromLog(id, watcher);
    else watcher.refused('execution-unknown', `Lane ${this.number} has no execution ${id} in memory`);
  }

  async #tellFromLog(id: string, watcher: Watcher): Promise<void> {
    try {
      const finished = await this.#backlog.read(id);
      if (finished !== undefined) watcher.ended(id, finished.end);
      else watcher.refused('execution-unknown', `Lane ${this.number} has no execution ${id} in memory`);
    } catch (error) {
      const { reason, message } = MillraceError.from(error);
      watcher.refused(reason, message);
    }
  }

  /** Between two frames: the checkpoint has all of the actor, and its timers are far away (Z1). */
  #rest(actor: Actor): void {
    const { id, activations } = actor.execution;
    if (this.actors.get(id) !== actor || !this.#sleepers.mayRest(actor)) return;
    this.actors.delete(id);
    this.#sleepers.rest(actor);
    let timers = 0;
    for (const activation of activations.values()) if (activation.dueMs !== undefined) timers++;
    this.#timers.gone(timers);
  }

  /** Sleepers that have been read are in memory from here on, and what waited for them is taken, in order (Z3). */
  #wake({ ids, found }: Woken, turn: Turn): void {
    this.#sleepers.taken(ids.length);
    for (const id of ids) {
      // Read twice: for its timer, and for somebody.
      if (!this.#sleepers.has(id)) continue;
      const { messages, watchers } = this.#sleepers.leave(id);
      const stored = found.get(id);
      if (stored?.kind === 'running') {
        const actor = actorOfCheckpoint(stored.checkpoint, stored.program, this.number);
        actor.watchers = [...watchers];
        this.actors.set(id, actor);
        this.#listeners.note(actor.execution);
        for (const { number, dueMs } of actor.execution.activations.values()) if (dueMs !== undefined) this.#timers.wait(dueMs, id, number);
        this.#upkeep.woken(actor);
      } else {
        if (stored === undefined) this.#logger.error('A sleeping execution is neither among the checkpoints nor in the history', { lane: this.number, execution: id });
        else this.memory.recall(id, stored.digest, turn.nowMs);
        turn.effects.push(() => {
          for (const watcher of watchers) watcher.refused('execution-unknown', `Execution ${id} is not in the memory of lane ${this.number}`);
        });
      }
      for (const message of messages) this.#process(message, turn);
    }
  }

  #refuse({ messages, watchers }: Waited, because: string): void {
    for (const message of messages) refuse(message, 'lane-displaced', because);
    for (const watcher of watchers) watcher.refused('lane-displaced', because);
  }

  #left(): readonly [reason: string, message: string] {
    return ['lane-displaced', `Lane ${this.number} has left this orchestrator`];
  }

  #close(end: LaneEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endUpkeep();
    this.#sendOn.close();
    this.#backlog.close();
    this.#timers.stop();
    this.#refuse(this.#sleepers.close(), this.#left()[1]);
    for (const message of [...this.#inHand, ...this.#mailbox]) refuse(message, ...this.#left());
    this.#inHand = [];
    this.#mailbox = [];
    for (const actor of this.actors.values()) for (const watcher of actor.watchers) watcher.refused(...this.#left());
    this.#end(end);
  }
}

/** Records after which a timer of the task may run. */
function mayWait(record: JournalRecord): record is Extract<JournalRecord, { kind: 'entered' | 'retrying' | 'resumed' | 'caught' }> {
  return record.kind === 'entered' || record.kind === 'retrying' || record.kind === 'resumed' || record.kind === 'caught';
}

/** Sees the records of one transition, durable. */
export type TransitionObserver = (execution: Execution, atMs: number, records: readonly JournalRecord[]) => void;

interface Turn {
  readonly nowMs: number;
  readonly effects: Effect[];
  readonly touched: Actor[];
}

/** Whether the frame of a start that is refused here became durable is not known; its id makes another try the same start. */
function refuse(message: Message, reason: string, because: string): void {
  if ((message.kind === 'start' || message.kind === 'attach') && message.watcher !== undefined) message.watcher.refused(reason, because);
  if (message.kind === 'cancel') {
    if (message.refused === undefined) message.answer?.('elsewhere');
    else message.refused(reason, because);
  }
  if (message.kind === 'result') message.moved?.();
}
