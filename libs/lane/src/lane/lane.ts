/**
 * The owner of one lane: mailbox and commit cycle.
 *
 * Owns the order in which messages become frames, and that effects wait for them. Does not own what a message does
 * (lane-executions.ts), how the lane was got (take-lane.ts), nor what carries effects out (ports.ts).
 *
 * - E1 Effects are collected while a frame is filled and performed once it is durable.
 * - E2 Every frame carries the epoch and the expectation; a displaced owner stops here.
 * - The position of an input becomes durable only once it is in the log, or with the lane that has its slot.
 * - One frame is appended at a time. Meanwhile the next one is filled, so that neither the disk nor the core waits for
 *   the other; its effects wait for its own append. What wants state and log to agree (a checkpoint, a reader, slots
 *   that leave) has nothing decided behind it until it is done: see isExact in message.ts.
 * - Whoever waits is told: what was taken from the mailbox and is not durable when the lane ends is refused.
 */
import type { Cancel, Clock } from '@millrace/clock';
import { FRAME_CHARACTERS_MAX, MOVES_FORMAT, type FrameHead } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import type { Actor, Finished } from './actor.ts';
import { FrameBytes } from './frame-bytes.ts';
import type { LaneCounts } from './lane-counts.ts';
import { LaneExecutions, type TransitionObserver } from './lane-executions.ts';
import type { LaneLog } from './lane-log.ts';
import { adopt, release, type LaneMoves } from './lane-moves.ts';
import { isExact, isMove, refuse, type Message } from './message.ts';
import type { LanePorts } from './ports.ts';
import type { SlotOwnership } from './slot-ownership.ts';
import type { StartMemory } from './start-memory.ts';
import type { TakenLane } from './take-lane.ts';
import { createTurn, type Turn } from './turn.ts';

/** Messages one frame takes at most. */
const MESSAGES_PER_FRAME_MAX = 4_096;
/** How long a frame is filled at most, in milliseconds; then the next turn of the event loop is due. */
const FILL_MS_MAX = 25;
/** The same while another frame is being appended: its acknowledgement is not to wait for long. */
const AHEAD_MS_MAX = 2;
/** How often checkpoints and truncation are looked at, in milliseconds. */
const UPKEEP_MS = 1_000;
/** How long a stopping lane waits for the frame in hand, in milliseconds; its fate is then the next owner's to find out. */
const STOP_MS_MAX = 1_000;

/** Why a lane ended. */
export type LaneEnd = { readonly kind: 'stopped' } | { readonly kind: 'displaced' } | { readonly kind: 'failed'; readonly error: unknown };

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

export class Lane {
  readonly number: number;
  readonly epoch: number;
  readonly counts: LaneCounts = { frames: 0, messages: 0, steps: 0, started: 0, ended: 0, framedBytes: 0 };
  /** Settles when the lane has ended, for whatever reason. */
  readonly ended: Promise<LaneEnd>;
  readonly executions: LaneExecutions;
  readonly #log: LaneLog;
  readonly #ports: LanePorts;
  readonly #clock: Clock;
  readonly #frame: FrameBytes;
  readonly #endUpkeep: Cancel;
  #mailbox: Message[] = [];
  /** What is being appended. */
  #open: Turn | undefined;
  /** What is filled meanwhile. */
  #ahead: Turn | undefined;
  #fillingSoon = false;
  #running = false;
  #stopping = false;
  #closed = false;
  /** The last frame that is durable, and the last input that one holds. */
  #lastSequence: number;
  #durableInputSequence: number;
  #end: (end: LaneEnd) => void = () => undefined;

