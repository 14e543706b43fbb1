/**
 * What an execution's journal says about its tasks, in the order they started.
 *
 * The one reading of a journal from which the execution view and the trace are both made.
 */
import { NO_ACTIVATION } from './execution.ts';
import type { Program } from './program.ts';
import type { Problem } from './problem.ts';
import type { ApprovalAct, JournalEntry, JournalRecord, OperatorAct, StartedRecord } from './record.ts';

export type TaskStatus = 'running' | 'waiting' | 'completed' | 'faulted' | 'skipped' | 'cancelled';

/** One attempt of a task. */
export interface TaskAttempt {
  readonly attempt: number;
  readonly enteredAtMs: number;
  leftAtMs: number | undefined;
  error: Problem | undefined;
  /** The worker's part, when the task is a call. */
  step: { readonly dispatchedAtMs: number; readonly startedAtMs: number; readonly endedAtMs: number; readonly worker: string } | undefined;
}

/** One activation of a task. */
export interface TaskChronicle {
  readonly activation: number;
  readonly node: number;
  readonly parent: number;
  readonly iteration: number | undefined;
  status: TaskStatus;
  readonly attempts: TaskAttempt[];
  /** What it came to was taken over from another execution. */
  reused?: true;
}

/** What somebody did to the execution. */
export interface Operation {
  readonly atMs: number;
  readonly act: OperatorAct | ApprovalAct;
  readonly by: string;
  readonly reason: string | undefined;
  /** The reference of the approval that was acted on, and to whom it was delegated. */
  readonly task: string | undefined;
  readonly to: string | undefined;
}

export interface Chronicle {
  /** The journal's first record and its last. */
  readonly started: StartedRecord | undefined;
  readonly last: JournalRecord | undefined;
  readonly startedAtMs: number;
  readonly begunAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
  readonly status: 'completed' | 'faulted' | 'cancelled' | undefined;
  readonly error: Problem | undefined;
  readonly tasks: readonly TaskChronicle[];
  readonly operations: readonly Operation[];
}

/** Tasks of one execution that are shown; of more the first TASKS_FIRST and the last ones (E6). */
export const TASKS_SHOWN_MAX = 10_000;
const TASKS_FIRST = 1_000;
/** Operations of one execution that are shown: the first ones. */
export const OPERATIONS_SHOWN_MAX = 1_000;

function shownOf(tasks: readonly TaskChronicle[]): readonly TaskChronicle[] {
  return tasks.length <= TASKS_SHOWN_MAX ? tasks : [...tasks.slice(0, TASKS_FIRST), ...tasks.slice(TASKS_FIRST - TASKS_SHOWN_MAX)];
}

/** A chronicle that is written while its journal is read: what has been added need not be kept. */
export interface ChronicleWriter {
  add(entries: readonly JournalEntry[]): void;
  chronicle(): Chronicle;
}

export function writeChronicle(program: Program): ChronicleWriter {
  const reader = new Reader(program);
  return {
    add(entries) {
      for (const entry of entries) {
        if (entry.afterGap === true) reader.skip();
        for (const record of entry.records) reader.read(record, entry.atMs);
        reader.trim();
      }
    },
    chronicle: () => reader.chronicle(),
  };
}

export function chronicleOf(program: Program, entries: readonly JournalEntry[]): Chronicle {
  const writer = writeChronicle(program);
  writer.add(entries);
  return writer.chronicle();
}

function isWaiting(kind: string | undefined): boolean {
  return kind === 'wait' || kind === 'listen';
}

class Reader {
  readonly #program: Program;
  #tasks = new Map<number, TaskChronicle>();
  #started: StartedRecord | undefined;
  #last: JournalRecord | undefined;
  /** Activations that have not ended. */
  readonly #live = new Set<number>();
  /** Index of the running iteration, by the loop's activation. */
  readonly #iterations = new Map<number, number>();
  readonly #operations: Operation[] = [];
  #startedAtMs = 0;
  #begunAtMs: number | undefined;
  #endedAtMs: number | undefined;
  #status: Chronicle['status'];
  #error: Problem | undefined;

  constructor(program: Program) {
    this.#program = program;
  }

