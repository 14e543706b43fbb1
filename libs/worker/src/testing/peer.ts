/**
 * The owner's side of the protocol for tests: a real gRPC server that records what a worker says and
 * sends what the test tells it to.
 */
import { once, EventEmitter } from 'node:events';
import { Server, ServerCredentials, status, type ServerDuplexStream } from '@grpc/grpc-js';
import { DispatchService, type Hello, type OwnerMessage, type Result, type WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import type { LaneDirectory, OwnerAddress, OwnerDirectory, Step } from '../ports.ts';

type Stream = ServerDuplexStream<WorkerMessage, OwnerMessage>;

/** Waits for a state that an event leads to; fails after `timeoutMs` with what was waited for. */
async function until(emitter: EventEmitter, what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  while (!holds()) {
    await once(emitter, 'changed', { signal }).catch(() => {
      throw new Error(`waited ${timeoutMs} ms for ${what}`);
    });
  }
}

/** One orchestrator, as a worker sees it. */
export class Peer {
  readonly instance: string;
  readonly hellos: Hello[] = [];
  readonly results: Result[] = [];
  readonly batches: number[] = [];
  readonly credits: { readonly steps: number; readonly bytes: number }[] = [];
  heartbeats = 0;
  drains = 0;
  ended = 0;
  readonly #events = new EventEmitter();
  readonly #server = new Server();
  readonly #streams = new Map<Stream, Hello | undefined>();
  #port = 0;

  constructor(instance: string) {
    this.instance = instance;
    this.#server.addService(DispatchService, { work: (stream: Stream) => this.#serve(stream) });
  }

  get address(): OwnerAddress {
    return { instance: this.instance, address: `127.0.0.1:${this.#port}` };
  }

  async listen(): Promise<this> {
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)));
    });
    return this;
  }

  dispatch(...steps: readonly Step[]): void {
    this.say({ $case: 'steps', value: { steps, durable: [] } });
  }

  /** To one of several workers, by the beginning of its name. */
  dispatchTo(worker: string, ...steps: readonly Step[]): void {
    this.say({ $case: 'steps', value: { steps, durable: [] } }, worker);
  }

  say(message: NonNullable<OwnerMessage['message']>, worker = ''): void {
    const streams = [...this.#streams].flatMap(([stream, hello]) => (hello?.worker.startsWith(worker) === true ? [stream] : []));
    if (streams.length === 0) throw new Error(`${this.instance} has no stream of ${worker === '' ? 'any worker' : worker}`);
    for (const stream of streams) stream.write({ message });
  }

  /** Ends every stream with an error. */
  cut(): void {
    for (const stream of this.#streams.keys()) stream.emit('error', Object.assign(new Error('cut by the test'), { code: status.UNAVAILABLE }));
    this.#streams.clear();
  }

  connected(count = 1): Promise<void> {
    return until(this.#events, `${count} hello(s) to ${this.instance}`, () => this.hellos.length >= count);
  }

  received(count: number): Promise<void> {
    return until(this.#events, `${count} result(s) at ${this.instance}, has ${this.results.length}`, () => this.results.length >= count);
  }

  /** Waits for the result of a step and yields it. */
  async resultOf({ execution, run, activation, attempt }: Step, timeoutMs?: number): Promise<Result> {
    const find = (): Result | undefined =>
      this.results.find((each) => each.execution === execution && each.run === run && each.activation === activation && each.attempt === attempt);
    await until(this.#events, `the result of ${execution}/${run}/${activation}/${attempt}`, () => find() !== undefined, timeoutMs);
    return find() as Result;
  }

  /** Waits for anything that the recorded messages show. */
  sees(what: string, holds: (peer: Peer) => boolean): Promise<void> {
    return until(this.#events, what, () => holds(this));
  }

  /** Goes as a crash does: every connection is destroyed and nothing listens any more. */
  close(): void {
    this.#server.forceShutdown();
  }

  #serve(stream: Stream): void {
    this.#streams.set(stream, undefined);
    stream.on('data', ({ message }: WorkerMessage) => {
      switch (message?.$case) {
        case 'hello':
          this.hellos.push(message.value);
          this.#streams.set(stream, message.value);
          break;
        case 'results':
          this.batches.push(message.value.results.length);
          this.results.push(...message.value.results);
          break;
        case 'credits':
          this.credits.push(message.value);
          break;
        case 'heartbeat':
          this.heartbeats += 1;
          break;
        case 'drain':
          this.drains += 1;
          break;
        case undefined:
          break;
      }
      this.#events.emit('changed');
    });
    stream.on('error', () => this.#streams.delete(stream));
    stream.on('end', () => {
      this.ended += 1;
      this.#streams.delete(stream);
      stream.end();
      this.#events.emit('changed');
    });
  }
}

/** Directories that the test changes by hand. */
export class Cluster implements OwnerDirectory {
  readonly #peers: Peer[] = [];
  readonly #owners = new Map<number, string>();
  readonly #ownersChanged = new Set<() => void>();
  readonly #lanesChanged = new Set<(lane: number | undefined) => void>();
  readonly #movedTo = new Map<string, number>();

  readonly lanes: LaneDirectory = {
    ownerOf: (lane) => this.#owners.get(lane),
    laneOf: (execution) => this.#movedTo.get(execution),
    onChange: (changed) => {
      this.#lanesChanged.add(changed);
      return () => this.#lanesChanged.delete(changed);
    },
  };

  /** The slot table says another lane for an execution from now on. */
  moveSlot(execution: string, lane: number): void {
    this.#movedTo.set(execution, lane);
    for (const changed of this.#lanesChanged) changed(undefined);
  }

  list(): readonly OwnerAddress[] {
    return this.#peers.map((peer) => peer.address);
  }

  onChange(changed: () => void): () => void {
    this.#ownersChanged.add(changed);
    return () => this.#ownersChanged.delete(changed);
  }

  add(peer: Peer): void {
    this.#peers.push(peer);
    for (const changed of this.#ownersChanged) changed();
  }

  /** Puts a new process in the place of the one of the same name. */
  replace(peer: Peer): void {
    const index = this.#peers.findIndex((each) => each.instance === peer.instance);
    this.#peers.splice(index, 1, peer);
    for (const changed of this.#ownersChanged) changed();
  }

  claim(lane: number, peer: Peer): void {
    this.#owners.set(lane, peer.instance);
    for (const changed of this.#lanesChanged) changed(lane);
  }
}

let activations = 0;

/** A step with a new key unless the test says otherwise. */
export function step(change: Partial<Step> = {}): Step {
  return {
    organisation: 'default',
    execution: 'x1',
    lane: 0,
    epoch: 1,
    run: 1,
    activation: (activations += 1),
    attempt: 1,
    operation: 'test.operation:1.0.0@default',
    connection: '',
    argumentsJson: '{"a":1}',
    timeoutMs: 0,
    traceparent: '',
    dispatchedAtMs: Date.now(),
    ...change,
  };
}
