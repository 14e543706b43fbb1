/**
 * An execution as its interfaces show it, made from its journal.
 */
import { chronicleOf, type Chronicle, type Operation, type TaskStatus } from './chronicle.ts';
import type { ExecutionStatus } from './execution.ts';
import type { JsonValue, Program } from './program.ts';
import type { RerunOrigin } from './reuse.ts';
import type { Problem } from './problem.ts';
import type { JournalEntry } from './record.ts';

export interface TaskView {
  readonly activation: number;
  readonly reference: string;
  readonly name: string;
  readonly iteration: number | undefined;
  readonly status: TaskStatus;
  readonly attempts: number;
  /** What it came to was taken over from another execution. */
  readonly reused: boolean;
  readonly startedAtMs: number;
  readonly endedAtMs: number | undefined;
}

export interface ExecutionView {
  readonly execution: string;
  readonly organisation: string;
  readonly workflow: string;
  readonly version: string;
  readonly definition: string;
  readonly status: ExecutionStatus;
  readonly input: JsonValue;
  readonly output: JsonValue | undefined;
  readonly error: Problem | undefined;
  readonly tasks: readonly TaskView[];
  /** The execution that it was made from by hand. */
  readonly origin: RerunOrigin | undefined;
  /** What was done to it by hand. */
  readonly operations: readonly Operation[];
  readonly startedAtMs: number;
  readonly endedAtMs: number | undefined;
}

/** `status` is the live one; the journal's own end wins. The root scope is not a task and is left out. */
export function viewOf(identity: { readonly organisation: string; readonly execution: string }, program: Program, entries: readonly JournalEntry[], status: ExecutionStatus): ExecutionView {
  return viewOfChronicle(identity, program, chronicleOf(program, entries), status);
}

/** As `viewOf`, of a journal that has been read. */
export function viewOfChronicle(identity: { readonly organisation: string; readonly execution: string }, program: Program, chronicle: Chronicle, status: ExecutionStatus): ExecutionView {
  const { started, last } = chronicle;
  return {
    ...identity,
    workflow: program.name,
    version: program.version,
    definition: program.hash,
    status: chronicle.status ?? status,
    input: started === undefined ? null : started.input.value,
    output: last?.kind === 'ended' ? last.output?.value : undefined,
    error: chronicle.error,
    tasks: chronicle.tasks.filter((task) => task.node !== 0).map((task) => {
      const node = program.nodes[task.node];
      return {
        activation: task.activation,
        reference: node?.reference ?? '',
        name: node?.name ?? '',
        iteration: task.iteration,
        status: task.status,
        attempts: task.attempts.length,
        reused: task.reused === true,
        startedAtMs: task.attempts[0]?.enteredAtMs ?? 0,
        endedAtMs: task.status === 'running' || task.status === 'waiting' ? undefined : task.attempts.at(-1)?.leftAtMs,
      };
    }),
    origin: chronicle.started?.origin,
    operations: chronicle.operations,
    startedAtMs: chronicle.startedAtMs,
    endedAtMs: chronicle.endedAtMs,
  };
}
