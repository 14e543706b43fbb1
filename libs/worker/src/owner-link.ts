/**
 * The stream to one orchestrator: dials it, dials again after a loss, and passes messages both ways.
 *
 * Owns the connection and the batching of what is sent. Does not own steps or results: it hands on what
 * arrives and sends what it is given.
 *
 * L1 What is queued in one turn of the event loop leaves in one message, cut at the batch limits.
 * L2 A session ends once, and nothing is sent on it afterwards; what was sent may or may not have arrived.
 */
import type { Cancel, Clock } from '@millrace/clock';
import type { OwnerMessage, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import {
  BATCH_BYTES_MAX,
  BATCH_RESULTS_MAX,
  DIAL_TIMEOUT_MS,
  REDIAL_FIRST_MS,
  REDIAL_MAX_MS,
  STOP_TIMEOUT_MS,
} from './limits.ts';
import type { OwnerAddress, WorkerLog } from './ports.ts';
import type { KeptResult } from './step-ledger.ts';
import type { Dialled, Transport, WorkerCall } from './transport.ts';

/** One connection of a link, from its `hello` to its end. */
export class Session {
  readonly instance: string;
  readonly #stream: WorkerCall;
  readonly #clock: Clock;
  #open = true;
  #queue: KeptResult[] = [];
  #queuedBytes = 0;
  #flushPlanned = false;

  constructor(instance: string, stream: WorkerCall, clock: Clock) {
    this.instance = instance;
    this.#stream = stream;
    this.#clock = clock;
  }

  get open(): boolean {
    return this.#open;
  }

  send(message: NonNullable<WorkerMessage['message']>): void {
    if (this.#open) this.#stream.write({ message });
  }

  /** Queues a result for the message that leaves at the end of this turn of the event loop. */
  queue(result: KeptResult): void {
    this.#queue.push(result);
    const { outcome } = result;
    this.#queuedBytes += outcome.$case === 'outputJson' ? outcome.value.length : outcome.value.detail.length;
    if (this.#queue.length >= BATCH_RESULTS_MAX || this.#queuedBytes >= BATCH_BYTES_MAX) this.flush();
    else if (!this.#flushPlanned) {
      this.#flushPlanned = true;
      this.#clock.soon(() => {
        this.#flushPlanned = false;
        this.flush();
      });
    }
  }

  /** Sends what is queued at once. */
  flush(): void {
    if (this.#queue.length === 0) return;
    const results = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.send({ $case: 'results', value: { results } });
  }

  /** Stops or goes on reading what the owner sends; meanwhile it piles up at the owner. */
  read(on: boolean): void {
    if (on) this.#stream.resume();
    else this.#stream.pause();
  }

  /** Half-closes, so that the owner sees that nothing more will come, and waits for it to do the same. */
  async end(): Promise<void> {
    if (!this.#open) return;
    this.flush();
    this.#open = false;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(STOP_TIMEOUT_MS, () => {
        this.#stream.cancel();
        resolve();
      });
      this.#stream.once('status', () => {
        cancel();
        resolve();
      });
      this.#stream.end();
    });
  }

  /** Called by the link when the stream is gone. */
  lost(): void {
    this.#open = false;
    this.#queue = [];
  }
}

export interface OwnerLinkOptions {
  readonly owner: OwnerAddress;
  readonly log: WorkerLog;
  readonly clock: Clock;
  readonly transport: Transport;
  /** The first message of a session. */
  readonly hello: () => NonNullable<WorkerMessage['message']>;
  readonly opened: (session: Session) => void;
  readonly received: (session: Session, message: NonNullable<OwnerMessage['message']>) => void;
  readonly closed: (session: Session) => void;
  /** Asked before every new dial: whether the owner is still worth dialling. */
  readonly wanted: () => boolean;
  /** The link has given up because the owner is not wanted any more. */
  readonly ended: () => void;
}

export class OwnerLink {
  readonly owner: OwnerAddress;
  readonly #options: OwnerLinkOptions;
  #session: Session | undefined;
  #client: Dialled | undefined;
  #cancel: Cancel = () => undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: OwnerLinkOptions) {
    this.owner = options.owner;
    this.#options = options;
    this.#dial();
  }

  /** The session, while one is open. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Ends the session, waits until what was written has left (at most `STOP_TIMEOUT_MS`), and dials no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) await session.end();
    this.#client?.close();
  }

  #dial(): void {
    const client = this.#options.transport.dial(this.owner.address, DIAL_TIMEOUT_MS, (error) => {
      if (this.#stopped) return;
      if (error) {
        client.close();
        this.#redial(error.message);
      } else this.#open(client);
    });
    this.#client = client;
  }

  #open(client: Dialled): void {
    const stream = client.work();
    const session = new Session(this.owner.instance, stream, this.#options.clock);
    const lost = (why: string): void => {
      if (this.#session !== session) return;
      this.#session = undefined;
      session.lost();
      client.close();
      this.#options.closed(session);
      this.#redial(why);
    };
    stream.on('error', (error) => lost(error.message));
    stream.on('end', () => lost('ended by the owner'));
    stream.on('data', (incoming: OwnerMessage) => {
      this.#failures = 0;
      if (incoming.message !== undefined) this.#options.received(session, incoming.message);
    });
    this.#session = session;
    session.send(this.#options.hello());
    this.#options.opened(session);
  }

  #redial(why: string): void {
    if (this.#stopped) return;
    const delayMs = Math.min(REDIAL_MAX_MS, REDIAL_FIRST_MS * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    if (this.#failures === 0) this.#options.log.info('stream to an orchestrator lost', { orchestrator: this.owner.instance, why });
    this.#failures += 1;
    this.#cancel = this.#options.clock.after(delayMs, () => {
      if (this.#stopped) return;
      if (this.#options.wanted()) this.#dial();
      else {
        this.#stopped = true;
        this.#options.ended();
      }
    });
  }
}