  constructor({ number, epoch, log, ports, clock, logger, taken }: LaneOptions) {
    this.number = number;
    this.epoch = epoch;
    this.#frame = new FrameBytes(epoch, `${number}.${epoch}`);
    this.#log = log;
    this.#ports = ports;
    this.#clock = clock;
    this.#durableInputSequence = taken.inputSequence;
    this.#lastSequence = taken.lastSequence;
    this.ended = new Promise((settle) => {
      this.#end = settle;
    });
    this.executions = new LaneExecutions({ host: this, frame: this.#frame, log, ports, clock, logger, taken });
    this.#endUpkeep = clock.every(UPKEEP_MS, () => this.executions.askUpkeep());
  }

  get actors(): ReadonlyMap<string, Actor> {
    return this.executions.actors;
  }

  get finished(): ReadonlyMap<string, Finished> {
    return this.executions.ended.finished;
  }

  get memory(): StartMemory {
    return this.executions.ended.memory;
  }

  get slots(): SlotOwnership {
    return this.executions.slots;
  }

  /** Decisions made for each slot; they only grow. */
  get heat(): Uint32Array {
    return this.executions.heat;
  }

  /** The last sequence of `in.<lane>` that has gone through the mailbox. */
  get inputSequence(): number {
    return this.executions.inputSequence;
  }

  get waiting(): number {
    return this.#mailbox.length + this.executions.sendOn.waiting;
  }

  /** Frames below it are forgotten, or may be at any moment. */
  get truncatedBelow(): number {
    return this.executions.upkeep.truncatedBelow;
  }

  /** The last frame that is durable, and the last input that it holds. */
  durable(): { readonly sequence: number; readonly inputSequence: number } {
    return { sequence: this.#lastSequence, inputSequence: this.#durableInputSequence };
  }

  /** Whether a start of that id would be a repeated one. */
  knows(id: string): boolean {
    return this.executions.knows(id);
  }

  /** A start of that id is being looked up; the returned function ends that, once it was posted. */
  expect(id: string): () => void {
    const over = this.executions.ended.expect(id);
    return () => this.post({ kind: 'later', run: over });
  }

  /** Ended executions of which the log alone has the journal, until history can take it. */
  get backlog(): number {
    return this.executions.ended.backlog.size;
  }

  /** One of them, read from the log; undefined when it is none. */
  readBacklog(id: string): Promise<Finished | undefined> {
    return this.executions.ended.backlog.read(id);
  }

  /** Whether the execution is out of memory, with all of it in its checkpoint (E8). */
  sleeps(id: string): boolean {
    return this.executions.sleepers.has(id);
  }

  /** Executions that sleep. */
  get sleeping(): number {
    return this.executions.sleepers.size;
  }

  /** Settles once the execution is in memory, if it slept: what is posted then need not wait for it. */
  awake(id: string): Promise<void> {
    return this.executions.sleepers.awake(id);
  }

  /** Why the lane takes no new starts at the moment, if it takes none. */
  refusesStarts(): string | undefined {
    return this.executions.refusesStarts();
  }

  /** Told of every transition once it is durable; returns the function that ends it. */
  observe(observer: TransitionObserver): () => void {
    return this.executions.observe(observer);
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
    } else this.#fillSoon();
  }

  /** Looks whether a later owner has the lane, and ends it here then. Waits for the log's leader. */
  async isTaken(): Promise<boolean> {
    const { head } = await this.#log.tail();
    if (head === undefined || head.epoch <= this.epoch) return false;
    this.#close({ kind: 'displaced' });
    return true;
  }

  /** Finishes the frame in hand if that is soon done, stops, and refuses what waits. Takes STOP_MS_MAX at most. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.#running) this.#close({ kind: 'stopped' });
    const punctual = this.#clock.after(STOP_MS_MAX, () => this.#close({ kind: 'stopped' }));
    await this.ended;
    punctual();
  }

  async #cycle(): Promise<void> {
    try {
      while (this.#ahead !== undefined || (this.#mailbox.length > 0 && !this.#stopping)) await this.#commit();
      this.#running = false;
      if (this.#stopping) this.#close({ kind: 'stopped' });
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof MillraceError && error.reason === 'lane-displaced') this.#close({ kind: 'displaced' });
    else if (this.#stopping) this.#close({ kind: 'stopped' });
    else this.#close({ kind: 'failed', error });
  }

  async #commit(): Promise<void> {
    const [first] = this.#mailbox;
    if (this.#ahead === undefined && first !== undefined && isMove(first)) {
      this.#mailbox = this.#mailbox.slice(1);
      const moves: LaneMoves = { host: this, executions: this.executions, ports: this.#ports, clock: this.#clock, append: (moved) => this.#appendMove(moved) };
      await (first.kind === 'release' ? release(moves, first) : adopt(moves, first, this.#clock.wallMs()));
      return;
    }
    const turn = this.#ahead ?? this.#begin();
    this.#ahead = undefined;
    this.#open = turn;
    if (!this.#stopping) this.#fill(turn, FILL_MS_MAX);
    if (!this.#frame.isEmpty || this.#positionToFrame() !== this.#durableInputSequence) {
      const sequence = await this.#append({}, !turn.isExact);
      if (sequence === undefined) return;
      for (const actor of turn.touched) this.executions.upkeep.touch(actor, sequence, turn.nowMs);
    }
    this.#open = undefined;
    for (const effect of turn.effects) effect(this.#lastSequence);
    this.#dropEmpty();
  }

  /** Nothing was filled behind the append: the next frame begins when something comes. */
  #dropEmpty(): void {
    if (this.#ahead?.taken.length === 0) this.#ahead = undefined;
  }

  #begin(): Turn {
    this.#frame.begin(this.#ports.format());
    return createTurn(this.#clock.wallMs());
  }

  /** The position up to which inputs are in the log, or with another lane. */
  #positionToFrame(): number {
    return Math.max(Math.min(this.executions.inputSequence, this.executions.sendOn.firstOpen() - 1), this.#durableInputSequence);
  }

  /** Appends the frame in hand; undefined when the lane was given up meanwhile: the frame is in the log, and its effects are the next owner's. */
  async #append(moved: Pick<FrameHead, 'released' | 'adopted'>, mayFill: boolean): Promise<number | undefined> {
    const inputSequence = this.#positionToFrame();
    const { bytes, large } = this.#frame.finish({ lane: this.number, inputSequence, announcedBelow: this.executions.upkeep.announcedBelow, ...moved });
    if (large.length > 0) await this.#ports.storePayloads(large);
    const { length } = bytes;
    const landing = this.#log.append(bytes, this.epoch);
    // The log has packed the bytes: their room is free.
    if (mayFill) {
      this.#ahead = this.#begin();
      this.#fillSoon();
    }
    const sequence = await landing;
    if (!this.#ports.leaseHolds()) await this.#regainLease();
    if (this.#closed) return undefined;
    this.#lastSequence = sequence;
    this.#durableInputSequence = inputSequence;
    this.counts.frames++;
    this.counts.framedBytes += length;
    return sequence;
  }

  /** Appends a frame that says that slots have moved. */
  #appendMove(moved: Pick<FrameHead, 'released' | 'adopted'>): Promise<number | undefined> {
    this.#frame.begin(Math.max(this.#ports.format(), MOVES_FORMAT));
    return this.#append(moved, false);
  }

  /** Has the frame that is filled behind an append take what waits, in the next turn of the event loop. */
  #fillSoon(): void {
    if (this.#fillingSoon || this.#ahead === undefined) return;
    this.#fillingSoon = true;
    this.#clock.soon(() => {
      this.#fillingSoon = false;
      if (this.#ahead === undefined || this.#open === undefined || this.#closed) return;
      try {
        if (this.#fill(this.#ahead, AHEAD_MS_MAX) > 0 && this.#mailbox.length > 0) this.#fillSoon();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  /** Takes messages until the frame is full, the time is up, none waits or one has to wait itself; yields how many it took. */
  #fill(turn: Turn, msMax: number): number {
    const clock = this.#clock;
    const until = clock.monotonicMs() + msMax;
    const messages = this.#mailbox;
    turn.nowMs = clock.wallMs();
    let taken = 0;
    while (taken < messages.length && turn.taken.length < MESSAGES_PER_FRAME_MAX && this.#frame.length < FRAME_CHARACTERS_MAX) {
      const message = messages[taken] as Message;
      if (isMove(message)) break;
      if (isExact(message)) {
        if (turn === this.#ahead) break;
        turn.isExact = true;
      }
      this.executions.process(message, turn);
      turn.taken.push(message);
      taken++;
      if (clock.monotonicMs() > until) break;
    }
    this.#mailbox = taken === messages.length ? [] : messages.slice(taken);
    this.counts.messages += taken;
    return taken;
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

  #left(): readonly [reason: string, message: string] {
    return ['lane-displaced', `Lane ${this.number} has left this orchestrator`];
  }

  #close(end: LaneEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endUpkeep();
    for (const message of [...(this.#open?.taken ?? []), ...(this.#ahead?.taken ?? []), ...this.#mailbox]) refuse(message, ...this.#left());
    this.#open = undefined;
    this.#ahead = undefined;
    this.#mailbox = [];
    this.executions.close(...this.#left());
    this.#end(end);
  }
}
