/** A plan as a document, and as text for people. */
import type { JsonValue } from '@millrace/engine';
import { formatDuration } from './duration.ts';

export interface PlannedStep {
  readonly reference: string;
  readonly name: string;
  readonly operation: string;
  readonly attempt: number;
  /** On the clock of the plan, from its beginning. */
  readonly afterMs: number;
  /** `read` and `written` went out; `withheld` did not, and its output is made up; `assumed` answered as --assume says. */
  readonly how: 'read' | 'written' | 'withheld' | 'assumed';
  readonly arguments: JsonValue;
  readonly answer: { readonly output?: JsonValue; readonly error?: object };
}

export interface PlanDocument {
  readonly workflow: string;
  readonly version: string;
  readonly status: string;
  readonly output: JsonValue;
  readonly error: { readonly type: string; readonly status: number; readonly title?: string; readonly detail?: string; readonly instance?: string } | null;
  readonly path: readonly string[];
  readonly tookMs: number;
  readonly steps: readonly PlannedStep[];
}

/** Longest value on a line, in characters. */
const VALUE_CHARACTERS_MAX = 160;

export function planText({ workflow, version, status, output, error, path, tookMs, steps }: PlanDocument): string {
  const withheld = steps.filter(({ how }) => how === 'withheld');
  const lines = [
    `Plan of ${workflow}@${version}`,
    '',
    ...steps.flatMap((step) => [`  ${step.how.padEnd(8)} ${step.reference}  ${step.operation.replace(/:.*$/, '')}${step.attempt > 1 ? `, attempt ${step.attempt}` : ''}${step.afterMs > 0 ? `, after ${formatDuration(step.afterMs)}` : ''}`, `           ${cut(step.arguments)}`, `           -> ${answerText(step)}`]),
    ...(steps.length === 0 ? ['  No steps go out.'] : []),
    '',
    `Path    ${path.length === 0 ? 'nothing runs' : path.map((each) => each.split('/').at(-1)).join(' > ')}`,
    `Then    ${status === 'waiting' ? 'it waits for what comes from outside' : status}${error === null ? '' : `: ${error.title ?? error.type} (${error.status}) at ${error.instance ?? '/'}: ${error.detail ?? ''}`}${tookMs > 0 ? `, after ${formatDuration(tookMs)}` : ''}`,
    ...(status === 'completed' ? [`Output  ${cut(output)}`] : []),
    ...(withheld.length === 0 ? [] : ['', `${withheld.length === 1 ? 'One write was' : `${withheld.length} writes were`} not performed, and what follows rests on an output that is made up (null, or the event).`, `Perform with ${[...new Set(withheld.map(({ name }) => `--approve ${name}`))].join(' ')}, or say with --assume what would come back.`]),
  ];
  return `${lines.join('\n')}\n`;
}

function answerText({ answer }: PlannedStep): string {
  if (answer.error !== undefined) return `error ${cut(answer.error as JsonValue)}`;
  return answer.output === undefined ? 'no answer' : cut(answer.output);
}

function cut(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length <= VALUE_CHARACTERS_MAX ? text : `${text.slice(0, VALUE_CHARACTERS_MAX - 1)}…`;
}
