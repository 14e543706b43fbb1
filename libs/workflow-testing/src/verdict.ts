/**
 * What a case expected, held against what happened.
 *
 * V1 Everything that differs is said at once, each as one sentence with what was expected and what came.
 * V2 A case that states no status and no error expects that the workflow completes.
 */
import { PROBLEM_TYPES, statedDurationMs, type JsonValue } from '@millrace/engine';
import { differenceOf, shown } from './difference.ts';
import { createMockBook } from './mock.ts';
import { pathOf, type PathStep } from './path.ts';
import { isEmit, type Rehearsed } from './rehearse.ts';
import type { ExpectedCall, ExpectedError, Expectation } from './test-document.ts';

/** Sentences; none when the case holds. */
export function failuresOf(expected: Expectation, run: Rehearsed): readonly string[] {
  const path = pathOf(run.program, run.journal);
  return [
    ...statusFailures(expected, run),
    ...one('output', expected.output === undefined ? undefined : differenceOf(run.output, expected.output)),
    ...one('output', expected.outputContains === undefined ? undefined : differenceOf(run.output, expected.outputContains, { isPartial: true })),
    ...(expected.error === undefined ? [] : errorFailures(expected.error, run)),
    ...pathFailures(expected, path),
    ...(expected.calls ?? []).flatMap((call) => callFailures(call, run)),
    ...emittedFailures(expected.emitted, run),
    ...tookFailures(expected.took, run),
  ];
}

function one(what: string, difference: string | undefined): readonly string[] {
  return difference === undefined ? [] : [`${what}: ${difference}`];
}

function statusFailures({ status, error }: Expectation, run: Rehearsed): readonly string[] {
  const wanted = status ?? (error === undefined ? 'completed' : 'faulted');
  if (run.status === wanted) return [];
  const why = run.error === undefined ? (run.status === 'waiting' ? waitingFor(run) : '') : `: ${run.error.title ?? run.error.type} (${run.error.status}) at ${run.error.instance ?? '/'}${run.error.detail === undefined ? '' : `: ${run.error.detail}`}`;
  return [`status: expected ${wanted}, got ${run.status}${why}`];
}

function waitingFor(run: Rehearsed): string {
  const last = pathOf(run.program, run.journal).at(-1);
  return last === undefined ? '' : `: \`${last.name}\` waits for what never comes`;
}

function errorFailures(expected: ExpectedError, run: Rehearsed): readonly string[] {
  const { error } = run;
  if (error === undefined) return run.status === 'faulted' ? ['error: there is none'] : [];
  return Object.entries(expected).flatMap(([name, value]) => {
    const actual = error[name as keyof ExpectedError];
    const wanted = name === 'type' && Object.hasOwn(PROBLEM_TYPES, String(value)) ? PROBLEM_TYPES[value as keyof typeof PROBLEM_TYPES].type : value;
    return actual === wanted ? [] : [`error: expected ${name} ${shown(wanted as JsonValue)}, got ${shown(actual)}`];
  });
}

function pathFailures({ path: wanted, ran = [], notRan = [] }: Expectation, path: readonly PathStep[]): readonly string[] {
  const isNamed = (step: PathStep, name: string): boolean => step.name === name || step.reference === name;
  const failures: string[] = [];
  if (wanted !== undefined) {
    const counted = path.filter((step) => !step.isBlock || wanted.some((name) => isNamed(step, name)));
    const at = Array.from({ length: Math.max(wanted.length, counted.length) }, (_, index) => index).find((index) => {
      const step = counted[index];
      return step === undefined || wanted[index] === undefined || !isNamed(step, wanted[index]);
    });
    if (at !== undefined) failures.push(`path: task ${at + 1} should be ${wanted[at] ?? 'none'}, and is ${counted[at]?.name ?? 'none'}; it went ${counted.length === 0 ? 'nowhere' : counted.map(({ name }) => name).join(' > ')}`);
  }
  for (const name of ran) if (!path.some((step) => isNamed(step, name))) failures.push(`ran: ${name} did not run`);
  for (const name of notRan) if (path.some((step) => isNamed(step, name))) failures.push(`notRan: ${name} ran`);
  return failures;
}

/** A target matches a step as a mock does. */
function callFailures({ times, with: wanted, ...target }: ExpectedCall, run: Rehearsed): readonly string[] {
  const steps = run.steps.filter((step) => createMockBook([target]).answer(step) !== undefined);
  const what = `calls: ${Object.values(target).join(' ')}`;
  if (times !== undefined && steps.length !== times) return [`${what}: expected ${times} steps, got ${steps.length}`];
  if (times === undefined && steps.length === 0) return [`${what}: there was no such step`];
  if (wanted === undefined || times === 0) return [];
  const differences = steps.map((step) => differenceOf(step.arguments, wanted, { isPartial: true }));
  return differences.includes(undefined) ? [] : [`${what}: ${differences[0] ?? ''}`];
}

function emittedFailures(wanted: readonly JsonValue[] | undefined, run: Rehearsed): readonly string[] {
  if (wanted === undefined) return [];
  const emitted = run.steps.filter(isEmit).flatMap(({ answer }) => (answer.kind === 'output' ? [answer.value] : []));
  return one('emitted', differenceOf(emitted, wanted, { isPartial: true }));
}

function tookFailures(wanted: JsonValue | undefined, run: Rehearsed): readonly string[] {
  if (wanted === undefined) return [];
  const expectedMs = statedDurationMs(wanted) ?? 0;
  const actualMs = run.endedAtMs - run.startedAtMs;
  return actualMs === expectedMs ? [] : [`took: expected ${expectedMs} ms, got ${actualMs} ms`];
}
