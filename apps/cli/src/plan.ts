/**
 * `millrace plan`: what a workflow would do. Reads go out, writes are listed and approved one by one.
 *
 * Owns which steps are reads, what is assumed of writes, and how the plan is told. What follows from answers is
 * decided by the engine itself, in this process, on a clock that jumps.
 *
 * P1 Without approval nothing goes out but reads: an operation that is not known to be one is a write.
 * P2 What is assumed is never taken for an answer: every step says where its outcome came from.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { compileWorkflow, formatProblem, readDocuments } from '@millrace/dsl';
import { executionDocument } from '@millrace/documents';
import type { JsonValue } from '@millrace/engine';
import { checkTestDocument, createMockBook, ownAnswer, pathOf, rehearse, type Mock, type RehearsedStep, type StepAnswer } from '@millrace/workflow-testing';
import { GATEWAY_OPTIONS, UsageError, type Arguments, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { parseDuration } from './duration.ts';
import { onlyWorkflow } from './only-workflow.ts';
import { planText, type PlanDocument, type PlannedStep } from './plan-text.ts';
import { isRead, stepDocument } from './plan-step.ts';
import { readInputJson } from './run-input.ts';
import { readSource } from './source-files.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

/** How long one step may take. */
const STEP_TIMEOUT_DEFAULT = '30s';
/** Before an execution that has not ended is looked at again, in milliseconds. */
const RETRY_MS = 200;

export const PLAN_OPTIONS = {
  approve: { type: 'texts', value: 'TASK', help: 'perform the writes of this task, by name or reference; `all` for every write' },
  assume: { type: 'text', value: 'FILE', help: 'what writes answer that are not performed: a list of mocks, as in tests' },
} as const;

export const planCommand: Command = {
  name: 'plan',
  synopsis: 'FILE [--input JSON|@FILE|-] [--approve TASK]… [--assume FILE]',
  summary: 'Show what a workflow would do: reads go out, writes are listed and go out only where approved',
  options: {
    input: { type: 'text', value: 'JSON|@FILE|-', help: 'input: JSON, a file, or standard input' },
    timeout: { type: 'text', value: 'TIME', help: `how long one step may take (${STEP_TIMEOUT_DEFAULT})` },
    ...PLAN_OPTIONS,
    ...GATEWAY_OPTIONS,
  },
  positionals: { least: 1, most: 1 },
  run: plan,
};

/** Also `run --dry-run`. */
export async function plan(given: Arguments, terminal: Terminal): Promise<number> {
  const only = await onlyWorkflow('plan', given, terminal);
  if (only === undefined) return EXIT.failed;
  const compiled = compileWorkflow(only.document, { isChecked: true });
  if (compiled.kind === 'refused') throw new UsageError(compiled.problems.map(formatProblem).join('\n'));
  const inputJson = await readInputJson(given.text('input'), terminal);
  const book = createMockBook(await assumptionsOf(given, terminal));
  const steps: PlannedStep[] = [];
  const startMs = Date.now();
  const rehearsal = rehearse(compiled.program, { input: inputJson === '' ? {} : (JSON.parse(inputJson) as JsonValue), startMs });
  let next = rehearsal.next();
  while (next.done !== true) {
    const step = next.value;
    const { how, answer } = await decide(step, book, given, terminal);
    steps.push({ reference: step.node.reference, name: step.node.name, operation: step.operation, attempt: step.attempt, afterMs: step.atMs - startMs, how, arguments: step.arguments, answer: toldOf(answer) });
    next = rehearsal.next(answer);
  }
  const run = next.value;
  const document: PlanDocument = {
    workflow: run.program.name,
    version: run.program.version,
    status: run.status,
    output: run.output ?? null,
    error: run.error ?? null,
    path: pathOf(run.program, run.journal).filter(({ isBlock }) => !isBlock).map(({ reference }) => reference),
    tookMs: run.endedAtMs - run.startedAtMs,
    steps,
  };
  if (given.json) writeJson(terminal, document);
  else terminal.write(planText(document));
  return run.status === 'faulted' ? EXIT.faulted : run.status === 'completed' || run.status === 'waiting' ? EXIT.ok : EXIT.failed;
}

