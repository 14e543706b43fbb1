/**
 * The worker: one stream to every orchestrator that lives, steps in, results out.
 *
 * Owns the execution of steps, credits and draining. Does not own what a step does (the handler), the
 * bookkeeping of steps (the ledger, W1 to W3) nor where results go (the router, W4).
 *
 * W5 While kept results exceed their limits no credits are granted, and while too many steps run nothing is
 *    read, so memory is bounded.
 * W6 A handler that answers synchronously costs no promise, no timer and no abort controller; a received
 *    batch of such steps is answered by one message.
 */
import { systemClock, type Cancel, type Clock } from '@millrace/clock';
import type { OwnerMessage, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import { grpcTransport } from './grpc-transport.ts';
import { DEFAULT_WORKER_LIMITS, HEARTBEAT_MS, KEPT_RESUME_SHARE, type WorkerLimits } from './limits.ts';
import type { Session } from './owner-link.ts';
import { OwnerLinks } from './owner-links.ts';
import type { LaneDirectory, OwnerDirectory, Step, StepHandler, StepOutcome, WorkerLog } from './ports.ts';
import { ResultRouter } from './result-router.ts';
import { StepLedger, type StepEntry } from './step-ledger.ts';
import type { Transport } from './transport.ts';

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
  /** Default that of the process; steps are then timed by it, otherwise by the wall clock of this one, in whole milliseconds. */
  readonly clock?: Clock;
  /** Default gRPC. */
  readonly transport?: Transport;
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

const preciseNowMs = (): number => performance.timeOrigin + performance.now();

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
  readonly #clock: Clock;
  readonly #nowMs: () => number;
  readonly #ledger = new StepLedger<Session>();
  readonly #links: OwnerLinks;
  readonly #router: ResultRouter;
  readonly #stops: (() => void)[] = [];
  readonly #counts = { executed: 0, joined: 0, stale: 0 };
  /** Sessions that nothing is read from because too many steps run. */
  readonly #paused = new Set<Session>();
  #taking = true;
  #draining = false;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const clock = options.clock ?? systemClock;
    this.#clock = clock;
    this.#nowMs = options.clock === undefined ? preciseNowMs : () => clock.wallMs();
    this.#limits = { ...DEFAULT_WORKER_LIMITS, ...options.limits };
    this.#links = new OwnerLinks({
      owners: options.owners,
      log: options.log,
      clock,
      transport: options.transport ?? grpcTransport,
      hello: () => this.#hello(),
      opened: (session) => {
        if (this.#draining) session.send({ $case: 'drain', value: {} });
        this.#router.offerKept();
      },
      received: (session, message) => this.#receive(session, message),
      closed: () => this.#router.offerKept(),
    });
    this.#router = new ResultRouter(this.#ledger, options.lanes, (instance) => this.#links.sessionWith(instance));
    this.#stops.push(clock.every(HEARTBEAT_MS, () => this.#beat()));
    this.#stops.push(options.lanes.onChange((lane) => this.#router.offerKept(lane)));
    this.#links.start();
  }

  stats(): WorkerStats {
    const { running, keptCount, keptBytes } = this.#ledger;
    return {
      running,
      kept: keptCount,
      keptBytes,
      streams: [...this.#links.sessions()].length,
      taking: this.#taking && !this.#draining,
      resent: this.#router.resent,
      ...this.#counts,
    };
  }

  async drain(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    this.#draining = true;
    for (const session of this.#links.sessions()) session.send({ $case: 'drain', value: {} });
    let cancel: Cancel = () => undefined;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      cancel = this.#clock.after(deadlineMs, resolve);
      this.#checkIdle();
    });
    cancel();
    const { running, keptCount } = this.#ledger;
    if (running > 0 || keptCount > 0) this.#options.log.warn('drained before everything had ended', { running, kept: keptCount });
    await this.close();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#ledger.cancelAll();
    await this.#links.close();
  }

  #hello(): NonNullable<WorkerMessage['message']> {
    const { worker, service, version, handler } = this.#options;
    return { $case: 'hello', value: { worker, service, version, operations: [...handler.operations], credits: this.#credits(), readsDurableWithSteps: true } };
  }

  #credits(): { steps: number; bytes: number } {
    const granted = this.#taking && !this.#draining;
    return { steps: granted ? this.#limits.stepsPerStreamMax : 0, bytes: granted ? this.#limits.bytesPerStreamMax : 0 };
  }

  #beat(): void {
    for (const session of this.#links.sessions()) session.send({ $case: 'heartbeat', value: {} });
    this.#router.offerUnplaced();
  }

  #receive(session: Session, message: NonNullable<OwnerMessage['message']>): void {
    switch (message.$case) {
      case 'steps':
        if (message.value.durable.length > 0) this.#forget(message.value.durable);
        this.#take(session, message.value.steps);
        break;
      case 'durable':
        this.#forget(message.value.numbers);
        break;
      case 'cancel': {
        const { execution, run, activation, attempt } = message.value;
        this.#ledger.cancel(execution, run, activation, attempt);
        break;
      }
      case 'moved':
        this.#router.moved(message.value.numbers, session);
        break;
    }
  }

  #forget(numbers: readonly number[]): void {
    this.#ledger.forget(numbers);
    this.#adjustCredits();
    this.#checkIdle();
  }

  /** The hot path: one pass over the batch, one message back for all steps that answer at once (W6). */
  #take(session: Session, steps: readonly Step[]): void {
    let clockMs = this.#nowMs();
    for (const step of steps) {
      const admission = this.#ledger.admit(step, session.instance, session, clockMs);
      switch (admission.kind) {
        case 'execute': {
          this.#counts.executed += 1;
          const { entry } = admission;
          const outcome = this.#execute(step, entry);
          if (outcome instanceof Promise) {
            this.#follow(entry, step, outcome);
            break;
          }
          clockMs = this.#nowMs();
          session.queue(this.#ledger.settle(entry, step, outcome, clockMs));
          break;
        }
        case 'joined':
          this.#counts.joined += 1;
          break;
        case 'kept':
          this.#router.sendAgain(admission.entry);
          break;
        case 'stale':
          this.#refuse(step, admission.highestEpoch);
          break;
      }
    }
    session.flush();
    this.#adjustCredits();
    if (this.#ledger.running > this.#limits.runningStepsMax) {
      this.#paused.add(session);
      session.read(false);
    }
  }

  #execute(step: Step, entry: Entry): StepOutcome | Promise<StepOutcome> {
    try {
      return this.#options.handler.execute(step, entry);
    } catch (error) {
      return this.#broken(step, error);
    }
  }

  #follow(entry: Entry, step: Step, outcome: Promise<StepOutcome>): void {
    void outcome
      .catch((error: unknown) => this.#broken(step, error))
      .then((settled) => {
        this.#ledger.settle(entry, step, settled, this.#nowMs());
        this.#router.sendFirst(entry);
        this.#adjustCredits();
        this.#checkIdle();
        if (this.#paused.size === 0 || this.#ledger.running > this.#limits.runningStepsMax) return;
        for (const session of this.#paused) session.read(true);
        this.#paused.clear();
      });
  }

  #refuse({ execution, lane, epoch }: Step, highestEpoch: number): void {
    this.#counts.stale += 1;
    this.#options.log.debug('step of a displaced owner refused', { execution, lane, epoch, highestEpoch });
  }

  #broken(step: Step, error: unknown): StepOutcome {
    this.#options.log.warn('a step handler threw', { execution: step.execution, operation: step.operation, error: String(error) });
    return BROKEN;
  }

  #adjustCredits(): void {
    const { keptCount, keptBytes } = this.#ledger;
    const { keptResultsMax, keptBytesMax } = this.#limits;
    const share = this.#taking ? 1 : KEPT_RESUME_SHARE;
    const taking = keptCount < keptResultsMax * share && keptBytes < keptBytesMax * share;
    if (taking === this.#taking) return;
    this.#taking = taking;
    this.#options.log.info(taking ? 'taking steps again' : 'kept results reached their limit: no credits granted', { kept: keptCount, keptBytes });
    for (const session of this.#links.sessions()) session.send({ $case: 'credits', value: this.#credits() });
  }

  #checkIdle(): void {
    if (this.#idle !== undefined && this.#ledger.running === 0 && this.#ledger.keptCount === 0) this.#idle();
  }
}
