/** `millrace approve` and `reject`: a person's decision on a task that waits for it. */
import { approvalLinkDocument, approvalListDocument, executionDocument } from '@millrace/documents';
import { GATEWAY_OPTIONS, UsageError, type Arguments, type Command } from './command.ts';
import { parseDuration } from './duration.ts';
import { EXIT } from './exit-status.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { textTable } from './text-table.ts';
import { withGateway } from './with-gateway.ts';

export const approveCommand: Command = {
  name: 'approve',
  synopsis: 'ID [TASK] [--delegate PERSON | --link | --list]',
  summary: 'Approve what an execution asks for, give the decision to somebody else, make a link for it, or list what it waits for',
  options: {
    reason: { type: 'text', value: 'TEXT', help: 'a comment; the workflow gets it, and it stands in the history of the execution' },
    delegate: { type: 'text', value: 'PERSON', help: 'somebody else is to decide; links made before are void' },
    link: { type: 'flag', help: 'make a link by which a person decides without a key' },
    for: { type: 'text', value: 'PERSON', help: 'with --link: for whom; without it whose turn it is' },
    valid: { type: 'text', value: 'DURATION', help: 'with --link: how long it can be used, as 2h; seven days without it' },
    list: { type: 'flag', help: 'list what the execution waits for' },
    ...GATEWAY_OPTIONS,
  },
  positionals: { least: 1, most: 2 },
  async run(given, terminal) {
    const [execution = '', task = ''] = given.positionals;
    const to = given.text('delegate');
    if ([to !== undefined, given.flag('link'), given.flag('list')].filter(Boolean).length > 1) throw new UsageError('--delegate, --link and --list exclude each other');
    if (!given.flag('link') && (given.text('for') ?? given.text('valid')) !== undefined) throw new UsageError('--for and --valid go with --link');
    if (given.flag('list')) return list(given, terminal, execution);
    if (given.flag('link')) return link(given, terminal, execution, task);
    return act(given, terminal, { execution, task, act: to === undefined ? 'approve' : 'delegate', to: to ?? '' });
  },
};

export const rejectCommand: Command = {
  name: 'reject',
  synopsis: 'ID [TASK]',
  summary: 'Reject what an execution asks for',
  options: { reason: { type: 'text', value: 'TEXT', help: 'a comment; the workflow gets it, and it stands in the history of the execution' }, ...GATEWAY_OPTIONS },
  positionals: { least: 1, most: 2 },
  run: (given, terminal) => act(given, terminal, { execution: given.positionals[0] ?? '', task: given.positionals[1] ?? '', act: 'reject', to: '' }),
};

const DONE: Readonly<Record<string, string>> = { approve: 'approved', reject: 'rejected', delegate: 'delegated' };

async function act(given: Arguments, terminal: Terminal, order: { readonly execution: string; readonly task: string; readonly act: string; readonly to: string }): Promise<number> {
  const document = executionDocument(await withGateway(given, terminal, (gateway) => gateway.actOnApproval({ ...order, reason: given.text('reason') ?? '' })));
  if (given.json) writeJson(terminal, document);
  else terminal.write(`${order.execution}  ${DONE[order.act] ?? order.act}${order.to === '' ? '' : ` to ${order.to}`}\n`);
  return EXIT.ok;
}

async function list(given: Arguments, terminal: Terminal, execution: string): Promise<number> {
  const document = approvalListDocument(await withGateway(given, terminal, (gateway) => gateway.approvals(execution)));
  if (given.json) writeJson(terminal, document);
  else terminal.write(textTable(['task', 'assignee', 'asked', 'expires', 'details'], document.approvals.map((each) => [each.task, each.assignee ?? '-', each.askedAt ?? '-', each.expiresAt ?? '-', JSON.stringify(each.details)])));
  return EXIT.ok;
}

async function link(given: Arguments, terminal: Terminal, execution: string, task: string): Promise<number> {
  const valid = given.text('valid');
  const document = approvalLinkDocument(await withGateway(given, terminal, (gateway) => gateway.approvalLink({ execution, task, for: given.text('for') ?? '', validMs: valid === undefined ? 0 : parseDuration(valid) })));
  if (given.json) writeJson(terminal, document);
  else terminal.write(`${document.path}\n`);
  return EXIT.ok;
}
