/**
 * JetStream as lanes see it: one stream a log, appended to with an expectation, and one stream of inputs a lane.
 *
 * - An append is in process for a moment before it is applied; another one that comes meanwhile is told `conflict`,
 *   as a replicated stream says "wrong last sequence" while the first try is undecided. An append in process may be
 *   dropped: its leader was replaced.
 * - What is read is what the leader has applied.
 */
import type { Answer, LogStream, OpenLogStream, StoredFrame } from '@millrace/lane';
import { unpackFrame } from '@millrace/bus';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

interface Stream {
  frames: StoredFrame[];
  lastSequence: number;
  isAppending: boolean;
  readonly wake: Set<() => void>;
}

export interface LogHooks {
  /** Before the stream takes a frame: what is in it is durable from here on. */
  landed(lane: number, sequence: number, text: string): void;
  forgetting(lane: number, below: number): void;
  forgettingInputs(lane: number, through: number): void;
}

/** Milliseconds without news after which a reader asks again. */
const READ_AGAIN_MS = 2_000;
/** Messages in one delivery to a reader. */
const DELIVERY_MAX = 32;

export class LogServer {
  readonly #world: World;
  readonly #hooks: LogHooks;
  readonly #logs = new Map<number, Stream>();
  readonly #inputs = new Map<number, Stream>();
  readonly #seen = new Map<string, number>();

  constructor(world: World, hooks: LogHooks) {
    this.#world = world;
    this.#hooks = hooks;
  }

  lastSequence(lane: number): number {
    return this.#streamOf(this.#logs, lane).lastSequence;
  }

  lastInput(lane: number): number {
    return this.#streamOf(this.#inputs, lane).lastSequence;
  }

  firstSequence(lane: number): number {
    const stream = this.#streamOf(this.#logs, lane);
    return stream.frames[0]?.sequence ?? stream.lastSequence + 1;
  }

  /** Adds an input; the same message id again within the run is the same message. Yields its sequence. */
  addInput(lane: number, text: string, messageId: string): number {
    const stream = this.#streamOf(this.#inputs, lane);
    const known = this.#seen.get(`${lane}/${messageId}`);
    if (known !== undefined) return known;
    stream.lastSequence++;
    stream.frames.push({ sequence: stream.lastSequence, data: Buffer.from(text, 'utf8') });
    this.#seen.set(`${lane}/${messageId}`, stream.lastSequence);
    wakeAll(stream);
    return stream.lastSequence;
  }

  readInputs(machine: Machine, lane: number, from: number, signal: AbortSignal): AsyncGenerator<StoredFrame, void, undefined> {
    return this.#read(machine, this.#streamOf(this.#inputs, lane), from, signal, () => undefined);
  }

