/**
 * The owner of one lane: mailbox, commit cycle, effects.
 *
 * Owns the executions of its slots while its epoch lasts. Does not own how it got the lane (take-lane.ts)
 * nor what carries effects out (ports.ts).
 *
 * - E1 Effects are collected while a frame is filled and performed once it is durable.
 * - E2 Every frame carries the epoch and the expectation; a displaced owner stops here.
 * - E4 E5 The core decides; this file adds nothing to the journal.
 * - While a frame is being appended messages wait, so state and log agree whenever an effect runs.
 */
import { begin, advance, cancel, createFrameWriter, elapse, journalFor, resolve, start, statusOf, textOf, FRAME_CHARACTERS_MAX, PROBLEM_TYPES, type Execution, type ExecutionStatus, type JournalRecord } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import { createActor, type Actor, type End, type Finished, type Watcher } from './actor.ts';
import { createDueQueue } from './due-queue.ts';
import type { LaneLog } from './lane-log.ts';
import type { Message, StartMessage } from './message.ts';
import type { LanePorts } from './ports.ts';
import { createStartMemory, type StartMemory } from './start-memory.ts';

/** Messages one frame takes at most. */
const MESSAGES_PER_FRAME_MAX = 4_096;
/** How long a frame is filled at most, in milliseconds; then the next turn of the event loop is due. */
const FILL_MS_MAX = 25;
/** How often checkpoints and truncation are looked at, in milliseconds. */
const UPKEEP_MS = 1_000;
/** An execution is checkpointed once its changes are this old, in milliseconds. */
const CHECKPOINT_AGE_MS = 2_000;
/** Checkpoints written at once. */
const CHECKPOINTS_MAX = 1_000;
/** Timers taken from the queue at once. */
const DUE_MAX = 10_000;
/** Disk that the log of one lane may take before new starts are refused, in bytes; what runs goes on. */
const LOG_BYTES_MAX = 2 * 1024 ** 3;
/** Longest wait that one Node timer takes, in milliseconds. */
const TIMER_MS_MAX = 3_600_000;

/** Why a lane ended. */
export type LaneEnd = { readonly kind: 'stopped' } | { readonly kind: 'displaced' } | { readonly kind: 'failed'; readonly error: unknown };

/** Counts for metrics; they only grow. */
export interface LaneCounts {
  frames: number;
  messages: number;
  steps: number;
  started: number;
  ended: number;
  framedCharacters: number;
}

export interface LaneOptions {
  readonly number: number;
  readonly epoch: number;
  readonly instance: string;
  readonly log: LaneLog;
  readonly ports: LanePorts;
  readonly logger: Logger;
  readonly inputSequence: number;
  readonly memory?: StartMemory;
}

type Effect = (sequence: number) => void;

export class Lane {
  readonly number: number;
  readonly epoch: number;
  readonly counts: LaneCounts = { frames: 0, messages: 0, steps: 0, started: 0, ended: 0, framedCharacters: 0 };
  /** Settles when the lane has ended, for whatever reason. */
  readonly ended: Promise<LaneEnd>;
  readonly actors = new Map<string, Actor>();
  readonly finished = new Map<string, Finished>();
  readonly memory: StartMemory;
  readonly #log: LaneLog;
  readonly #ports: LanePorts;
  readonly #logger: Logger;
  readonly #due = createDueQueue();
  #mailbox: Message[] = [];
  #running = false;
  #stopping = false;
  #closed = false;
  #inputSequence: number;
  #truncatedInput = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Infinity;
  readonly #upkeep: NodeJS.Timeout;
  #logBytes = 0;
  #checkpointing = false;
  /** Actors whose checkpoint is on its way. */
  readonly #storing = new Set<Actor>();
  readonly #dirty = new Set<Actor>();
  #lastSequence = 0;
  #end: (end: LaneEnd) => void = () => undefined;
  readonly #observers = new Set<TransitionObserver>();

  constructor(options: LaneOptions) {
    this.number = options.number;
    this.epoch = options.epoch;
    this.#log = options.log;
    this.#ports = options.ports;
    this.#logger = options.logger;
    this.#inputSequence = options.inputSequence;
    this.memory = options.memory ?? createStartMemory();
    this.ended = new Promise((settle) => {
      this.#end = settle;
    });
    this.#upkeep = setInterval(() => this.post({ kind: 'query', run: () => this.#maintain() }), UPKEEP_MS);
  }

