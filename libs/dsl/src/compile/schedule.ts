/**
 * When a workflow starts by itself (DSL reference, Schedule): at times, after its own end, or by events.
 *
 * Owns the compiled form and what is refused. Does not own keeping time or hearing events: the trigger does.
 */
import type { EventSelection, Expression, JsonValue } from '@millrace/engine';
import { statedDurationMs } from '@millrace/engine';
import { readCron } from '../cron.ts';
import { isObject, property } from '../json-value.ts';
import type { WorkflowDocument } from '../source-document.ts';
import { createCompilation, type Compilation } from './compilation.ts';
import { compileSelection, compileUntil } from './events.ts';

/** Shortest interval of a schedule, milliseconds. */
export const EVERY_MS_MIN = 1_000;

/** How many events start a workflow: `until` belongs to `any`. */
export interface StartingEvents {
  readonly to: EventSelection;
  readonly until?: { readonly kind: 'condition'; readonly expression: Expression } | { readonly kind: 'events'; readonly selection: EventSelection };
}

export type WorkflowSchedule =
  | { readonly kind: 'every'; readonly everyMs: number }
  | { readonly kind: 'cron'; readonly cron: string }
  | { readonly kind: 'after'; readonly afterMs: number }
  | { readonly kind: 'on'; readonly events: StartingEvents };

const WAYS = ['every', 'cron', 'after', 'on'] as const;

/** The schedule of a document that was checked when it was applied; undefined when it has none. */
export function scheduleOf(document: WorkflowDocument): WorkflowSchedule | undefined {
  const compilation = createCompilation(document);
  const schedule = compileSchedule(compilation);
  return compilation.problems.length === 0 ? schedule : undefined;
}

/** What is wrong with the schedule is reported; the result is then of no use. */
export function compileSchedule(compilation: Compilation): WorkflowSchedule | undefined {
  const schedule = compilation.document.value['schedule'];
  if (!isObject(schedule)) return undefined;
  const ways = WAYS.filter((way) => schedule[way] !== undefined);
  const [way] = ways;
  if (way === undefined || ways.length > 1) {
    compilation.invalid({ pointer: '/schedule' }, way === undefined ? '`schedule` says nothing' : `\`schedule\` has ${ways.map((each) => `\`${each}\``).join(' and ')}`, 'write one of `every`, `cron`, `after` and `on`');
    return undefined;
  }
  switch (way) {
    case 'every':
      return { kind: 'every', everyMs: durationOf(compilation, schedule[way], way, EVERY_MS_MIN) };
    case 'after':
      return { kind: 'after', afterMs: durationOf(compilation, schedule[way], way, 0) };
    case 'cron': {
      const cron = String(schedule[way]);
      const read = readCron(cron);
      if (read.kind === 'refused') compilation.invalid({ pointer: '/schedule/cron' }, read.problem, 'such as `0 6 * * MON-FRI`');
      return { kind: 'cron', cron };
    }
    case 'on':
      return { kind: 'on', events: startingEvents(compilation, schedule[way]) };
  }
}

function startingEvents(compilation: Compilation, on: JsonValue | undefined): StartingEvents {
  const until = property(on, 'until');
  return {
    to: compileSelection(compilation, on, '/schedule/on', []),
    ...(property(on, 'any') === undefined || until === undefined || until === false ? {} : { until: compileUntil(compilation, until, '/schedule/on/until', []) }),
  };
}

function durationOf(compilation: Compilation, value: JsonValue | undefined, way: string, leastMs: number): number {
  const ms = value === undefined ? undefined : statedDurationMs(value);
  const pointer = `/schedule/${way}`;
  if (ms === undefined) compilation.invalid({ pointer }, 'this is no duration of fixed length', 'write an ISO 8601 text such as `PT30S`, or an object such as `{ minutes: 5 }`');
  else if (ms < leastMs) compilation.invalid({ pointer }, `the interval must be at least ${leastMs / 1_000} s`);
  return ms ?? leastMs;
}
