/**
 * Tests of workflows from jest or any other test runner: one run is a value to look at.
 */
import { readFile } from 'node:fs/promises';
import { compileWorkflow, formatProblem, readDocuments, workflowOfValue, type Problem } from '@millrace/dsl';
import { MillraceError } from '@millrace/errors';
import type { CloudEvent, JsonValue, Problem as WorkflowError, Program } from '@millrace/engine';
import { coverageOf, type Coverage } from './coverage.ts';
import type { Mock, MockAnswer } from './mock.ts';
import { pathOf } from './path.ts';
import { isEmit, type Rehearsed } from './rehearse.ts';
import { runOnMocks } from './run-tests.ts';
import type { GivenApproval, GivenEvent } from './test-document.ts';

export interface RunOptions<Input = JsonValue> {
  readonly input?: Input;
  /** When the clock begins; 2026-01-01T00:00:00Z without it. */
  readonly startAt?: string;
  /** The first that matches answers. By task name they may be an object: `{ charge: { output: … } }`. */
  readonly mocks?: readonly Mock[] | Readonly<Record<string, MockAnswer & Pick<Mock, 'answers'>>>;
  readonly events?: readonly GivenEvent[];
  /** What people say when tasks ask them. */
  readonly approvals?: readonly GivenApproval[];
  /** Workflows that it runs. */
  readonly workflows?: readonly WorkflowUnderTest[];
}

export interface RunResult<Output = JsonValue> {
  readonly status: Rehearsed['status'];
  readonly output: Output | undefined;
  readonly error: WorkflowError | undefined;
  /** Names of the tasks in the order in which they began, without blocks. */
  readonly path: readonly string[];
  /** Names of all tasks that began, blocks too. */
  readonly ran: ReadonlySet<string>;
  readonly calls: readonly { readonly task: string; readonly operation: string; readonly arguments: JsonValue; readonly attempt: number }[];
  readonly emitted: readonly CloudEvent[];
  /** On the clock of the test, in milliseconds. */
  readonly tookMs: number;
  readonly rehearsed: Rehearsed;
}

export interface WorkflowUnderTest<Input = JsonValue, Output = JsonValue> {
  readonly program: Program;
  /** @throws MockError when a step has no mock */
  run(options?: RunOptions<Input>): RunResult<Output>;
  /** Of all its runs so far. */
  coverage(): Coverage;
}

/** The workflow in a file. @throws MillraceError when it is refused, with all its problems in the message */
export async function workflowFile(file: string): Promise<WorkflowUnderTest> {
  return workflowText(await readFile(file, 'utf8'), file);
}

/** The one workflow of a YAML or JSON text. @throws MillraceError */
export function workflowText(text: string, fileName = 'workflow.yaml'): WorkflowUnderTest {
  const read = readDocuments(text, { fileName });
  if (read.kind === 'refused') throw refusal(read.problems);
  const workflows = read.documents.flatMap((document) => (document.kind === 'workflow' ? [document] : []));
  const [workflow] = workflows;
  if (workflow === undefined || workflows.length > 1) throw new MillraceError('argument-invalid', { message: `${fileName} has ${workflows.length} workflows; a test is of one` });
  const result = compileWorkflow(workflow);
  if (result.kind === 'refused') throw refusal(result.problems);
  return underTest(result.program);
}

/** A document, such as a builder's. Its input and output are typed as the builder's are. @throws MillraceError */
export function workflowUnderTest<Input = JsonValue, Output = JsonValue>(document: TypedDocument<Input, Output>): WorkflowUnderTest<Input, Output> {
  const result = compileWorkflow(workflowOfValue(JSON.parse(JSON.stringify(document)) as { readonly [key: string]: JsonValue }, 'workflow'));
  if (result.kind === 'refused') throw refusal(result.problems);
  return underTest<Input, Output>(result.program);
}

/** A document that says in its type, and only there, what goes in and what comes out. */
export interface TypedDocument<Input = JsonValue, Output = JsonValue> {
  readonly document: object;
  readonly do: readonly object[];
  /** Never there. */
  readonly __types?: { readonly input: Input; readonly output: Output };
}

function refusal(problems: readonly Problem[]): MillraceError {
  return new MillraceError('workflow-invalid', { message: problems.map(formatProblem).join('\n') });
}

function underTest<Input, Output>(program: Program): WorkflowUnderTest<Input, Output> {
  const runs: Rehearsed[] = [];
  return {
    program,
    run: ({ input, mocks = [], workflows = [], ...rest } = {}) => {
      const given = input === undefined ? {} : { input: JSON.parse(JSON.stringify(input)) as JsonValue };
      const rehearsed = runOnMocks(program, { ...rest, ...given, mocks: mockList(mocks), workflows: workflows.map((each) => each.program) });
      runs.push(rehearsed);
      return resultOf<Output>(rehearsed);
    },
    coverage: () => coverageOf(program, runs),
  };
}

function mockList(mocks: NonNullable<RunOptions['mocks']>): readonly Mock[] {
  return Array.isArray(mocks) ? (mocks as readonly Mock[]) : Object.entries(mocks).map(([task, answer]) => ({ task, ...(answer as MockAnswer) }));
}

function resultOf<Output>(run: Rehearsed): RunResult<Output> {
  const path = pathOf(run.program, run.journal);
  return {
    status: run.status,
    output: run.output as Output | undefined,
    error: run.error,
    path: path.filter(({ isBlock }) => !isBlock).map(({ name }) => name),
    ran: new Set(path.map(({ name }) => name)),
    calls: run.steps.map((step) => ({ task: step.node.name, operation: step.operation, arguments: step.arguments, attempt: step.attempt })),
    emitted: run.steps.filter(isEmit).flatMap(({ answer }) => (answer.kind === 'output' ? [answer.value as CloudEvent] : [])),
    tookMs: run.endedAtMs - run.startedAtMs,
    rehearsed: run,
  };
}
