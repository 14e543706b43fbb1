/**
 * Rehearsing: an execution of the engine's own core, in this process, on a clock that jumps.
 *
 * Owns the order of what happens: decisions, answers, events, timers. Does not own what a step answers: whoever
 * drives the rehearsal is asked for that, one step after another, and may answer at once or after any time.
 *
 * I1 The engine decides, and nothing else does: the same functions, records and limits as in an orchestrator.
 * I2 Time passes only when nothing can happen now; then it jumps to what is due next. Equal answers give equal journals.
 * I3 Every rehearsal ends: after MESSAGES_MAX messages it stops as `endless`, where nothing can ever come as `waiting`.
 */
import {
  advance, approvalsOf, begin, chooseApproval, decideApproval, elapse, hear, isListening, journalFor, payloadOf, resolve, start, WORKFLOW_OPERATION,
  type Activation, type CallNode, type CloudEvent, type Execution, type JournalEntry, type JournalRecord, type JsonValue, type Problem, type Program, type StartedRecord, type StepResult,
} from '@millrace/engine';

/** Most messages (answers, events, timers, turns) of one rehearsal. */
export const MESSAGES_MAX = 100_000;
/** Deepest nesting of workflows that run workflows, as in an orchestrator. */
export const WORKFLOW_DEPTH_MAX = 32;

/** A step that the execution waits for. */
export interface RehearsedStep {
  /** Which workflow it belongs to: an inner one has a rehearsal of its own. */
  readonly program: Program;
  readonly node: CallNode;
  readonly activation: number;
  readonly attempt: number;
  /** Name, version and catalogue, such as `http.request:1.0.0@default`. */
  readonly operation: string;
  readonly arguments: JsonValue;
  /** When it was sent, on the rehearsal's clock: milliseconds since the Unix epoch. */
  readonly atMs: number;
}

export type Outcome = { readonly kind: 'output'; readonly value: JsonValue } | { readonly kind: 'failure'; readonly problem: Problem };

/** What a step comes to; `never` leaves it without an answer. */
export type StepAnswer = (Outcome & { readonly tookMs?: number }) | { readonly kind: 'never' } | { readonly kind: 'workflow'; readonly program: Program; readonly input: JsonValue };

/** An event from outside. */
export interface RehearsedEvent {
  readonly event: CloudEvent;
  /** How long after the beginning it comes, in milliseconds; without it, as soon as a task takes it. */
  readonly afterMs?: number;
}

/** What a person says when a task asks. */
export interface RehearsedDecision {
  /** The task, by name or reference. */
  readonly task: string;
  readonly act: 'approve' | 'reject';
  readonly by: string;
  readonly comment?: string;
  /** How long they take, in milliseconds. */
  readonly afterMs: number;
}

export interface Rehearsed {
  readonly status: 'completed' | 'faulted' | 'cancelled' | 'waiting' | 'endless';
  readonly output: JsonValue | undefined;
  readonly error: Problem | undefined;
  readonly program: Program;
  readonly journal: readonly JournalEntry[];
  readonly steps: readonly (RehearsedStep & { readonly answer: StepAnswer })[];
  /** Workflows that this one ran, in the order in which they began. */
  readonly inner: readonly Rehearsed[];
  /** Given events that no task took. */
  readonly untaken: readonly CloudEvent[];
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

export interface RehearsalOptions {
  readonly input: JsonValue;
  readonly startMs: number;
  readonly events?: readonly RehearsedEvent[];
  /** Each is made once, for the first time that its task asks. */
  readonly decisions?: readonly RehearsedDecision[];
  readonly depth?: number;
}

/** Asks for the answer of each step by yielding it. */
export type Rehearsal = Generator<RehearsedStep, Rehearsed, StepAnswer>;

/** The outcome of one step, and when it is known. */
interface Pending {
  readonly step: RehearsedStep;
  readonly outcome: Outcome;
  readonly dueMs: number;
}

const ORGANISATION = 'default';

/** Answers every step at once by a function. */
export function rehearseWith(program: Program, options: RehearsalOptions, answer: (step: RehearsedStep) => StepAnswer): Rehearsed {
  const rehearsal = rehearse(program, options);
  let next = rehearsal.next();
  while (next.done !== true) next = rehearsal.next(answer(next.value));
  return next.value;
}

export function* rehearse(program: Program, options: RehearsalOptions): Rehearsal {
  const { depth = 0 } = options;
  const stage = new Stage(program, options);
  for (let count = 0; stage.execution.end === undefined; count++) {
    if (count >= MESSAGES_MAX) return stage.result('endless');
    if (stage.advanceReady()) continue;
    const step = stage.nextStep();
    if (step !== undefined) {
      const answer = yield step;
      if (answer.kind !== 'workflow') stage.take(step, answer, answer);
      else if (depth >= WORKFLOW_DEPTH_MAX) stage.take(step, answer, { kind: 'failure', problem: { type: RUNTIME, status: 500, title: 'Runtime', detail: `workflows run workflows more than ${WORKFLOW_DEPTH_MAX} deep` } });
      else {
        const inner = yield* rehearse(answer.program, { input: answer.input, startMs: stage.nowMs, depth: depth + 1 });
        stage.takeInner(step, answer, inner);
      }
      continue;
    }
    if (!stage.happen()) return stage.result('waiting');
  }
  return stage.result(stage.execution.end.status);
}

const RUNTIME = 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime';

/** One execution and everything that is on its way to it. */
class Stage {
  readonly execution: Execution;
  nowMs: number;
  readonly #startMs: number;
  readonly #journal: JournalEntry[] = [];
  readonly #asked = new Set<string>();
  readonly #steps: (RehearsedStep & { readonly answer: StepAnswer })[] = [];
  readonly #inner: Rehearsed[] = [];
  #pending: Pending[] = [];
  #events: RehearsedEvent[];
  #decisions: readonly RehearsedDecision[];

