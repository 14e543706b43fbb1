/**
 * The worker: one stream to every orchestrator that lives, steps in, results out.
 *
 * Owns links, credits, routing of results and draining. Does not own what a step does (the handler) nor
 * the bookkeeping of steps (the ledger, W1 to W3).
 *
 * W4 A result goes to the stream that dispatched its step; when that stream is gone or the lane has moved,
 *    to whoever the claims name, again after every change, until it is durable.
 * W5 While kept results exceed their limits no credits are granted, so memory is bounded.
 * W6 A handler that answers synchronously costs no promise, no timer and no abort controller; a received
 *    batch of such steps is answered by one message.
 */
import type { OwnerMessage, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import { DEFAULT_WORKER_LIMITS, HEARTBEAT_MS, KEPT_RESUME_SHARE, type WorkerLimits } from './limits.ts';
import { OwnerLink, type Session } from './owner-link.ts';
import type { LaneDirectory, OwnerAddress, OwnerDirectory, Step, StepHandler, StepOutcome, WorkerLog } from './ports.ts';
import { StepLedger, type StepEntry } from './step-ledger.ts';

export interface WorkerOptions {
  /** Stable over reconnections of this process, and never used by another process. */
  readonly worker: string;
  /** The service's name, such as `connector`. */
  readonly service: string;
  readonly version: string;
  readonly handler: StepHandler;
  readonly owners: OwnerDirectory;
  readonly lanes: LaneDirectory;
  readonly log: WorkerLog;
  readonly limits?: Partial<WorkerLimits>;
}

/** Counts since the start, and gauges. */
export interface WorkerStats {
  readonly running: number;
  readonly kept: number;
  readonly keptBytes: number;
  readonly streams: number;
  /** Whether credits are granted. */
  readonly taking: boolean;
  readonly executed: number;
  readonly joined: number;
  readonly resent: number;
  readonly stale: number;
}

export interface Worker {
  stats(): WorkerStats;
  /**
   * Takes no new steps, finishes those it has, waits until the owners have made the results durable, closes.
   * After `deadlineMs` what still runs is aborted and what is kept is left to be dispatched again.
   */
  drain(deadlineMs: number): Promise<void>;
  /** Aborts what runs and closes. */
  close(): Promise<void>;
}

type Entry = StepEntry<Session>;

const nowMs = (): number => performance.timeOrigin + performance.now();

/** What a step is told when its handler throws; the cause goes to the log, never to the workflow. */
const BROKEN: StepOutcome = {
  kind: 'failure',
  failure: {
    type: 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime',
    status: 500,
    title: 'The step could not be run',
    detail: 'Something broke in the worker that should not have; its log has the details',
  },
};

/** Starts a worker. It dials at once and goes on until it is drained or closed. */
export function startWorker(options: WorkerOptions): Worker {
  return new WorkerRuntime(options);
}

class WorkerRuntime implements Worker {
  readonly #options: WorkerOptions;
  readonly #limits: WorkerLimits;
  readonly #ledger = new StepLedger<Session>();
  readonly #links = new Map<string, OwnerLink>();
  readonly #stops: (() => void)[] = [];
  readonly #counts = { executed: 0, joined: 0, resent: 0, stale: 0 };
  #taking = true;
  #draining = false;
  #closed = false;
  /** Set when a result may have no open session: the next heartbeat looks for its owner again. */
  #someUnplaced = false;
  #idle: (() => void) | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_WORKER_LIMITS, ...options.limits };
    this.#stops.push(options.owners.onChange(() => this.#dialAll()));
    this.#stops.push(options.lanes.onChange((lane) => this.#offerKept(lane)));
    const heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#stops.push(() => clearInterval(heartbeat));
    this.#dialAll();
  }

  stats(): WorkerStats {
    const streams = [...this.#links.values()].filter((link) => link.session !== undefined).length;
    const { running, keptCount, keptBytes } = this.#ledger;
    return { running, kept: keptCount, keptBytes, streams, taking: this.#taking && !this.#draining, ...this.#counts };
  }

  async drain(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    this.#draining = true;
    for (const session of this.#sessions()) session.send({ $case: 'drain', value: {} });
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      timer = setTimeout(resolve, deadlineMs);
      this.#checkIdle();
    });
    clearTimeout(timer);
    const { running, keptCount } = this.#ledger;
    if (running > 0 || keptCount > 0) this.#options.log.warn('drained before everything had ended', { running, kept: keptCount });
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#ledger.cancelAll();
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.stop()));
  }

  *#sessions(): Iterable<Session> {
    for (const { session } of this.#links.values()) if (session !== undefined) yield session;
  }

  // Links

  #dialAll(): void {
    if (this.#closed) return;
    for (const owner of this.#options.owners.list()) {
      const known = this.#links.get(owner.instance);
      if (known?.owner.address === owner.address) continue;
      // The same name at another address is a new process: the old one is gone.
      if (known !== undefined) this.#dropLink(known);
      this.#links.set(owner.instance, this.#link(owner));
    }
  }

  #link(owner: OwnerAddress): OwnerLink {
    const link: OwnerLink = new OwnerLink({
      owner,
      log: this.#options.log,
      hello: () => this.#hello(),
      opened: (session) => {
        if (this.#draining) session.send({ $case: 'drain', value: {} });
        this.#offerKept();
      },
      received: (session, message) => this.#receive(session, message),
      closed: () => this.#offerKept(),
      // A link that works is kept even when the registry cannot be read; one that is lost needs the registry's word.
      wanted: () => this.#options.owners.list().some((each) => each.instance === owner.instance && each.address === owner.address),
      ended: () => {
        if (this.#links.get(owner.instance) === link) this.#links.delete(owner.instance);
      },
    });
    return link;
  }

  #dropLink(link: OwnerLink): void {
    void link.stop();
    this.#links.delete(link.owner.instance);
    this.#someUnplaced = true;
  }

  #hello(): NonNullable<WorkerMessage['message']> {
    const { worker, service, version, handler } = this.#options;
    return { $case: 'hello', value: { worker, service, version, operations: [...handler.operations], credits: this.#credits() } };
  }

  #credits(): { steps: number; bytes: number } {
    const granted = this.#taking && !this.#draining;
    return { steps: granted ? this.#limits.stepsPerStreamMax : 0, bytes: granted ? this.#limits.bytesPerStreamMax : 0 };
  }

  #beat(): void {
    for (const session of this.#sessions()) session.send({ $case: 'heartbeat', value: {} });
    if (this.#someUnplaced) this.#offerKept();
  }

  // Steps in

  #receive(session: Session, message: NonNullable<OwnerMessage['message']>): void {
    switch (message.$case) {
      case 'steps':
        this.#take(session, message.value.steps);
        break;
      case 'durable':
        this.#ledger.forget(message.value.numbers);
        this.#adjustCredits();
        this.#checkIdle();
        break;
      case 'cancel': {
        const { execution, run, activation, attempt } = message.value;
        this.#ledger.cancel(execution, run, activation, attempt);
        break;
      }
      case 'moved':
        for (const number of message.value.numbers) {
          const entry = this.#ledger.numbered(number);
          if (entry !== undefined) this.#reroute(entry, session);
        }
        break;
    }
  }

  #take(session: Session, steps: readonly Step[]): void {
    const { handler } = this.#options;
    let clockMs = nowMs();
    for (const step of steps) {
      const admission = this.#ledger.admit(step, session.instance, session, clockMs);
      switch (admission.kind) {
        case 'execute': {
          this.#counts.executed += 1;
          const { entry } = admission;
          let outcome: StepOutcome | Promise<StepOutcome>;
          try {
            outcome = handler.execute(step, entry);
          } catch (error) {
            outcome = this.#broken(step, error);
          }
          if (outcome instanceof Promise) this.#follow(entry, step, outcome);
          else {
            clockMs = nowMs();
            session.queue(this.#ledger.settle(entry, step, outcome, clockMs));
          }
          break;
        }
        case 'joined':
          this.#counts.joined += 1;
          break;
        case 'kept':
          this.#counts.resent += 1;
          if (admission.entry.result !== undefined) session.queue(admission.entry.result);
          break;
        case 'stale':
          this.#counts.stale += 1;
          this.#options.log.debug('step of a displaced owner refused', {
            execution: step.execution,
            lane: step.lane,
            epoch: step.epoch,
            highestEpoch: admission.highestEpoch,
          });
          break;
      }
    }
    session.flush();
    this.#adjustCredits();
  }

  #follow(entry: Entry, step: Step, outcome: Promise<StepOutcome>): void {
    void outcome
      .catch((error: unknown) => this.#broken(step, error))
      .then((settled) => {
        const result = this.#ledger.settle(entry, step, settled, nowMs());
        if (entry.place?.open === true) entry.place.queue(result);
        else this.#place(entry, undefined);
        this.#adjustCredits();
      });
  }

  #broken(step: Step, error: unknown): StepOutcome {
    this.#options.log.warn('a step handler threw', { execution: step.execution, operation: step.operation, error: String(error) });
    return BROKEN;
  }

  // Results out

  /** Whoever the claims name; while they name nobody, whoever dispatched the step. */
  #route(entry: Entry): Session | undefined {
    return this.#links.get(this.#options.lanes.ownerOf(entry.lane) ?? entry.owner)?.session;
  }

  /** Sends a kept result to where it belongs now, unless it is there or that is `except`. */
  #place(entry: Entry, except: Session | undefined): void {
    const target = this.#route(entry);
    if (target === undefined || target === except) {
      entry.place = undefined;
      this.#someUnplaced = true;
      return;
    }
    entry.place = target;
    this.#counts.resent += 1;
    if (entry.result !== undefined) target.queue(entry.result);
  }

  #reroute(entry: Entry, from: Session): void {
    if (entry.place === from || entry.place?.open !== true) this.#place(entry, from);
  }

  /** Offers kept results that are not where they belong: all, or those of one lane. */
  #offerKept(lane?: number): void {
    if (this.#closed) return;
    if (lane === undefined) this.#someUnplaced = false;
    for (const entry of this.#ledger.kept()) {
      if (lane !== undefined && entry.lane !== lane) continue;
      const target = this.#route(entry);
      if (entry.place?.open === true && (target === undefined || target === entry.place)) continue;
      this.#place(entry, undefined);
    }
  }

  #adjustCredits(): void {
    const { keptCount, keptBytes } = this.#ledger;
    const { keptResultsMax, keptBytesMax } = this.#limits;
    const taking = this.#taking
      ? keptCount < keptResultsMax && keptBytes < keptBytesMax
      : keptCount < keptResultsMax * KEPT_RESUME_SHARE && keptBytes < keptBytesMax * KEPT_RESUME_SHARE;
    if (taking === this.#taking) return;
    this.#taking = taking;
    this.#options.log.info(taking ? 'taking steps again' : 'kept results reached their limit: no credits granted', { kept: keptCount, keptBytes });
    for (const session of this.#sessions()) session.send({ $case: 'credits', value: this.#credits() });
  }

  #checkIdle(): void {
    if (this.#idle !== undefined && this.#ledger.running === 0 && this.#ledger.keptCount === 0) this.#idle();
  }
}
