/**
 * Runs the cases of a test document.
 *
 * Owns one case: its mocks, its clock, its verdict. Does not own files or what is printed.
 */
import { performance } from 'node:perf_hooks';
import { statedDurationMs, type CloudEvent, type JsonValue, type Program } from '@millrace/engine';
import { coverageOf, type Coverage } from './coverage.ts';
import { createMockBook, MockError, ownAnswer, type Mock } from './mock.ts';
import { isSubflow, rehearseWith, type Rehearsed, type RehearsedDecision, type RehearsedEvent, type RehearsedStep, type StepAnswer } from './rehearse.ts';
import type { GivenApproval, GivenEvent, TestCase, TestDocument } from './test-document.ts';
import { failuresOf } from './verdict.ts';

/** When the clock of a case begins that does not say so. */
export const START_DEFAULT = '2026-01-01T00:00:00Z';

/** What a case or a test in TypeScript is given. */
export interface RunGiven {
  readonly input?: JsonValue;
  readonly startAt?: string;
  readonly mocks?: readonly Mock[];
  readonly events?: readonly GivenEvent[];
  readonly approvals?: readonly GivenApproval[];
  /** Workflows that are run, by name. */
  readonly workflows?: readonly Program[];
}

export interface CaseResult {
  readonly name: string;
  readonly line: number;
  /** Sentences; none when the case holds. */
  readonly failures: readonly string[];
  /** What happened; absent where the test itself is wrong. */
  readonly run?: Rehearsed;
  /** Of the machine that ran it, in milliseconds. */
  readonly durationMs: number;
}

export interface TestResult {
  readonly file: string;
  readonly name: string;
  readonly cases: readonly CaseResult[];
  readonly coverage: Coverage;
  /** A sentence, when less was run than the document demands. */
  readonly coverageFailure?: string;
}

/**
 * One run on mocks.
 * @throws MockError when a step has no mock, or a mock cannot be evaluated
 */
export function runOnMocks(program: Program, { input = {}, startAt = START_DEFAULT, mocks = [], events = [], approvals = [], workflows = [] }: RunGiven): Rehearsed {
  const book = createMockBook(mocks);
  return rehearseWith(program, { input, startMs: Date.parse(startAt), events: events.map((event, index) => rehearsedEvent(event, index, startAt)), decisions: approvals.map(rehearsedDecision) }, (step) => book.answer(step)?.answer ?? innerAnswer(step, workflows) ?? ownAnswer(step) ?? noMock(step));
}

/** Runs every case. `workflows` are those that the workflow may run. */
export function runTests(test: TestDocument, program: Program, workflows: readonly Program[] = []): TestResult {
  const cases = test.spec.cases.map((each, index) => runCase(test, each, test.lines[index] ?? 1, program, workflows));
  const coverage = coverageOf(program, cases.flatMap(({ run }) => (run === undefined ? [] : [run])));
  const least = test.spec.coverage?.tasks;
  const isLow = least !== undefined && coverage.percent < least;
  return { file: test.file, name: test.name, cases, coverage, ...(isLow ? { coverageFailure: `${coverage.percent} % of the tasks ran, and ${least} % must; not ${coverage.missed.join(', ')}` } : {}) };
}

function runCase(test: TestDocument, each: TestCase, line: number, program: Program, workflows: readonly Program[]): CaseResult {
  const began = performance.now();
  try {
    const run = runOnMocks(program, { ...each, mocks: [...(each.mocks ?? []), ...(test.spec.mocks ?? [])], workflows });
    return { name: each.name, line, failures: failuresOf(each.expect ?? {}, run), run, durationMs: performance.now() - began };
  } catch (error) {
    if (!(error instanceof MockError)) throw error;
    return { name: each.name, line, failures: [error.message], durationMs: performance.now() - began };
  }
}

function rehearsedEvent({ after, event }: GivenEvent, index: number, startAt: string): RehearsedEvent {
  const afterMs = after === undefined ? undefined : statedDurationMs(after);
  const filled: CloudEvent = { specversion: '1.0', id: `test-${index + 1}`, source: 'https://millrace.dev/test', time: new Date(Date.parse(startAt) + (afterMs ?? 0)).toISOString(), ...event };
  return { event: filled, ...(afterMs === undefined ? {} : { afterMs }) };
}

function rehearsedDecision({ task, decision, by = 'test', comment, after }: GivenApproval): RehearsedDecision {
  return { task, act: decision === 'approved' ? 'approve' : 'reject', by, ...(comment === undefined ? {} : { comment }), afterMs: (after === undefined ? undefined : statedDurationMs(after)) ?? 0 };
}

function innerAnswer(step: RehearsedStep, workflows: readonly Program[]): StepAnswer | undefined {
  if (!isSubflow(step)) return undefined;
  const { workflow, input } = step.arguments as { readonly workflow: string; readonly input: JsonValue };
  const [name, version] = workflow.split('@');
  const program = workflows.find((each) => each.name === name && (version === undefined || each.version === version));
  return program === undefined ? undefined : { kind: 'workflow', program, input };
}

function noMock(step: RehearsedStep): never {
  const name = step.operation.replace(/:.*$/, '');
  throw new MockError(`nothing answers ${name} of ${step.node.reference}: add a mock such as \`{ task: ${step.node.name}, output: … }\`, or mock \`operation: ${name}\``);
}
