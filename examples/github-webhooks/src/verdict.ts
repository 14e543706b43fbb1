/** Whether everything happened exactly once: what the public API, the HTTP service, SQLite and the mail server say. */
import type { ExecutionSummaryDocument } from '@millrace/documents';
import type { Delivery } from './deliveries.ts';
import type { LedgerContent } from './ledger.ts';
import type { Mail } from './mail-server.ts';
import type { Observation } from './observation.ts';
import type { Organisation } from './organisations.ts';

export interface Evidence {
  readonly organisation: Organisation;
  /** What was sent for it. */
  readonly deliveries: readonly Delivery[];
  /** Execution by delivery, as the trigger answered. */
  readonly accepted: ReadonlyMap<string, string>;
  /** Every execution of the run that the public API lists. */
  readonly listed: readonly ExecutionSummaryDocument[];
  readonly observations: readonly Observation[];
  /** Good answers of the HTTP service, by delivery. */
  readonly answered: ReadonlyMap<string, number>;
  readonly ledger: LedgerContent;
  readonly mails: readonly Mail[];
}

/** One sentence for everything that is not as it has to be; none when all is well. */
export function problemsOf(evidence: Evidence): readonly string[] {
  const { organisation, deliveries, accepted, listed, observations, answered, ledger, mails } = evidence;
  const problems: string[] = [];
  const expect = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(`${organisation.name}: ${problem}`);
  };

  const executions = new Set(deliveries.map((delivery) => accepted.get(delivery.id)));
  expect(executions.size === deliveries.length, `${deliveries.length} deliveries gave ${executions.size} executions`);
  expect(listed.length === deliveries.length, `${deliveries.length} deliveries, but ${listed.length} executions are listed`);
  const strangers = listed.filter((each) => !executions.has(each.execution));
  expect(strangers.length === 0, `${strangers.length} listed executions belong to no delivery`);
  const unfinished = listed.filter((each) => each.status !== 'completed');
  expect(unfinished.length === 0, `${unfinished.length} executions have not completed (${[...new Set(unfinished.map((each) => each.status))].join(', ')}), ${unfinished[0]?.execution ?? ''} for one`);
  expect(observations.every((each) => each.status === 'completed'), 'an execution that was listed as completed is shown as something else');

  const unasked = deliveries.filter((delivery) => answered.get(delivery.id) !== 1);
  expect(unasked.length === 0, `${unasked.length} deliveries were not answered exactly once by the HTTP service`);

  const rows = new Set(ledger.deliveries);
  expect(ledger.deliveries.length === deliveries.length && deliveries.every((delivery) => rows.has(delivery.id)), `${ledger.deliveries.length} deliveries stand in SQLite, ${deliveries.length} were sent`);
  const commits = deliveries.reduce((sum, delivery) => sum + delivery.commits, 0);
  expect(ledger.commits === commits, `${ledger.commits} commits stand in SQLite, ${commits} were sent`);
  const labels = deliveries.reduce((sum, delivery) => sum + delivery.labels, 0);
  expect(ledger.labels === labels, `${ledger.labels} labels stand in SQLite, ${labels} were sent`);

  const own = mails.filter((mail) => mail.to.includes(organisation.recipient));
  expect(own.length === 1, `${own.length} mails arrived for ${organisation.recipient}, one was asked for`);
  expect(own.every((mail) => mail.subject.includes(`${organisation.name}: ${deliveries.length} `)), `the mail's subject is ${JSON.stringify(own[0]?.subject ?? '')}`);
  return problems;
}