  /** The last sequence of `in.<lane>` that the log holds. */
  get inputSequence(): number {
    return this.#inputSequence;
  }

  get waiting(): number {
    return this.#mailbox.length;
  }

  /** Takes a message; refused ones (starts of a lane that ends) are told so. */
  post(message: Message): void {
    if (this.#closed || this.#stopping) {
      refuse(message, this.number);
      return;
    }
    this.#mailbox.push(message);
    if (!this.#running) {
      this.#running = true;
      setImmediate(() => void this.#cycle());
    }
  }

  /** What the log said at taking the lane goes on: steps are dispatched, timers armed, ready work resumed. */
  resume(lastSequence: number): void {
    this.#lastSequence = lastSequence;
    for (const actor of this.actors.values()) {
      const { execution } = actor;
      if (actor.firstDirtySequence > 0) this.#dirty.add(actor);
      for (const activation of execution.activations.values()) {
        if (activation.arguments !== undefined) this.#ports.schedule({ lane: this.number, epoch: this.epoch, execution, activation, readyAtMs: this.#ports.nowMs() });
        if (activation.dueMs !== undefined) this.#due.push({ dueMs: activation.dueMs, execution: execution.id, activation: activation.number });
      }
      if (!execution.begun) {
        if (this.#ports.tryBegin(this.number, execution.organisation, execution.id)) this.post({ kind: 'go', execution: execution.id });
      } else if (execution.ready.length > 0) this.post({ kind: 'go', execution: execution.id });
    }
    for (const finished of this.finished.values()) this.#handToHistory(finished);
    this.#arm();
  }

  /** Finishes the frame in hand, stops, and refuses what waits. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.#running) this.#close({ kind: 'stopped' });
    await this.ended;
  }

  status(id: string): ExecutionStatus | undefined {
    const actor = this.actors.get(id);
    return actor === undefined ? this.finished.get(id)?.end.status : statusOf(actor.execution);
  }

  /** Told of every transition once it is durable; returns the function that ends it. */
  observe(observer: TransitionObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
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
    const writer = createFrameWriter(this.epoch);
    const effects: Effect[] = [];
    const inputBefore = this.#inputSequence;
    const nowMs = this.#ports.nowMs();
    const until = performance.now() + FILL_MS_MAX;
    const turn: Turn = { nowMs, writer, effects, touched: [] };
    const messages = this.#mailbox;
    let taken = 0;
    while (taken < messages.length && taken < MESSAGES_PER_FRAME_MAX && writer.length < FRAME_CHARACTERS_MAX) {
      this.#process(messages[taken] as Message, turn);
      taken++;
      if ((taken & 63) === 0 && performance.now() > until) break;
    }
    this.#mailbox = taken === messages.length ? [] : messages.slice(taken);
    this.counts.messages += taken;
    let sequence = this.#lastSequence;
    if (!writer.isEmpty || this.#inputSequence !== inputBefore) {
      const { text, large } = writer.finish({ lane: this.number, epoch: this.epoch, inputSequence: this.#inputSequence });
      if (large.length > 0) await this.#ports.storePayloads(large);
      sequence = await this.#log.append(text, this.epoch);
      this.#lastSequence = sequence;
      this.counts.frames++;
      this.counts.framedCharacters += text.length;
      if (!this.#ports.leaseHolds()) await this.#regainLease();
      for (const actor of turn.touched) this.#touch(actor, sequence, nowMs);
    }
    for (const effect of effects) effect(sequence);
  }

  /** The lease may have run out while the frame was under way: nothing is done until the end of the log is known to be ours (E2). */
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
        turn.effects.push(() => this.#attach(execution, watcher));
        return;
      }
      case 'result': {
        const actor = this.actors.get(message.execution);
        if (actor !== undefined && actor.execution.end === undefined) {
          this.#transition(actor, turn, (records) => {
            if (resolve(actor.execution, message.result, journalFor(actor.execution, turn.nowMs, records))) this.counts.steps++;
          });
        }
        turn.effects.push(message.durable);
        return;
      }
      case 'cancel': {
        const actor = this.actors.get(message.execution);
        const found = actor !== undefined && actor.execution.organisation === message.organisation;
        if (found) this.#transition(actor, turn, (records) => void cancel(actor.execution, journalFor(actor.execution, turn.nowMs, records)));
        const { answer } = message;
        if (answer !== undefined) turn.effects.push(() => answer(found));
        return;
      }
      case 'due': {
        const actor = this.actors.get(message.execution);
        if (actor === undefined) return;
        this.#transition(actor, turn, (records) => void elapse(actor.execution, message.activation, journalFor(actor.execution, turn.nowMs, records)));
        return;
      }
      case 'go': {
        const actor = this.actors.get(message.execution);
        if (actor === undefined || actor.execution.end !== undefined) return;
        const { execution } = actor;
        this.#transition(actor, turn, (records) => {
          const journal = journalFor(execution, turn.nowMs, records);
          if (execution.begun) advance(execution, journal);
          else begin(execution, journal);
        });
        return;
      }
      case 'position':
        if (message.inputSequence > this.#inputSequence) this.#inputSequence = message.inputSequence;
        return;
      case 'query':
        turn.effects.push(message.run);
        return;
    }
  }