  constructor(program: Program, { input, startMs, events = [], decisions = [] }: RehearsalOptions) {
    const record: StartedRecord = { kind: 'started', definition: program.hash, workflow: program.name, version: program.version, input: payloadOf(input), acceptedAtMs: startMs, acceptedBy: 'rehearsal' };
    this.execution = start(ORGANISATION, EXECUTION_ID, program, record);
    this.nowMs = startMs;
    this.#startMs = startMs;
    this.#events = [...events];
    this.#decisions = decisions;
    this.#turn((journal) => begin(this.execution, journal), [record]);
  }

  #turn<T>(decide: (journal: ReturnType<typeof journalFor>) => T, before: readonly JournalRecord[] = []): T {
    const records: JournalRecord[] = [...before];
    const verdict = decide(journalFor(this.execution, this.nowMs, records));
    if (records.length > 0) this.#journal.push({ atMs: this.nowMs, records });
    return verdict;
  }

  advanceReady(): boolean {
    if (this.execution.ready.length === 0) return false;
    this.#turn((journal) => advance(this.execution, journal));
    return true;
  }

  /** A step that nobody has been asked about. */
  nextStep(): RehearsedStep | undefined {
    for (const activation of this.execution.activations.values()) {
      if (activation.arguments === undefined) continue;
      const key = `${activation.number}/${activation.attempt}`;
      if (this.#asked.has(key)) continue;
      this.#asked.add(key);
      return this.#stepOf(activation, activation.arguments.value);
    }
    return undefined;
  }

  #stepOf(activation: Activation, given: JsonValue): RehearsedStep {
    const { program } = this.execution;
    const node = program.nodes[activation.node];
    if (node?.kind !== 'call') throw new Error(`activation ${activation.number} has arguments and is no call`);
    return { program, node, activation: activation.number, attempt: activation.attempt, operation: node.operation, arguments: withoutSecrets(given), atMs: this.nowMs };
  }

  take(step: RehearsedStep, answer: StepAnswer, outcome: Outcome & { readonly tookMs?: number } | { readonly kind: 'never' }): void {
    this.#steps.push({ ...step, answer });
    if (outcome.kind !== 'never') this.#pending.push({ step, outcome, dueMs: this.nowMs + (outcome.tookMs ?? 0) });
    // Whoever listens in the same workflow hears what it emits.
    if (outcome.kind === 'output' && isEmit(step)) this.#events.unshift({ event: outcome.value as CloudEvent, afterMs: this.nowMs + (outcome.tookMs ?? 0) - this.#startMs });
  }

  takeInner(step: RehearsedStep, answer: StepAnswer, inner: Rehearsed): void {
    this.#inner.push(inner);
    const tookMs = inner.endedAtMs - inner.startedAtMs;
    if (step.node.isDetached === true) this.take(step, answer, { kind: 'output', value: null });
    else if (inner.status === 'completed') this.take(step, answer, { kind: 'output', value: inner.output ?? null, tookMs });
    else if (inner.status === 'waiting') this.take(step, answer, { kind: 'never' });
    else this.take(step, answer, { kind: 'failure', problem: inner.error ?? { type: RUNTIME, status: 500, title: 'Runtime', detail: `the workflow ${inner.program.name} was ${inner.status}` }, tookMs });
  }

