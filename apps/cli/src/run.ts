/**
 * `millrace run FILE|NAME[@VERSION]`: starts an execution and waits for its end.
 *
 * Invariants
 * 1. However often a start is sent again after a lost answer, it is one execution: every start has a key.
 * 2. Running out of time, or Ctrl-C, ends the wait and never the execution.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { formatProblem } from '@millrace/dsl';
import { executionDocument, type ExecutionDocument } from '@millrace/documents';
import { MillraceError } from '@millrace/errors';
import { GATEWAY_OPTIONS, UsageError, type Arguments, type Command } from './command.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { executionText } from './execution-text.ts';
import { EXIT } from './exit-status.ts';
import type { GatewayClient, StartRequest } from './gateway-client.ts';
import { plan, PLAN_OPTIONS } from './plan.ts';
import { readInputJson, subjectOf } from './run-input.ts';
import { checkFile } from './source-files.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

const TIMEOUT_DEFAULT = '20s';
/** One wait at the gateway, in milliseconds; longer ones are made of several. */
const WAIT_MS_MAX = 60_000;
/** Before a start or a question is sent again, in milliseconds. */
const RETRY_MS = 200;

const ENDED: ReadonlySet<string> = new Set(['completed', 'faulted', 'cancelled']);
const STATUSES: Readonly<Record<string, number>> = { completed: EXIT.ok, faulted: EXIT.faulted, cancelled: EXIT.cancelled };

export const runCommand: Command = {
  name: 'run',
  synopsis: 'FILE|NAME[@VERSION] [--input JSON|@FILE|-]',
  summary: 'Run a workflow and wait for its end. A FILE runs as it is, without being registered. Exit status: 0 completed, 2 faulted, 3 cancelled, 4 not finished in time',
  options: {
    input: { type: 'text', value: 'JSON|@FILE|-', help: 'input: JSON, a file, or standard input' },
    timeout: { type: 'text', value: 'TIME', help: `how long to wait, such as 500ms or 2m (${TIMEOUT_DEFAULT}); the execution goes on after it` },
    'dry-run': { type: 'flag', help: 'show what it would do instead, as `plan` does' },
    ...PLAN_OPTIONS,
    key: { type: 'text', value: 'KEY', help: 'idempotency key: the same key is the same execution' },
    ...GATEWAY_OPTIONS,
  },
  positionals: { least: 1, most: 1 },
  async run(given, terminal) {
    if (given.flag('dry-run')) return plan(given, terminal);
    if (given.texts('approve').length > 0 || given.text('assume') !== undefined) throw new UsageError('--approve and --assume are of a plan; say --dry-run too');
    const timeoutMs = parseDuration(given.text('timeout') ?? TIMEOUT_DEFAULT);
    const inputJson = await readInputJson(given.text('input'), terminal);
    return withGateway(given, terminal, async (gateway) => {
      const workflow = await workflowOf(given, terminal, gateway);
      if (workflow === undefined) return EXIT.failed;
      const request = { workflow, version: '', inputJson, idempotencyKey: given.text('key') ?? randomUUID() };
      const document = await runToEnd(gateway, request, timeoutMs, terminal.interrupted);
      const status = STATUSES[document.status] ?? EXIT.unfinished;
      if (given.json) writeJson(terminal, document);
      else terminal.write(executionText(document));
      if (status === EXIT.unfinished && !given.json) {
        terminal.writeError(`Not finished after ${formatDuration(timeoutMs)}; it goes on: see \`millrace show ${document.execution}\`.\n`);
      }
      return status;
    });
  },
};

/** The name to start; undefined when the file is refused, which has then been said. */
async function workflowOf(given: Arguments, terminal: Terminal, gateway: GatewayClient): Promise<string | undefined> {
  const subject = subjectOf(given.positionals[0] ?? '', terminal.directory);
  if (subject.kind === 'registered') return subject.workflow;
  const { documents, problems } = await checkFile(subject.file, terminal);
  if (problems.length > 0) {
    if (given.json) writeJson(terminal, { problems });
    terminal.writeError(`${problems.map(formatProblem).join('\n')}\n`);
    return undefined;
  }
  const workflows = documents.flatMap((each) => (each.kind === 'workflow' ? [each] : []));
  const [only] = workflows;
  if (only === undefined || workflows.length > 1) throw new UsageError(`${subject.file} has ${workflows.length === 0 ? 'no workflow' : `${workflows.length} workflows`}; run takes a file with one`);
  const { hash } = await gateway.applyWorkflow({ document: JSON.stringify(only.document.value), fileName: subject.file, unregistered: true });
  return `sha256:${hash.replace(/^sha256:/, '')}`;
}

async function runToEnd(gateway: GatewayClient, request: Omit<StartRequest, 'waitMs'>, timeoutMs: number, interrupted: AbortSignal): Promise<ExecutionDocument> {
  const deadline = performance.now() + timeoutMs;
  // A gateway that is not there is told at once; one that goes away afterwards is waited for.
  const { execution } = await gateway.start({ ...request, waitMs: 0 });
  for (;;) {
    const waitMs = Math.max(1, Math.min(WAIT_MS_MAX, Math.ceil(deadline - performance.now())));
    try {
      const { status } = await interruptible(gateway.start({ ...request, waitMs }), execution, interrupted);
      if (ENDED.has(status) || performance.now() >= deadline) return executionDocument(await gateway.get(execution));
    } catch (error) {
      const failure = MillraceError.from(error);
      if (failure.retry.kind === 'never') throw failure;
      if (performance.now() + RETRY_MS >= deadline) throw new MillraceError(failure.reason, { message: `Execution ${execution} goes on, but could not be followed: ${failure.message}`, cause: error });
      await delay(RETRY_MS);
    }
  }
}

/** Ctrl-C ends the wait. */
function interruptible<T>(work: Promise<T>, execution: string, interrupted: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new MillraceError('argument-invalid', { message: `Stopped waiting; execution ${execution} goes on` }));
    if (interrupted.aborted) stop();
    interrupted.addEventListener('abort', stop, { once: true });
    void work.then(resolve, reject).finally(() => interrupted.removeEventListener('abort', stop));
  });
}
