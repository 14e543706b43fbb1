/** A schedule as it is kept: what it says, when it is due, and what it has come to. */
import type { CatchUp } from '@millrace/dsl';
import type { JsonValue } from '@millrace/engine';
import type { ScheduleRule } from './schedule-machine.ts';

/** What somebody has written. */
export interface ScheduleSpec {
  /** NAME or NAME@VERSION. */
  readonly workflow: string;
  readonly rule: ScheduleRule;
  readonly input: JsonValue;
  readonly catchUp: CatchUp;
}

export interface ScheduleRecord extends ScheduleSpec {
  readonly organisation: string;
  readonly name: string;
  readonly paused: boolean;
  /** Of a workflow's own schedule: the workflow, and the revision of its versions from which it was read. */
  readonly documentOf?: { readonly workflow: string; readonly revision: number };
  /** Grows by one with every change of what it says. */
  readonly revision: number;
  /** Absent while it is paused, or waits for the end of an execution. */
  readonly dueMs?: number;
  /** With `after`: the execution whose end it waits for, since when. */
  readonly waitsFor?: string;
  readonly waitsSinceMs?: number;
  readonly lastDueMs?: number;
  readonly lastExecution?: string;
  /** They only grow. */
  readonly started: number;
  readonly missed: number;
}

/** The name of a workflow's own schedule; no resource can have it, because of the full stop. */
export function documentScheduleName(workflow: string): string {
  return `workflow.${workflow}`;
}

/** The key of a start: with the workflow it decides the execution's id, so a due time is one execution. */
export function dueKey({ name }: { readonly name: string }, dueMs: number): string {
  return `schedule/${name}/${new Date(dueMs).toISOString()}`;
}
