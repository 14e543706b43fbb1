/** An execution as text for people. */
import type { ExecutionDocument, ExecutionListDocument, TaskDocument } from '@millrace/documents';
import { formatDuration } from './duration.ts';
import { textTable } from './text-table.ts';

/** Tasks that are listed; a loop can have thousands. */
const TASKS_SHOWN = 200;

export function executionText(document: ExecutionDocument): string {
  const { execution, status, workflow, version, organisation, error, output, tasks } = document;
  const lines = [`${execution}  ${status}  ${workflow}@${version} of ${organisation}${took(document)}`];
  if (error !== null) lines.push(`error  ${error.title} (${error.status}) at ${error.instance}: ${error.detail}`);
  if (status === 'completed') lines.push(`output ${JSON.stringify(output, undefined, 2)}`);
  const { origin } = document;
  if (origin !== null) lines.push(`${origin.act} of ${origin.execution} by ${origin.by}${origin.from === null ? '' : ` from ${origin.from}`}${origin.reason === null ? '' : `: ${origin.reason}`}`);
  for (const { at, act, by, reason } of document.operations) lines.push(`${act.padEnd(6)} by ${by} at ${at ?? ''}${reason === null ? '' : `: ${reason}`}`);
  const table = tasks.length === 0 ? '' : `\n${tasksTable(tasks.slice(0, TASKS_SHOWN))}`;
  const more = tasks.length > TASKS_SHOWN ? `… and ${tasks.length - TASKS_SHOWN} more tasks; --output json has all\n` : '';
  return `${lines.join('\n')}\n${table}${more}`;
}

function tasksTable(tasks: readonly TaskDocument[]): string {
  const rows = tasks.map((task) => [task.reference, task.iteration === undefined ? '' : String(task.iteration), task.reused === true ? 'reused' : task.status, String(task.attempts), span(task)]);
  return textTable(['task', 'iteration', 'status', 'attempts', 'took'], rows, ['left', 'right', 'left', 'right', 'right']);
}

export function executionListText({ executions, cursor }: ExecutionListDocument): string {
  if (executions.length === 0) return 'No executions.\n';
  const rows = executions.map((each) => [each.execution, each.status, `${each.workflow}@${each.version}`, each.startedAt ?? '', span(each)]);
  const table = textTable(['execution', 'status', 'workflow', 'started', 'took'], rows, ['left', 'left', 'left', 'left', 'right']);
  return cursor === null ? table : `${table}More with --cursor ${cursor}\n`;
}

interface Timed {
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

function span({ startedAt, endedAt }: Timed): string {
  return startedAt === null || endedAt === null ? '' : formatDuration(Date.parse(endedAt) - Date.parse(startedAt));
}

function took(timed: Timed): string {
  const text = span(timed);
  return text === '' ? '' : `  in ${text}`;
}
