import type { Delivery } from './deliveries.ts';
import { problemsOf, type Evidence } from './verdict.ts';

const DELIVERIES: readonly Delivery[] = ['a', 'b'].map((id) => ({ id, organisation: 'acme', event: 'push', body: '{}', commits: 1, labels: 2 }));
const summary = (execution: string, status = 'completed') => ({ execution, organisation: 'acme', workflow: 'w', version: '1.0.0', status, startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:01.000Z' });
const mail = { to: ['engineering@acme.example'], subject: 'acme: 2 GitHub deliveries handled', source: '' };

const GOOD: Evidence = {
  organisation: { name: 'acme', recipient: 'engineering@acme.example' },
  deliveries: DELIVERIES,
  accepted: new Map([['a', 'k1'], ['b', 'k2']]),
  listed: [summary('k1'), summary('k2')],
  observations: [],
  answered: new Map([['a', 1], ['b', 1]]),
  ledger: { deliveries: ['b', 'a'], commits: 2, labels: 4 },
  mails: [mail],
};

test('a run in which everything happened once has no problems', () => {
  expect(problemsOf(GOOD)).toEqual([]);
});

test.each<[string, Partial<Evidence>, string]>([
  ['one execution for two deliveries', { accepted: new Map([['a', 'k1'], ['b', 'k1']]) }, '2 deliveries gave 1 executions'],
  ['an execution too many', { listed: [...GOOD.listed, summary('k3')] }, '1 listed executions belong to no delivery'],
  ['an execution too few', { listed: GOOD.listed.slice(1) }, '2 deliveries, but 1 executions are listed'],
  ['an execution that faulted', { listed: [summary('k1'), summary('k2', 'faulted')] }, '1 executions have not completed (faulted)'],
  ['a delivery that was answered twice', { answered: new Map([['a', 2], ['b', 1]]) }, '1 deliveries were not answered exactly once'],
  ['a row that is missing', { ledger: { ...GOOD.ledger, deliveries: ['a'] } }, '1 deliveries stand in SQLite, 2 were sent'],
  ['a commit too many', { ledger: { ...GOOD.ledger, commits: 3 } }, '3 commits stand in SQLite, 2 were sent'],
  ['a label too few', { ledger: { ...GOOD.ledger, labels: 3 } }, '3 labels stand in SQLite, 4 were sent'],
  ['a mail that came twice', { mails: [mail, mail] }, '2 mails arrived for engineering@acme.example'],
  ['a mail that did not come', { mails: [] }, '0 mails arrived'],
  ['a mail that counts wrong', { mails: [{ ...mail, subject: 'acme: 1 GitHub deliveries handled' }] }, "the mail's subject is"],
])('%s is a problem', (_what, change, problem) => {
  expect(problemsOf({ ...GOOD, ...change }).join('\n')).toContain(problem);
});
