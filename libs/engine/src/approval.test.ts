import { apply } from './apply.ts';
import { approvalsOf, chooseApproval } from './approval.ts';
import { begin, decideApproval, elapse, hear, journalFor, start } from './decide.ts';
import { explain } from './explain.ts';
import { restingUntil, statusOf, type Execution } from './execution.ts';
import { isListening } from './listen.ts';
import { payloadOf } from './payload.ts';
import type { ApprovalAct, JournalRecord, StartedRecord } from './record.ts';
import { restore, snapshotOf } from './snapshot.ts';
import { computed, literal, program, type Task } from './testing/program-builder.ts';
import { viewOf } from './view.ts';

const ask = (name: string, more: object = {}): Task => ({ name, kind: 'listen', to: { mode: 'one', filters: [] }, approval: computed((input: number) => ({ title: `Pay ${input}?`, assignee: 'ada@example.com' })), ...more }) as Task;

function begun(...tasks: readonly Task[]) {
  const of = program(tasks);
  const record: StartedRecord = { kind: 'started', definition: of.hash, workflow: of.name, version: of.version, input: payloadOf(12), acceptedAtMs: 0, acceptedBy: 'test' };
  const execution = start('acme', 'x', of, record);
  const entries: { atMs: number; records: JournalRecord[] }[] = [{ atMs: 0, records: [record] }];
  const turn = <T>(atMs: number, decide: (journal: ReturnType<typeof journalFor>) => T): T => {
    const records: JournalRecord[] = [];
    const result = decide(journalFor(execution, atMs, records));
    if (records.length > 0) entries.push({ atMs, records });
    return result;
  };
  const act = (atMs: number, what: ApprovalAct, task = '', to?: string): string => {
    const choice = chooseApproval(execution, { task });
    if (choice.kind === 'refused') return choice.reason;
    turn(atMs, (journal) => decideApproval(execution, what, { by: 'acme/k1', reason: 'fine' }, choice.activation, to, journal));
    return 'done';
  };
  turn(1, (journal) => begin(execution, journal));
  return { execution, entries, turn, act };
}

/** The state that the journal and the checkpoint of an execution give, each as text. */
function rebuilt({ execution, entries }: { readonly execution: Execution; readonly entries: readonly { readonly atMs: number; readonly records: readonly JournalRecord[] }[] }): readonly string[] {
  const [first, ...rest] = entries;
  const replayed = start('acme', 'x', execution.program, first?.records[0] as StartedRecord);
  for (const { atMs, records } of rest) for (const each of records) apply(replayed, each, atMs);
  return [JSON.stringify(snapshotOf(replayed)), JSON.stringify(snapshotOf(restore('acme', 'x', execution.program, snapshotOf(execution))))];
}

test('an approval waits without a worker, an event or an end, and says what is to be decided', () => {
  const { execution, turn } = begun(ask('pay'));
  expect(statusOf(execution)).toBe('waiting');
  expect(restingUntil(execution)).toBe(Infinity);
  expect(isListening(execution)).toBe(false);
  expect(turn(2, (journal) => hear(execution, { id: '1', source: 's', type: 'any' }, journal))).toBe(false);
  expect(approvalsOf(execution)).toEqual([{ activation: 2, reference: '/do/0/pay', name: 'pay', details: { title: 'Pay 12?', assignee: 'ada@example.com' }, assignee: 'ada@example.com', delegations: 0, askedAtMs: 1, expiresAtMs: undefined }]);
  expect(explain(execution, { nowMs: 2, stepPlace: () => ({ kind: 'queued' }) })).toBe('It waits for the approval of task /do/0/pay by ada@example.com.');
});

test.each([
  ['approve', 'approved'],
  ['reject', 'rejected'],
] as const)('%s is the output of the task, and is decided once', (act, decision) => {
  const { execution, entries, act: decide } = begun(ask('pay'));
  expect(decide(5, act)).toBe('done');
  expect(execution.end?.output?.value).toEqual({ decision, by: 'acme/k1', comment: 'fine', at: '1970-01-01T00:00:00.005Z' });
  expect(decide(6, 'reject')).toBe('approval-unknown');
  expect(viewOf({ organisation: 'acme', execution: 'x' }, execution.program, entries, 'running').operations).toEqual([{ atMs: 5, act, by: 'acme/k1', reason: 'fine', task: '/do/0/pay' }]);
});

test('a delegation names the next person, stays in log and checkpoint, and makes what was signed before void', () => {
  const one = begun(ask('pay'));
  const { execution, act } = one;
  const [before] = approvalsOf(execution);
  expect(act(3, 'delegate', 'pay', 'bob@example.com')).toBe('done');
  expect(approvalsOf(execution)).toMatchObject([{ assignee: 'bob@example.com', delegations: 1 }]);
  for (const state of rebuilt(one)) expect(state).toBe(JSON.stringify(snapshotOf(execution)));
  expect(chooseApproval(execution, { task: '', signed: { activation: before?.activation ?? 0, delegations: 0 } })).toMatchObject({ kind: 'refused', reason: 'approval-link-void', message: expect.stringContaining('bob@example.com') });
  expect(chooseApproval(execution, { task: '', signed: { activation: before?.activation ?? 0, delegations: 1 } })).toMatchObject({ kind: 'found' });
});

test('what was signed for one task is nothing for the next of the same kind', () => {
  const { execution, act } = begun(ask('first', { outputAs: literal(1) }), ask('second'));
  const [first] = approvalsOf(execution);
  act(2, 'approve');
  expect(approvalsOf(execution)).toMatchObject([{ name: 'second' }]);
  expect(chooseApproval(execution, { task: '', signed: { activation: first?.activation ?? 0, delegations: 0 } })).toMatchObject({ kind: 'refused', reason: 'approval-unknown' });
  expect(chooseApproval(execution, { task: 'first' })).toMatchObject({ kind: 'refused', message: 'Execution x waits for no approval first; it waits for second' });
});

test('an approval whose time is over is an error of type timeout, and is decided no more', () => {
  const { execution, turn, act } = begun(ask('pay', { timeoutMs: 100 }));
  expect(restingUntil(execution)).toBe(101);
  expect(approvalsOf(execution)).toMatchObject([{ expiresAtMs: 101 }]);
  turn(101, (journal) => elapse(execution, 2, journal));
  expect(execution.end).toMatchObject({ status: 'faulted', error: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout' } });
  expect(act(102, 'approve')).toBe('approval-unknown');
});

test('details that cannot be worked out fault the task at once', () => {
  const { execution } = begun(ask('pay', { approval: { kind: 'expression', expression: { source: '.x', variables: [], evaluate: () => ({ kind: 'error', message: 'no x' }) } } }));
  expect(execution.end).toMatchObject({ status: 'faulted', error: { instance: '/do/0/pay' } });
});
