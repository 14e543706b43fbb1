/** E4 and E5 in the history: every journal has one beginning, one end and one outcome for each attempt of a step. */
import type { Evidence, Findings, Journal } from '../evidence.ts';

export function checkJournals({ journals }: Pick<Evidence, 'journals'>): Findings {
  const violations = journals.flatMap(violationsOf);
  const steps = journals.reduce((sum, { entries }) => sum + entries.reduce((count, { records }) => count + records.filter(({ kind }) => kind === 'resolved').length, 0), 0);
  return { violations, figures: { executions: journals.length, steps } };
}

function violationsOf({ execution, status, entries }: Journal): readonly string[] {
  const violations: string[] = [];
  const records = entries.flatMap((entry) => entry.records);
  const started = records.filter(({ kind }) => kind === 'started').length;
  if (started !== 1) violations.push(`execution ${execution} has ${started} first records`);
  if (records[0] !== undefined && records[0].kind !== 'started') violations.push(`execution ${execution} begins with ${records[0].kind}`);
  const ended = records.filter(({ kind }) => kind === 'ended');
  if (ended.length !== 1) violations.push(`execution ${execution} has ${ended.length} terminal records`);
  if (ended.length === 1 && records.at(-1) !== ended[0]) violations.push(`execution ${execution} has records after its end`);
  if (ended.length === 1 && ended[0]?.status !== status) violations.push(`execution ${execution} is ${status} in the history and ${ended[0]?.status} in its journal`);
  const outcomes = new Set<string>();
  const resolved = new Set<number>();
  for (const { kind, activation, attempt, worker } of records) {
    if (activation === undefined || worker === undefined || (kind !== 'resolved' && kind !== 'failed')) continue;
    const outcome = `${activation} attempt ${attempt}`;
    if (outcomes.has(outcome)) violations.push(`execution ${execution}: activation ${outcome} has two outcomes`);
    outcomes.add(outcome);
    if (kind !== 'resolved') continue;
    if (resolved.has(activation)) violations.push(`execution ${execution}: activation ${activation} has two results`);
    resolved.add(activation);
  }
  return violations;
}
