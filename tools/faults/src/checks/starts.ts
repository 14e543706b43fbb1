/**
 * E4 and idempotent starts: whatever was answered as accepted is one execution that ended as its workflow must, a key
 * names one execution for ever, and no execution is there that nobody started.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ClientStart, Evidence, Findings } from '../evidence.ts';

/** What a workflow does with a start, told independently of the product. */
export interface Model {
  readonly status: 'completed' | 'faulted' | 'cancelled';
  /** The output of a completed one. */
  readonly output: (key: string) => unknown;
}

export function checkStarts({ starts, ends, journals, cancels }: Pick<Evidence, 'starts' | 'ends' | 'journals' | 'cancels'>, modelOf: (workflow: string) => Model): Findings {
  const violations: string[] = [];
  const journalOf = new Map(journals.map((journal) => [journal.execution, journal]));
  const endOf = new Map(ends.map((end) => [end.execution, end]));
  const cancelled = new Set(cancels.map(({ execution }) => execution));
  const startOf = new Map<string, ClientStart>();
  for (const start of starts) {
    const { organisation, workflow, key } = start;
    const name = `${organisation}/${workflow}/${key}`;
    const executions = new Set(start.answers.map(({ execution }) => execution));
    if (executions.size === 0) violations.push(`the start ${name} was never accepted`);
    for (const execution of start.conflicts) violations.push(`the start ${name} was sent with another input, and accepted as ${execution}`);
    if (executions.size > 1) violations.push(`the start ${name} was answered with ${executions.size} executions: ${[...executions].join(', ')}`);
    for (const execution of executions) {
      const other = startOf.get(execution);
      if (other !== undefined && other !== start) violations.push(`the starts ${name} and ${other.organisation}/${other.workflow}/${other.key} were answered with the same execution ${execution}`);
      startOf.set(execution, start);
      const model = modelOf(workflow);
      const journal = journalOf.get(execution);
      const end = endOf.get(execution);
      if (journal === undefined) violations.push(`execution ${execution} of the start ${name} is not in the history`);
      else if (journal.organisation !== organisation || journal.workflow !== workflow || journal.key !== key) violations.push(`execution ${execution} of the start ${name} is one of ${journal.organisation}/${journal.workflow}/${journal.key}`);
      if (end === undefined || end.status !== model.status) violations.push(`execution ${execution} of the start ${name} is ${end?.status ?? 'not read'}, where ${model.status} is due ${end?.detail ?? ''}`.trimEnd());
      else if (journal !== undefined && journal.status !== end.status) violations.push(`execution ${execution} was read as ${end.status} and is ${journal.status} in the history`);
      if (end?.status === 'completed' && !isSame(end.outputJson, model.output(key))) violations.push(`execution ${execution} of the start ${name} has the output ${end.outputJson}`);
      if (journal?.status === 'cancelled' && !cancelled.has(execution)) violations.push(`execution ${execution} was cancelled, and nobody asked for that`);
      violations.push(...repliesOf(start, model, name));
    }
  }
  for (const { execution } of journals) if (!startOf.has(execution)) violations.push(`execution ${execution} is in the history, and no client was told of it`);
  return { violations, figures: { starts: starts.length, answers: starts.reduce((sum, { answers }) => sum + answers.length, 0) } };
}

/** Synchronous replies: what a client was told of the end is the end. */
function repliesOf({ answers }: ClientStart, model: Model, name: string): readonly string[] {
  const violations: string[] = [];
  for (const { status, outputJson, execution } of answers) {
    if (status === 'pending' || status === 'running') continue;
    if (status !== model.status) violations.push(`the start ${name} was told that execution ${execution} is ${status}, where ${model.status} is due`);
    else if (status === 'completed' && !isSame(outputJson ?? '', model.output(name.slice(name.lastIndexOf('/') + 1)))) violations.push(`the start ${name} was told the output ${outputJson} of execution ${execution}`);
  }
  return violations;
}

function isSame(json: string, wanted: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(json), wanted);
  } catch {
    return false;
  }
}
