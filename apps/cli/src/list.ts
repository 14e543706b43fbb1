/** `millrace list`: executions, the newest first. */
import { executionListDocument } from '@millrace/documents';
import { GATEWAY_OPTIONS, UsageError, type Command } from './command.ts';
import { executionListText } from './execution-text.ts';
import { EXIT } from './exit-status.ts';
import { writeJson } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 500;

export const listCommand: Command = {
  name: 'list',
  synopsis: '[--where FILTER] [--status STATUS] [--workflow NAME]',
  summary: 'List executions, the newest first',
  options: {
    where: { type: 'text', value: 'FILTER', help: 'only those, such as "status = failed and field.orderId = 7 and started > 2h ago"' },
    status: { type: 'text', value: 'STATUS', help: 'only those: pending, running, waiting, completed, faulted, cancelled' },
    workflow: { type: 'text', value: 'NAME', help: 'only those of this workflow' },
    limit: { type: 'text', value: 'N', help: `how many (${LIMIT_DEFAULT}, at most ${LIMIT_MAX})` },
    cursor: { type: 'text', value: 'CURSOR', help: 'where the last list ended' },
    ...GATEWAY_OPTIONS,
  },
  positionals: { least: 0, most: 0 },
  async run(given, terminal) {
    const limit = Number(given.text('limit') ?? LIMIT_DEFAULT);
    if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) throw new UsageError(`--limit is a number from 1 to ${LIMIT_MAX}, not ${given.text('limit')}`);
    const query = { status: given.text('status') ?? '', workflow: given.text('workflow') ?? '', where: given.text('where') ?? '', cursor: given.text('cursor') ?? '', limit };
    const document = executionListDocument(await withGateway(given, terminal, (gateway) => gateway.list(query)));
    if (given.json) writeJson(terminal, document);
    else terminal.write(executionListText(document));
    return EXIT.ok;
  },
};