  chronicle(): Chronicle {
    return { started: this.#started, last: this.#last, startedAtMs: this.#startedAtMs, begunAtMs: this.#begunAtMs, endedAtMs: this.#endedAtMs, status: this.#status, error: this.#error, tasks: shownOf([...this.#tasks.values()]), operations: this.#operations };
  }

  /** Forgets tasks that will not be shown and of which nothing more can be said. One that faulted may be tried again. */
  trim(): void {
    if (this.#tasks.size <= 2 * TASKS_SHOWN_MAX) return;
    const from = this.#tasks.size - (TASKS_SHOWN_MAX - TASKS_FIRST);
    const kept = [...this.#tasks].filter(([number, { status }], place) => place < TASKS_FIRST || place >= from || this.#live.has(number) || status === 'faulted');
    // So many that are kept would be looked at again with every entry.
    if (kept.length < 1.5 * TASKS_SHOWN_MAX) this.#tasks = new Map(kept);
  }

  /** Something is left out here: how a call or a wait ended that was under way is not known, so it is not told. */
  skip(): void {
    for (const number of this.#live) {
      if (this.#isScope(number)) continue;
      this.#live.delete(number);
      this.#tasks.delete(number);
    }
  }

  read(record: JournalRecord, atMs: number): void {
    this.#last = record;
    switch (record.kind) {
      case 'started':
        this.#started = record;
        this.#startedAtMs = atMs;
        return;
      case 'begun':
        this.#begunAtMs = atMs;
        return;
      case 'entered':
        this.#open(record.activation, record.node, record.parent, record.attempt, atMs, isWaiting(this.#program.nodes[record.node]?.kind) ? 'waiting' : 'running');
        return;
      case 'passed':
      case 'skipped':
        this.#open(record.activation, record.node, record.parent, 1, atMs, 'running');
        this.#close(record.activation, atMs, record.kind === 'skipped' ? 'skipped' : 'completed');
        if (record.kind === 'passed' && record.reused === true) this.#reused(record.activation);
        return;
      case 'resolved': {
        const attempt = this.#close(record.activation, atMs, 'completed');
        if (attempt !== undefined) attempt.step = { dispatchedAtMs: record.dispatchedAtMs, startedAtMs: record.startedAtMs, endedAtMs: record.endedAtMs, worker: record.worker };
        return;
      }
      case 'exited':
        this.#close(record.activation, atMs, 'completed');
        return;
      case 'iterated':
        this.#iterations.set(record.activation, record.index);
        return;
      case 'failed': {
        const current = this.#tasks.get(record.activation)?.attempts.at(-1);
        if (current === undefined || current.attempt !== record.attempt) this.#open(record.activation, record.node, record.parent, record.attempt, atMs, 'running');
        const attempt = this.#close(record.activation, atMs, 'faulted');
        if (attempt !== undefined) {
          attempt.error = record.error;
          attempt.step = record.step;
        }
        if (record.reused === true) this.#reused(record.activation);
        return;
      }
      case 'retrying':
        this.#mark(record.activation, 'waiting');
        return;
      case 'resumed':
      case 'caught':
        this.#mark(record.activation, 'running');
        return;
      case 'heard':
      case 'collected':
        return;
      case 'operated':
        if (this.#operations.length < OPERATIONS_SHOWN_MAX) this.#operations.push({ atMs, act: record.act, by: record.by, reason: record.reason, task: this.#referenceOf(record.activation), to: record.to });
        return;
      case 'cut':
      case 'expired':
        this.#cut(record.activation, atMs);
        return;
      case 'ended':
        this.#endedAtMs = atMs;
        this.#status = record.status;
        this.#error = record.error;
        for (const number of this.#live) this.#close(number, atMs, record.status === 'completed' && this.#isScope(number) ? 'completed' : 'cancelled');
        return;
    }
  }

  #open(activation: number, node: number, parent: number, attempt: number, atMs: number, status: TaskStatus): void {
    const opened: TaskAttempt = { attempt, enteredAtMs: atMs, leftAtMs: undefined, error: undefined, step: undefined };
    const known = this.#tasks.get(activation);
    this.#live.add(activation);
    if (known !== undefined) {
      known.status = status;
      known.attempts.push(opened);
      return;
    }
    this.#tasks.set(activation, { activation, node, parent, iteration: this.#iterationBelow(parent), status, attempts: [opened] });
  }

  #reused(activation: number): void {
    const task = this.#tasks.get(activation);
    if (task !== undefined) task.reused = true;
  }

  #iterationBelow(parent: number): number | undefined {
    for (let scope = parent; scope !== NO_ACTIVATION; scope = this.#tasks.get(scope)?.parent ?? NO_ACTIVATION) {
      const index = this.#iterations.get(scope);
      if (index !== undefined) return index;
    }
    return undefined;
  }

  #close(activation: number, atMs: number, status: TaskStatus): TaskAttempt | undefined {
    const task = this.#tasks.get(activation);
    if (task === undefined) return undefined;
    task.status = status;
    this.#live.delete(activation);
    const attempt = task.attempts.at(-1);
    if (attempt !== undefined) attempt.leftAtMs = atMs;
    return attempt;
  }

  /** A scope is entered before what is inside it, so one pass finds all. */
  #cut(activation: number, atMs: number): void {
    const inside = new Set([activation]);
    for (const number of this.#live) {
      if (!inside.has(this.#tasks.get(number)?.parent ?? NO_ACTIVATION)) continue;
      inside.add(number);
      this.#close(number, atMs, 'cancelled');
    }
  }

  /** A block is complete when the workflow is; a call or a wait of another branch is not. */
  #isScope(activation: number): boolean {
    const kind = this.#program.nodes[this.#tasks.get(activation)?.node ?? 0]?.kind;
    return kind !== 'call' && !isWaiting(kind);
  }

  #referenceOf(activation: number | undefined): string | undefined {
    const node = activation === undefined ? undefined : this.#tasks.get(activation)?.node;
    return node === undefined ? undefined : this.#program.nodes[node]?.reference;
  }

  #mark(activation: number, status: TaskStatus): void {
    const task = this.#tasks.get(activation);
    if (task !== undefined) task.status = status;
  }
}