  #start(message: StartMessage, turn: Turn): void {
    const { watcher, execution: id } = message;
    const known = this.actors.get(id);
    const knownInput = known === undefined ? (this.finished.get(id)?.inputText ?? undefined) : textOf(known.execution.rawInput);
    const remembered = known === undefined && knownInput === undefined ? this.memory.has(id) : true;
    if (remembered) {
      const same = knownInput === undefined ? this.memory.matches(id, textOf(message.input)) : knownInput === textOf(message.input);
      turn.effects.push(() => {
        if (!same) watcher?.refused('idempotency-conflict', `The key of execution ${id} was used before with another input`);
        else {
          watcher?.accepted(id, true);
          if (watcher !== undefined && watcher.waits) this.#attach(id, watcher);
        }
      });
      return;
    }
    const refusal = message.acceptedBy === 'gateway' ? (this.#overBudget() ?? this.#ports.startsRefusedBecause()) : undefined;
    if (refusal !== undefined) {
      turn.effects.push(() => watcher?.refused('log-budget-exceeded', refusal));
      return;
    }
    const { program } = message;
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
    turn.effects.push((sequence) => {
      this.#ports.announce({ kind: 'started', lane: this.number, sequence, index: 0, atMs: turn.nowMs, execution: actor.execution });
      if (watcher !== undefined) {
        watcher.accepted(id, false);
        if (watcher.waits && actor.execution.end === undefined) actor.watchers.push(watcher);
        else if (watcher.waits) this.#attach(id, watcher);
      }
    });
    this.#transition(actor, turn, (records) => {
      records.push(record);
      const journal = journalFor(actor.execution, turn.nowMs, records);
      if (message.fault !== undefined) journal.emit({ kind: 'ended', status: 'faulted', error: { ...PROBLEM_TYPES.configuration, detail: message.fault, instance: '/' } });
      else if (this.#ports.tryBegin(this.number, message.organisation, id)) begin(actor.execution, journal);
    });
  }

  #overBudget(): string | undefined {
    if (this.#logBytes < LOG_BYTES_MAX) return undefined;
    return `The log of lane ${this.number} takes ${this.#logBytes} bytes of its ${LOG_BYTES_MAX}; starts are taken again once history has caught up`;
  }

  /** Runs one decision and turns its records into journal text and effects. */
  #transition(actor: Actor, turn: Turn, decide: (records: JournalRecord[]) => void): void {
    const { execution } = actor;
    const records: JournalRecord[] = [];
    decide(records);
    if (records.length === 0) return;
    const entry = turn.writer.add({ organisation: execution.organisation, execution: execution.id, atMs: turn.nowMs, records });
    actor.entries.push(entry);
    turn.touched.push(actor);
    for (const record of records) this.#effectsOf(record, actor, turn);
    if (execution.end === undefined && execution.begun && execution.ready.length > 0) turn.effects.push(() => this.post({ kind: 'go', execution: execution.id }));
    if (this.#observers.size > 0) {
      turn.effects.push(() => {
        for (const observer of this.#observers) observer(execution, turn.nowMs, records);
      });
    }
  }

  #effectsOf(record: JournalRecord, actor: Actor, turn: Turn): void {
    const { execution } = actor;
    switch (record.kind) {
      case 'entered': {
        if (record.arguments !== undefined) {
          turn.effects.push(() => {
            const activation = execution.activations.get(record.activation);
            if (activation?.arguments !== undefined && activation.attempt === record.attempt) this.#ports.schedule({ lane: this.number, epoch: this.epoch, execution, activation, readyAtMs: turn.nowMs });
          });
        }
        const { dueMs } = record;
        if (dueMs !== undefined) turn.effects.push(() => this.#wait(dueMs, execution.id, record.activation));
        return;
      }
      case 'retrying':
        turn.effects.push(() => this.#wait(record.dueMs, execution.id, record.activation));
        return;
      case 'ended':
        turn.effects.push((sequence) => this.#finish(actor, sequence, turn.nowMs));
        return;
      default:
        return;
    }
  }

  #touch(actor: Actor, sequence: number, nowMs: number): void {
    actor.lastSequence = sequence;
    if (actor.firstDirtySequence === 0) {
      actor.firstDirtySequence = sequence;
      actor.dirtySinceMs = nowMs;
      this.#dirty.add(actor);
    }
  }

  #finish(actor: Actor, sequence: number, atMs: number): void {
    const { execution } = actor;
    const finished = finishedOf(actor);
    if (finished === undefined) return;
    this.actors.delete(execution.id);
    this.#dirty.delete(actor);
    this.finished.set(execution.id, finished);
    this.counts.ended++;
    if (execution.key !== undefined) this.memory.remember(execution.id, finished.inputText, atMs);
    if (finished.end.status === 'cancelled') this.#ports.abandon(execution);
    this.#ports.announce({ kind: finished.end.status, lane: this.number, sequence, index: 1, atMs, execution });
    for (const watcher of actor.watchers) watcher.ended(execution.id, finished.end);
    actor.watchers = [];
    if (execution.replyTo !== undefined) {
      const { status, outputText, error } = finished.end;
      this.#ports.reply(execution.replyTo, { execution: execution.id, status, ...(outputText === undefined ? {} : { output: JSON.parse(outputText) }), ...(error === undefined ? {} : { error }) });
    }
    this.#handToHistory(finished);
  }

  #handToHistory(finished: Finished): void {
    this.#ports.finish(finished, () => void this.finished.delete(finished.id));
  }

  #attach(id: string, watcher: Watcher): void {
    const actor = this.actors.get(id);
    const ended = this.finished.get(id);
    if (actor !== undefined) actor.watchers.push(watcher);
    else if (ended !== undefined) watcher.ended(id, ended.end);
    else watcher.refused('execution-unknown', `Lane ${this.number} has no execution ${id} in memory`);
  }

  #wait(dueMs: number, execution: string, activation: number): void {
    this.#due.push({ dueMs, execution, activation });
    if (dueMs < this.#timerAtMs) this.#arm();
  }

  #arm(): void {
    const next = this.#due.peek();
    clearTimeout(this.#timer);
    this.#timerAtMs = next?.dueMs ?? Infinity;
    if (next === undefined || this.#closed) return;
    const waitMs = Math.min(Math.max(next.dueMs - this.#ports.nowMs(), 0), TIMER_MS_MAX);
    this.#timer = setTimeout(() => this.#elapse(), waitMs);
  }

  #elapse(): void {
    const nowMs = this.#ports.nowMs();
    for (let count = 0; count < DUE_MAX; count++) {
      const due = this.#due.take(nowMs);
      if (due === undefined) break;
      this.post({ kind: 'due', execution: due.execution, activation: due.activation });
    }
    this.#arm();
  }

  /** Checkpoints what has been dirty for long, and forgets what the log need not hold. */
  #maintain(): void {
    const nowMs = this.#ports.nowMs();
    this.memory.forget(nowMs);
    if (!this.#checkpointing) {
      const batch: Actor[] = [];
      for (const actor of this.#dirty) {
        if (nowMs - actor.dirtySinceMs < CHECKPOINT_AGE_MS || batch.length >= CHECKPOINTS_MAX) break;
        batch.push(actor);
      }
      if (batch.length > 0) this.#checkpoint(batch, nowMs);
    }
    void this.#truncate();
  }

  #checkpoint(batch: readonly Actor[], nowMs: number): void {
    this.#checkpointing = true;
    const stored = this.#ports.checkpoint(this.number, this.epoch, batch);
    for (const actor of batch) {
      actor.storingFirstSequence = actor.firstDirtySequence;
      actor.firstDirtySequence = 0;
      this.#dirty.delete(actor);
      this.#storing.add(actor);
    }
    const settle = (keep: boolean): void => {
      for (const actor of batch) {
        this.#storing.delete(actor);
        if (keep) {
          actor.firstDirtySequence = actor.storingFirstSequence;
          actor.dirtySinceMs = nowMs;
          if (actor.execution.end === undefined) this.#dirty.add(actor);
        }
        actor.storingFirstSequence = 0;
      }
      this.#checkpointing = false;
    };
    stored.then(
      () => settle(false),
      (error: unknown) => {
        this.#logger.warn('Checkpoint not stored', { lane: this.number, error });
        settle(true);
      },
    );
  }

  /** The first frame that recovery would need. */
  #lowWater(): number {
    let low = this.#lastSequence;
    for (const actor of this.#dirty) low = Math.min(low, actor.firstDirtySequence);
    for (const actor of this.#storing) low = Math.min(low, actor.storingFirstSequence);
    for (const finished of this.finished.values()) low = Math.min(low, finished.firstSequence);
    return Math.min(low, this.#ports.outboxLowWater(this.number));
  }

  async #truncate(): Promise<void> {
    try {
      await this.#log.truncate(this.#lowWater());
      this.#logBytes = await this.#log.bytes();
      if (this.#inputSequence > this.#truncatedInput) {
        const sequence = this.#inputSequence;
        await this.#log.truncateInputs(sequence);
        this.#truncatedInput = sequence;
      }
    } catch (error) {
      this.#logger.debug('Truncation put off', { lane: this.number, error });
    }
  }

  #close(end: LaneEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#upkeep);
    clearTimeout(this.#timer);
    for (const message of this.#mailbox) refuse(message, this.number);
    this.#mailbox = [];
    for (const actor of this.actors.values()) for (const watcher of actor.watchers) watcher.refused('lane-displaced', `Lane ${this.number} has left this orchestrator`);
    this.#end(end);
  }
}

/** Sees the records of one transition, durable. */
export type TransitionObserver = (execution: Execution, atMs: number, records: readonly JournalRecord[]) => void;

interface Turn {
  readonly nowMs: number;
  readonly writer: ReturnType<typeof createFrameWriter>;
  readonly effects: Effect[];
  readonly touched: Actor[];
}

/** What remains of an actor that has ended; undefined while it has not. */
export function finishedOf(actor: Actor): Finished | undefined {
  const { execution } = actor;
  if (execution.end === undefined) return undefined;
  const end: End = { status: execution.end.status, outputText: execution.end.output === undefined ? undefined : textOf(execution.end.output), error: execution.end.error };
  return {
    organisation: execution.organisation,
    id: execution.id,
    program: execution.program,
    workflow: execution.workflow,
    version: execution.version,
    key: execution.key,
    inputText: textOf(execution.rawInput),
    acceptedAtMs: execution.acceptedAtMs,
    endedAtMs: execution.end.atMs,
    end,
    entries: actor.entries,
    segments: actor.segments,
    firstSequence: actor.storingFirstSequence || actor.firstDirtySequence || actor.lastSequence,
    checkpointed: actor.checkpointed,
    traceparent: execution.traceparent,
  };
}

function refuse(message: Message, lane: number): void {
  if ((message.kind === 'start' || message.kind === 'attach') && message.watcher !== undefined) message.watcher.refused('lane-displaced', `Lane ${lane} has left this orchestrator`);
  if (message.kind === 'cancel') message.answer?.(false);
}