  /** What is due first happens: answers before events before people before timers of the same moment. False when nothing ever will. */
  happen(): boolean {
    const answer = this.#pending.reduce<Pending | undefined>((first, each) => (first === undefined || each.dueMs < first.dueMs ? each : first), undefined);
    const event = this.#events.reduce<RehearsedEvent | undefined>((first, each) => (each.afterMs !== undefined && (first?.afterMs === undefined || each.afterMs < first.afterMs) ? each : first), undefined);
    const timer = earliest(this.execution);
    const eventMs = event?.afterMs === undefined ? Infinity : this.#startMs + event.afterMs;
    const decision = this.#nextDecision();
    const dueMs = Math.min(answer?.dueMs ?? Infinity, eventMs, decision?.dueMs ?? Infinity, timer?.dueMs ?? Infinity);
    const hasTime = dueMs > this.nowMs;
    // An event without a time of its own comes before the clock moves.
    if (hasTime && this.#deliverWaiting()) return true;
    if (dueMs === Infinity) return false;
    this.nowMs = Math.max(this.nowMs, dueMs);
    if (answer !== undefined && answer.dueMs === dueMs) this.#resolve(answer);
    else if (event !== undefined && eventMs === dueMs) this.#hear(event);
    else if (decision !== undefined && decision.dueMs === dueMs) this.#decide(decision.given);
    else if (timer !== undefined) this.#turn((journal) => elapse(this.execution, timer.number, journal));
    return true;
  }

  #resolve(pending: Pending): void {
    this.#pending = this.#pending.filter((each) => each !== pending);
    const { step, outcome } = pending;
    const told: StepResult['outcome'] = outcome.kind === 'output' ? { kind: 'output', payload: payloadOf(outcome.value) } : outcome;
    const times = { dispatchedAtMs: step.atMs, startedAtMs: step.atMs, endedAtMs: this.nowMs, worker: 'rehearsal' };
    this.#turn((journal) => resolve(this.execution, { activation: step.activation, attempt: step.attempt, run: this.execution.run, outcome: told, ...times }, journal));
  }

  /** An event at its time finds who listens then, or nobody. */
  #hear(given: RehearsedEvent): boolean {
    const taken = this.#turn((journal) => hear(this.execution, given.event, journal));
    if (taken) this.#events = this.#events.filter((each) => each !== given);
    else this.#events = this.#events.map((each) => (each === given ? { event: each.event, afterMs: Infinity } : each));
    return taken;
  }

  /** What somebody says first of the approvals that wait. */
  #nextDecision(): { readonly given: RehearsedDecision; readonly dueMs: number } | undefined {
    const asked = approvalsOf(this.execution).flatMap(({ name, reference, askedAtMs }) => {
      const given = this.#decisions.find(({ task }) => task === name || task === reference);
      return given === undefined ? [] : [{ given, dueMs: askedAtMs + given.afterMs }];
    });
    return asked.reduce<(typeof asked)[number] | undefined>((first, each) => (first === undefined || each.dueMs < first.dueMs ? each : first), undefined);
  }

  #decide(given: RehearsedDecision): void {
    this.#decisions = this.#decisions.filter((each) => each !== given);
    const choice = chooseApproval(this.execution, { task: given.task });
    if (choice.kind === 'found') this.#turn((journal) => decideApproval(this.execution, given.act, { by: given.by, ...(given.comment === undefined ? {} : { reason: given.comment }) }, choice.activation, undefined, journal));
  }

  #deliverWaiting(): boolean {
    if (!isListening(this.execution)) return false;
    for (const each of this.#events) {
      if (each.afterMs !== undefined) continue;
      if (this.#turn((journal) => hear(this.execution, each.event, journal))) {
        this.#events = this.#events.filter((other) => other !== each);
        return true;
      }
    }
    return false;
  }

  result(status: Rehearsed['status']): Rehearsed {
    const { end, program } = this.execution;
    const emitted = new Set(this.#steps.filter(isEmit).map(({ answer }) => (answer.kind === 'output' ? answer.value : undefined)));
    return {
      status,
      output: end?.output?.value,
      error: end?.error,
      program,
      journal: this.#journal,
      steps: this.#steps,
      inner: this.#inner,
      untaken: this.#events.map(({ event }) => event).filter((event) => !emitted.has(event)),
      startedAtMs: this.#startMs,
      endedAtMs: this.nowMs,
    };
  }
}

const EXECUTION_ID = 'k00000000000000000000000rehearsal';

function earliest(execution: Execution): { readonly number: number; readonly dueMs: number } | undefined {
  let first: { readonly number: number; readonly dueMs: number } | undefined;
  for (const { number, dueMs } of execution.activations.values()) if (dueMs !== undefined && (first === undefined || dueMs < first.dueMs)) first = { number, dueMs };
  return first;
}

/** Which secrets a step may open is the worker's business. */
function withoutSecrets(given: JsonValue): JsonValue {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || !Object.hasOwn(given, '$secrets')) return given;
  const { $secrets: _secrets, ...rest } = given as { readonly [key: string]: JsonValue };
  return rest;
}

/** Whether the step is an `emit`. */
export function isEmit({ operation }: Pick<RehearsedStep, 'operation'>): boolean {
  return operation.startsWith('event.emit:');
}

/** Whether the step runs another workflow. */
export function isSubflow({ operation }: Pick<RehearsedStep, 'operation'>): boolean {
  return operation === WORKFLOW_OPERATION;
}
