/**
 * Looks at everything that leaves a process and compares it with what is durable.
 *
 * E1 dispatches, answers, events, replies and acknowledgements of results; E2 epochs at workers; E3 checkpoints and
 * what is forgotten of the log; E4 inputs that a position passes over. The invariants of the throttle are looked at in
 * fairness-checks.ts, what holds at the end in final-checks.ts.
 */
import { decodeLaneInputs, restore, snapshotOf, type Reply, type Snapshot } from '@millrace/engine';
import type { CheckpointDocument, HistoryDocument } from '@millrace/lane';
import type { OwnerMessage, Result, Step, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import type { Pipe } from '../world/duplex.ts';
import type { Machine } from '../world/machine.ts';
import type { Database } from '../world/database.ts';
import type { World } from '../world/world.ts';
import { DurableTruth } from './durable-truth.ts';
import type { Violations } from './violations.ts';
import type { Program } from '@millrace/engine';

/** What the observer may look up. */
export interface Surroundings {
  program(hash: string): Program | undefined;
  payload(name: string): string | undefined;
  database(): Database;
  hasEvent(id: string): boolean;
}

export class Observer {
  readonly truth: DurableTruth;
  readonly violations: Violations;
  /** Replies sent, by subject. */
  readonly replies = new Map<string, Reply>();
  /** Inputs by lane and sequence: what stands in them. */
  readonly inputs = new Map<string, readonly string[]>();
  /** Steps that run at workers now, by organisation and key. */
  readonly running = new Map<string, Map<string, number>>();
  dispatched = 0;
  performed = 0;
  checkpoints = 0;
  /** Checkpoints of executions that may leave memory. */
  sleeps = 0;
  readonly leases = new Map<string, () => number>();
  readonly #world: World;
  readonly #around: Surroundings;
  readonly #highest = new Map<string, number>();
  /** Steps that came to a worker with a message for the second time, as worker/execution/activation/attempt. */
  readonly #copied = new Set<string>();

  constructor(world: World, violations: Violations, around: Surroundings) {
    this.#world = world;
    this.#around = around;
    this.violations = violations;
    this.truth = new DurableTruth(violations, (hash) => around.program(hash), (name) => around.payload(name));
    this.truth.positionMoved = (lane, from, to) => this.#inputsTaken(lane, from, to);
  }

  defect(what: string): void {
    this.violations.check('defect', false, () => what);
  }

  joined(machine: Machine, deadline: () => number): void {
    this.leases.set(machine.id, deadline);
  }

  // What the servers tell.

  landed(lane: number, sequence: number, text: string): void {
    this.truth.landed(lane, sequence, text);
  }

  /** U1: what recovery would need is kept. */
  forgetting(lane: number, below: number): void {
    const { checkpoints, history } = this.#around.database();
    for (const [id, known] of this.truth.executions) {
      const last = known.frames.findLast((frame) => frame.lane === lane && frame.sequence < below);
      if (last !== undefined && !history.has(id)) {
        const stored = checkpoints.get(id);
        const hasLeft = known.releases.some((release) => release.lane === lane && release.sequence > last.sequence);
        const holds = (frame: typeof last | undefined): boolean => stored !== undefined && frame !== undefined && (stored.lane ?? frame.lane) === frame.lane && stored.sequence >= frame.sequence;
        // Whoever sleeps moves as it is: the frames that adopt it, in one lane after the other, add nothing to its checkpoint.
        const upToLast = known.frames.slice(0, known.frames.indexOf(last) + 1);
        const sinceDecision = upToLast.slice(Math.max(0, upToLast.findLastIndex(({ adopts }) => adopts !== true)));
        const covers = hasLeft || holds(last) || (stored?.asleep === true && sinceDecision.some(holds));
        this.violations.check('E3', covers, () => `lane ${lane} forgets frame ${last.sequence} of execution ${id}, which neither a checkpoint (${stored?.sequence ?? 'none'}) nor history has`);
      }
      for (const told of known.told) {
        if (told.lane !== lane || told.sequence >= below) continue;
        this.violations.check('E9', this.#around.hasEvent(`${lane}/${told.sequence}/${id}/${told.index}`), () => `lane ${lane} forgets frame ${told.sequence}, whose event of execution ${id} was not published`);
      }
    }
  }

  /** U2: only what is in a durable frame. */
  forgettingInputs(lane: number, through: number): void {
    const position = this.truth.laneOf(lane).inputSequence;
    this.violations.check('E4', through <= position, () => `inputs of lane ${lane} up to ${through} are forgotten, ${position} are in its log`);
  }

  addedInput(lane: number, sequence: number, text: string): void {
    this.inputs.set(`${lane}/${sequence}`, decodeLaneInputs(text).flatMap((input) => (input.kind === 'start' ? [input.execution] : [])));
  }

  #inputsTaken(lane: number, from: number, to: number): void {
    for (let sequence = from + 1; sequence <= to; sequence++) {
      for (const id of this.inputs.get(`${lane}/${sequence}`) ?? []) {
        const isKnown = this.truth.executions.has(id) || this.#isSentOn(id, lane);
        this.violations.check('E4', isKnown, () => `the log of lane ${lane} says that input ${sequence} is taken, and execution ${id} was never started`);
      }
    }
  }

  /** Its slot has left, and the start stands in the input of another lane. */
  #isSentOn(id: string, lane: number): boolean {
    return [...this.inputs].some(([place, ids]) => !place.startsWith(`${lane}/`) && ids.includes(id));
  }

  checkpointing(document: CheckpointDocument): void {
    this.checkpoints++;
    if (document.asleep === true) this.sleeps++;
    const known = this.truth.executions.get(document._id);
    if (!this.violations.check('E3', known !== undefined, () => `there is a checkpoint of execution ${document._id}, which no frame has started`) || known === undefined) return;
    if (document.lane !== undefined && document.lane !== known.lane) return;
    this.violations.check('E3', document.sequence <= known.sequence, () => `the checkpoint of execution ${document._id} is of frame ${document.sequence}, the log has it up to ${known.sequence}`);
    if (document.sequence !== known.sequence || document.reference !== undefined) return;
    // States of different formats are compared in the oldest.
    const state = JSON.stringify(snapshotOf(restore(known.execution.organisation, document._id, known.execution.program, JSON.parse(document.state) as Snapshot)));
    this.violations.check('E3', state === this.truth.stateOf(document._id), () => `the checkpoint of execution ${document._id} at frame ${document.sequence} is not what the log amounts to:\n    ${state}\n    ${this.truth.stateOf(document._id) ?? ''}`);
  }

  ended(document: HistoryDocument): void {
    const end = this.truth.executions.get(document._id)?.execution.end;
    this.violations.check('E1', end !== undefined, () => `history has the end of execution ${document._id}, which is not durable`);
    if (end !== undefined) this.violations.check('E4', end.status === document.status, () => `history says that execution ${document._id} is ${document.status}, the log that it is ${end.status}`);
  }

  // What leaves processes.

  publishing(machine: Machine, ids: readonly string[]): void {
    if (!machine.alive) return;
    for (const id of ids) {
      const [lane, sequence, execution = '', index] = id.split('/');
      const told = this.truth.executions.get(execution)?.told.some((each) => each.lane === Number(lane) && each.sequence === Number(sequence) && each.index === Number(index));
      this.violations.check('E1', told === true, () => `${machine.id} publishes the event ${id}, which no durable frame has caused`);
    }
  }

  replied(machine: Machine, subject: string, reply: Reply): void {
    this.replies.set(subject, reply);
    const end = this.truth.executions.get(reply.execution)?.execution.end;
    if (reply.status !== 'refused') this.violations.check('E1', end?.status === reply.status, () => `${machine.id} replies that execution ${reply.execution} is ${reply.status}, durable is ${end?.status ?? 'no end'}`);
  }

  accepted(id: string): void {
    this.violations.check('E1', this.truth.executions.has(id), () => `the start of execution ${id} was accepted before it was durable`);
  }

  endTold(id: string, status: string, outputJson: string): void {
    const end = this.truth.executions.get(id)?.execution.end;
    if (!this.violations.check('E1', end !== undefined, () => `somebody was told that execution ${id} is ${status}, which is not durable`)) return;
    const output = end?.output === undefined ? '' : JSON.stringify(end.output.value);
    const told = outputJson === '' ? '' : JSON.stringify(JSON.parse(outputJson));
    this.violations.check('E4', end?.status === status && output === told, () => `somebody was told that execution ${id} is ${status} with ${told.slice(0, 80)}, durable is ${end?.status ?? ''} with ${output.slice(0, 80)}`);
  }

  /** Follows both directions of a worker's stream. */
  watchWork({ client, server }: Pipe<WorkerMessage, OwnerMessage>, worker: Machine, owner: Machine): void {
    const results = new Map<number, Result>();
    /** Steps of displaced owners, and when they came. */
    const stale = new Map<string, number>();
    server.leaving = ({ message }) => {
      if (!owner.alive) return;
      if (message?.$case === 'steps') for (const step of message.value.steps) this.#dispatching(owner, step);
      if (message?.$case === 'durable') for (const number of message.value.numbers) this.#forgiven(owner, results.get(number));
    };
    client.leaving = ({ message }) => {
      if (message?.$case === 'results') for (const result of message.value.results) {
        results.set(result.number, result);
        const staleMs = stale.get(`${result.execution}/${result.activation}/${result.attempt}`);
        this.violations.check('E2', staleMs !== this.nowMs, () => `${worker.id} answers ${owner.id}, which is displaced, with the result of ${result.execution}/${result.activation}/${result.attempt}`);
        this.#world.note(`${worker.id} sends to ${owner.id} the result of ${result.execution}/${result.activation}/${result.attempt}`);
      }
    };
    const arrived = new WeakSet<OwnerMessage>();
    client.arriving = (whole) => {
      const { message } = whole;
      if (message?.$case !== 'steps') return;
      const isCopy = arrived.has(whole);
      arrived.add(whole);
      for (const { lane, epoch, execution, activation, attempt } of message.value.steps) {
        const key = `${worker.id}/${lane}`;
        const step = `${execution}/${activation}/${attempt}`;
        if (isCopy) this.#copied.add(`${worker.id}/${step}`);
        else this.#copied.delete(`${worker.id}/${step}`);
        if (epoch < (this.#highest.get(key) ?? 0)) stale.set(step, this.nowMs);
        // The same owner has the lane again.
        else stale.delete(step);
        this.#highest.set(key, Math.max(epoch, this.#highest.get(key) ?? 0));
      }
    };
  }

  #dispatching(owner: Machine, step: Step): void {
    this.dispatched++;
    const key = `${step.execution}/${step.activation}/${step.attempt}`;
    this.#world.note(`${owner.id} dispatches ${key} of lane ${step.lane}, epoch ${step.epoch}`);
    if (!this.violations.check('E1', this.truth.wasEntered(step.execution, step.activation, step.attempt), () => `${owner.id} dispatches ${key}, which is not durable`)) return;
    const outstanding = this.truth.outstanding(step.execution, step.activation, step.attempt);
    if (outstanding !== undefined) this.violations.check('E5', outstanding.text === step.argumentsJson, () => `${owner.id} dispatches ${key} with other arguments than are durable`);
    owner.point('step dispatched');
  }

  /** A worker may forget a result: it is durable, or nobody will ever want it. */
  #forgiven(owner: Machine, result: Result | undefined): void {
    if (result === undefined) return;
    const outstanding = this.truth.outstanding(result.execution, result.activation, result.attempt);
    this.violations.check('E1', outstanding === undefined, () => `${owner.id} says that the result of ${result.execution}/${result.activation}/${result.attempt} is durable, and the log still waits for it`);
    owner.point('result made durable, worker not told');
  }

  /** A step begins at a worker; yields what to call when it has ended. What a process that died still runs to the end of its turn is nobody's. */
  performing(worker: Machine, step: Step): () => void {
    if (!worker.alive) return () => undefined;
    this.performed++;
    this.#world.note(`${worker.id} performs ${step.execution}/${step.activation}/${step.attempt} of lane ${step.lane}, epoch ${step.epoch}`);
    const highest = this.#highest.get(`${worker.id}/${step.lane}`) ?? 0;
    this.violations.check('E2', step.epoch >= highest, () => `${worker.id} performs a step of lane ${step.lane} of epoch ${step.epoch}, having seen epoch ${highest}`);
    const key = `${step.execution}/${step.activation}/${step.attempt}`;
    // Performed again because the network doubled a message, which connections do not do: nobody sent it twice.
    if (this.#copied.has(`${worker.id}/${key}`)) return () => worker.point('worker: result sent');
    const running = this.running.get(step.organisation) ?? new Map<string, number>();
    this.running.set(step.organisation, running);
    running.set(key, (running.get(key) ?? 0) + 1);
    let over = false;
    const done = (): void => {
      if (over) return;
      over = true;
      const count = (running.get(key) ?? 1) - 1;
      if (count === 0) running.delete(key);
      else running.set(key, count);
    };
    worker.onCrash(done);
    return () => {
      done();
      worker.point('worker: result sent');
    };
  }

  get nowMs(): number {
    return this.#world.nowMs;
  }
}
