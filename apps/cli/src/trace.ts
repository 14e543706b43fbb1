/** `millrace trace ID`: every span of an execution, over all services, also while it runs. */
import { traceDocument } from '@millrace/documents';
import { GATEWAY_OPTIONS, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { writeJson } from './terminal.ts';
import { traceTree } from './trace-tree.ts';
import { withGateway } from './with-gateway.ts';

export const traceCommand: Command = {
  name: 'trace',
  synopsis: 'ID',
  summary: 'Show the trace of an execution as a tree',
  options: GATEWAY_OPTIONS,
  positionals: { least: 1, most: 1 },
  async run(given, terminal) {
    const document = traceDocument(await withGateway(given, terminal, (gateway) => gateway.trace(given.positionals[0] ?? '')));
    if (given.json) writeJson(terminal, document);
    else terminal.write(traceTree(document, terminal.columns));
    return EXIT.ok;
  },
};