  /** The streams of logs, as `machine` reaches them. */
  opener(machine: Machine): OpenLogStream {
    return async (lane, answered, signal) => {
      const stream = this.#streamOf(this.#logs, lane);
      const unlink = machine.onLink((isUp) => {
        if (!isUp) answered({ kind: 'unknown' });
      });
      signal.addEventListener('abort', unlink, { once: true });
      let fenced = false;
      const world = this.#world;
      const told = (answer: Answer): void => {
        if (signal.aborted) return;
        answered(answer);
      };
      const opened: LogStream = {
        send: (bytes, expected) => {
          this.#append(machine, lane, bytes, expected, told);
          machine.point(fenced ? 'frame sent, not answered' : 'fence sent');
          fenced = true;
        },
        last: () => world.request(machine, 'nats', 'log last', () => stream.frames.at(-1) ?? null),
        first: async () => {
          machine.point('fence durable, nothing replayed');
          return world.request(machine, 'nats', 'log first', () => stream.frames[0]?.sequence ?? stream.lastSequence + 1);
        },
        bytes: () => world.request(machine, 'nats', 'log bytes', () => stream.frames.reduce((sum, { data }) => sum + data.length, 0)),
        read: (from, ending) => this.#read(machine, stream, from, ending, () => machine.point('replaying')),
        forgetBelow: (sequence) => {
          machine.point('checkpoint stored, log not truncated');
          return world.request(machine, 'nats', 'log purge', () => {
            this.#hooks.forgetting(lane, Math.min(sequence, stream.lastSequence));
            purge(stream, Math.min(sequence, stream.lastSequence));
          });
        },
        forgetInputs: (through) => {
          machine.point('log truncated, inputs not');
          return world.request(machine, 'nats', 'input purge', () => {
            this.#hooks.forgettingInputs(lane, through);
            purge(this.#streamOf(this.#inputs, lane), through + 1);
          });
        },
        isGone: () => false,
      };
      return opened;
    };
  }

  #append(machine: Machine, lane: number, bytes: Uint8Array, expected: number, answered: (answer: Answer) => void): void {
    const world = this.#world;
    const { random, weather } = world;
    if (!machine.alive) return;
    if (!machine.isLinked || world.isAway('nats') || random.chance(weather.lost)) return;
    const stream = this.#streamOf(this.#logs, lane);
    const isLate = random.chance(weather.straggling);
    const answer = (said: Answer): void => {
      if (isLate || random.chance(weather.unanswered) || !machine.isLinked) return;
      machine.plan(world.latencyMs(), 'append answered', () => {
        if (said.kind === 'landed') machine.point('frame answered, effects not begun');
        if (machine.alive) answered(said);
      });
    };
    const apply = (): void => {
      stream.isAppending = false;
      // Its leader was replaced while it was in process.
      if (random.chance(weather.lost)) return;
      stream.lastSequence++;
      this.#hooks.landed(lane, stream.lastSequence, unpackFrame(bytes));
      stream.frames.push({ sequence: stream.lastSequence, data: bytes });
      wakeAll(stream);
      answer({ kind: 'landed', sequence: stream.lastSequence });
    };
    const delayMs = isLate ? random.between(500, 8_000) : machine.delayTo('nats', world.latencyMs());
    world.timeline.plan(delayMs, 'append arrives', undefined, () => {
      if (world.isAway('nats')) return;
      if (stream.isAppending || stream.lastSequence !== expected) return answer({ kind: 'conflict' });
      stream.isAppending = true;
      world.timeline.plan(world.latencyMs(), 'append applied', undefined, apply);
    });
  }

  async *#read(machine: Machine, stream: Stream, from: number, signal: AbortSignal, passed: () => void): AsyncGenerator<StoredFrame, void, undefined> {
    const world = this.#world;
    let next = from;
    while (!signal.aborted) {
      let found: readonly StoredFrame[];
      try {
        found = await world.request(machine, 'nats', 'read', () => after(stream, next));
      } catch {
        await machine.clock.sleep(50, signal).catch(() => undefined);
        continue;
      }
      for (const frame of found) {
        if (signal.aborted) return;
        next = frame.sequence + 1;
        passed();
        yield frame;
      }
      if (found.length === 0) await this.#news(machine, stream, next, signal);
    }
  }

  /** Waits until there is something to read; word of it may be lost, and then it takes longer. */
  #news(machine: Machine, stream: Stream, next: number, signal: AbortSignal): Promise<void> {
    return new Promise((settle) => {
      if (stream.lastSequence >= next || signal.aborted) return settle();
      let cancelLater = (): void => undefined;
      const done = (): void => {
        stream.wake.delete(told);
        signal.removeEventListener('abort', done);
        uncrash();
        cancelLater();
        settle();
      };
      const told = (): void => {
        stream.wake.delete(told);
        if (machine.isLinked && !this.#world.random.chance(this.#world.weather.lost)) machine.plan(this.#world.latencyMs(), 'news', done);
      };
      const uncrash = machine.onCrash(() => {
        stream.wake.delete(told);
        signal.removeEventListener('abort', done);
      });
      stream.wake.add(told);
      signal.addEventListener('abort', done, { once: true });
      cancelLater = machine.plan(READ_AGAIN_MS, 'read again', done);
    });
  }

  #streamOf(streams: Map<number, Stream>, lane: number): Stream {
    let stream = streams.get(lane);
    if (stream === undefined) streams.set(lane, (stream = { frames: [], lastSequence: 0, isAppending: false, wake: new Set() }));
    return stream;
  }
}

function after(stream: Stream, next: number): readonly StoredFrame[] {
  const first = stream.frames[0]?.sequence ?? stream.lastSequence + 1;
  const index = Math.max(0, next - first);
  return stream.frames.slice(index, index + DELIVERY_MAX);
}

function wakeAll(stream: Stream): void {
  for (const wake of [...stream.wake]) wake();
}

function purge(stream: Stream, below: number): void {
  const first = stream.frames[0]?.sequence;
  if (first !== undefined && below > first) stream.frames = stream.frames.slice(below - first);
}
