/**
 * Streams between two processes, as gRPC's look from either end.
 *
 * - What is written arrives in order until the stream breaks; then a last part of it is lost in each direction, and
 *   the two ends learn of it at different times. That is how a message is lost on a stream.
 * - A message may be delayed, overtaken by the next one or doubled, which gRPC does not do: the protocols are to bear it.
 *   Reports and grants of leases are not overtaken: their order is what gives them their meaning.
 *   Starts are not doubled: a caller says of each whether it was written before, and the answer depends on that.
 * - A process that stands still longer than the keepalive loses its streams.
 */
import type { Machine } from './machine.ts';

/** Silence after which the other end is taken for gone, in milliseconds. */
const KEEPALIVE_MS = 7_500;

type Listener = (value?: unknown) => void;

/** One end: the union of what a gRPC server and a gRPC client see of a call. */
export class End<In, Out> {
  readonly machine: Machine;
  destroyed = false;
  writableEnded = false;
  /** Told of every message that arrives here, before anybody else. */
  arriving: (message: In) => void = () => undefined;
  /** Told of every message that leaves here. */
  leaving: (message: Out) => void = () => undefined;
  readonly #name: string;
  #other!: End<Out, In>;
  #listeners = new Map<string, Listener[]>();
  #paused: In[] | undefined;
  #lastArrivalMs = 0;
  #isFirst = true;
  readonly #mayDouble: boolean;

  constructor(machine: Machine, name: string, mayDouble: boolean) {
    this.machine = machine;
    this.#name = name;
    this.#mayDouble = mayDouble;
  }

  join(other: End<Out, In>): void {
    this.#other = other;
    this.machine.onCrash(() => {
      this.destroyed = true;
      const { world } = this.machine;
      // Mostly the kernel resets the connection; a machine that is gone altogether is only noticed by its silence.
      other.breakAfter(world.random.chance(0.8) ? world.latencyMs() : world.random.between(1_000, KEEPALIVE_MS));
    });
  }

  on(event: string, listener: (value: never) => void): this {
    const list = this.#listeners.get(event) ?? [];
    list.push(listener as Listener);
    this.#listeners.set(event, list);
    return this;
  }

  once(event: string, listener: (value: never) => void): this {
    return this.on(event, listener);
  }

  write(message: Out): boolean {
    if (this.destroyed || this.writableEnded || !this.machine.alive) return false;
    this.leaving(message);
    const { world } = this.machine;
    const { random, weather } = world;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#deliver(message, isFirst || !random.chance(weather.reordered) || this.#name === 'lease');
    // The first message says who speaks.
    if (this.#mayDouble && !isFirst && random.chance(weather.doubled)) this.#deliver(message, false);
    return true;
  }

  #deliver(message: Out, inOrder: boolean): void {
    const { world } = this.machine;
    const { random, weather, nowMs } = world;
    const latencyMs = world.latencyMs() + (random.chance(weather.delayed) ? random.between(0, weather.slowMs * 4) : 0);
    let atMs = Math.max(nowMs, this.machine.standsUntilMs) + latencyMs;
    if (inOrder) this.#lastArrivalMs = atMs = Math.max(atMs, this.#lastArrivalMs);
    this.#other.machine.plan(atMs - nowMs, this.#name, () => this.#other.#receive(message));
  }

  #receive(message: In): void {
    if (this.destroyed) return;
    if (this.#paused !== undefined) {
      this.#paused.push(message);
      return;
    }
    this.arriving(message);
    this.#tell('data', message);
  }

  pause(): void {
    this.#paused ??= [];
  }

  resume(): void {
    const waiting = this.#paused;
    this.#paused = undefined;
    for (const message of waiting ?? []) this.#receive(message);
  }

  /** Says in order that nothing more comes. */
  end(): void {
    if (this.destroyed || this.writableEnded) return;
    this.writableEnded = true;
    const { world } = this.machine;
    const atMs = Math.max(this.#lastArrivalMs, world.nowMs + world.latencyMs());
    this.#other.machine.plan(atMs - world.nowMs, `${this.#name} ends`, () => this.#other.#ended());
  }

  #ended(): void {
    if (this.destroyed) return;
    this.#tell('end', undefined);
    if (this.writableEnded) this.#close();
  }

  cancel(): void {
    if (this.destroyed) return;
    this.#other.breakAfter(this.machine.world.latencyMs());
    this.#fail('cancelled here');
  }

  /** Ends it with a failure that the other end is told. */
  refuse(error: Error): void {
    this.#other.breakAfter(this.machine.world.latencyMs(), error.message);
    this.#close();
  }

  breakAfter(ms: number, why = 'the connection was lost'): void {
    this.machine.plan(ms, `${this.#name} breaks`, () => this.#fail(why));
  }

  #fail(why: string): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#tell('error', new Error(why));
    this.#tell('cancelled', undefined);
    this.#close();
  }

  #close(): void {
    this.destroyed = true;
    this.#tell('status', undefined);
    this.#tell('close', undefined);
    this.#listeners.clear();
  }

  #tell(event: string, value: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(value);
  }
}

export interface Pipe<ToServer, ToClient> {
  readonly client: End<ToClient, ToServer>;
  readonly server: End<ToServer, ToClient>;
  /** The connection is lost; each end learns of it after a while of its own. */
  break(): void;
}

/** A stream between two processes, open at both ends. */
export function openPipe<ToServer, ToClient>(client: Machine, server: Machine, name: string): Pipe<ToServer, ToClient> {
  const mayDouble = name !== 'starts';
  const ends = { client: new End<ToClient, ToServer>(client, name, mayDouble), server: new End<ToServer, ToClient>(server, name, mayDouble) };
  ends.client.join(ends.server);
  ends.server.join(ends.client);
  return {
    ...ends,
    break() {
      const { world } = client;
      ends.client.breakAfter(world.random.between(0, 500));
      ends.server.breakAfter(world.random.between(0, 500));
    },
  };
}