interface Decision {
  readonly how: PlannedStep['how'];
  readonly answer: StepAnswer;
}

async function decide(step: RehearsedStep, book: ReturnType<typeof createMockBook>, given: Arguments, terminal: Terminal): Promise<Decision> {
  const approved = given.texts('approve');
  const isApproved = approved.includes('all') || approved.includes(step.node.name) || approved.includes(step.node.reference);
  const assumed = book.answer(step)?.answer;
  if (assumed !== undefined && !isApproved) return { how: 'assumed', answer: assumed };
  if (step.operation.startsWith('millrace.echo:')) return { how: 'read', answer: { kind: 'output', value: step.arguments } };
  if (isRead(step)) return { how: 'read', answer: await perform(step, given, terminal) };
  if (isApproved || (await isAgreed(step, given, terminal))) return { how: 'written', answer: await perform(step, given, terminal) };
  return { how: 'withheld', answer: ownAnswer(step) ?? { kind: 'output', value: null } };
}

/** Asks who sits there; nobody does when the output is for a program. */
async function isAgreed(step: RehearsedStep, given: Arguments, terminal: Terminal): Promise<boolean> {
  if (given.json || terminal.ask === undefined) return false;
  const said = await terminal.ask(`${step.node.reference} would ${step.operation} with\n${JSON.stringify(step.arguments, undefined, 2)}\nPerform it now? [y/N] `);
  return /^y(?:es)?$/i.test(said.trim());
}

/** By the cluster's own workers, as an execution of that one step: with its connections, secrets, limits and guards. */
async function perform(step: RehearsedStep, given: Arguments, terminal: Terminal): Promise<StepAnswer> {
  const timeoutMs = parseDuration(given.text('timeout') ?? STEP_TIMEOUT_DEFAULT);
  const document = await withGateway(given, terminal, async (gateway) => {
    const { hash } = await gateway.applyWorkflow({ document: JSON.stringify(stepDocument(step)), fileName: 'plan', unregistered: true });
    const began = performance.now();
    const { execution } = await gateway.start({ workflow: `sha256:${hash.replace(/^sha256:/, '')}`, version: '', inputJson: '{}', idempotencyKey: randomUUID(), waitMs: timeoutMs });
    for (;;) {
      const found = executionDocument(await gateway.get(execution));
      if (ENDED.has(found.status) || performance.now() - began > timeoutMs) return found;
      await delay(RETRY_MS);
    }
  });
  if (document.status === 'completed') return { kind: 'output', value: document.output as JsonValue };
  if (document.error !== null) return { kind: 'failure', problem: { type: document.error.type, status: document.error.status, title: document.error.title, detail: document.error.detail } };
  return { kind: 'failure', problem: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', status: 408, title: 'Timeout', detail: `execution ${document.execution} of this step has not ended within ${timeoutMs} ms` } };
}

const ENDED: ReadonlySet<string> = new Set(['completed', 'faulted', 'cancelled']);

/** A list of mocks in YAML or JSON. */
async function assumptionsOf(given: Arguments, terminal: Terminal): Promise<readonly Mock[]> {
  const file = given.text('assume');
  if (file === undefined) return [];
  const text = await readSource(file, terminal);
  // Within a test it is checked as mocks are.
  const wrapped = `millrace: v1\nkind: test\nname: assumptions\nspec:\n  workflow: plan.yaml\n  cases: [{ name: plan }]\n  mocks:\n${text.replace(/^/gm, '    ')}`;
  const read = readDocuments(wrapped, { fileName: file });
  if (read.kind === 'refused') throw new UsageError(`--assume ${file}: ${read.problems[0]?.message ?? 'it cannot be read'}`);
  const [document] = read.documents;
  const checked = document?.kind === 'resource' ? checkTestDocument(document) : undefined;
  if (checked?.kind !== 'checked') throw new UsageError(`--assume ${file}: ${checked?.problems[0]?.message ?? 'it is no list of mocks'}`);
  return checked.test.spec.mocks ?? [];
}

function toldOf(answer: StepAnswer): PlannedStep['answer'] {
  switch (answer.kind) {
    case 'output':
      return { output: answer.value };
    case 'failure':
      return { error: answer.problem };
    case 'never':
    case 'workflow':
      return {};
  }
}
