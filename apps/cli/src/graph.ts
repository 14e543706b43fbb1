/** `millrace graph FILE`: a workflow as a picture. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { graphOf, mermaidOf, statusesOf, svgOf, type TaskStatuses } from '@millrace/diagram';
import { executionDocument } from '@millrace/documents';
import { contentHash } from '@millrace/dsl';
import { DATA_OPTION, OUTPUT_OPTION, UsageError, type Arguments, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { onlyWorkflow } from './only-workflow.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

export const graphCommand: Command = {
  name: 'graph',
  synopsis: 'FILE [--format mermaid|svg] [--to FILE]',
  summary: 'Draw the workflow of a file, as Mermaid or SVG',
  options: {
    format: { type: 'text', value: 'mermaid|svg', help: 'mermaid, unless --to names an .svg file' },
    to: { type: 'text', value: 'FILE', help: 'write it there instead of standard output' },
    execution: { type: 'text', value: 'ID', help: 'colour tasks by what became of them in this execution' },
    org: { type: 'text', value: 'ORG', help: 'organisation of the execution, with an operator key (default)' },
    ...DATA_OPTION,
    ...OUTPUT_OPTION,
  },
  positionals: { least: 1, most: 1 },
  async run(given, terminal) {
    const to = given.text('to');
    const format = given.text('format') ?? (to?.endsWith('.svg') === true ? 'svg' : 'mermaid');
    if (format !== 'mermaid' && format !== 'svg') throw new UsageError(`--format is mermaid or svg, not ${format}`);
    const only = await onlyWorkflow('graph', given, terminal);
    if (only === undefined) return EXIT.failed;
    const { value } = only.document;
    const execution = given.text('execution');
    const statuses = execution === undefined ? undefined : await statusesOfExecution(execution, contentHash(value), given, terminal);
    const options = { title: `${only.name} ${only.version}${execution === undefined ? '' : ` · ${execution}`}`, ...(statuses === undefined ? {} : { statuses }) };
    const picture = format === 'svg' ? svgOf(graphOf(value), options) : mermaidOf(graphOf(value), options);
    if (to !== undefined) await writeFile(path.resolve(terminal.directory, to), picture);
    if (given.json) writeJson(terminal, { workflow: only.name, version: only.version, format, ...(to === undefined ? { picture } : { file: to }) });
    else if (to === undefined) terminal.write(picture);
    return EXIT.ok;
  },
};

async function statusesOfExecution(execution: string, hash: string, given: Arguments, terminal: Terminal): Promise<TaskStatuses> {
  const document = executionDocument(await withGateway(given, terminal, (gateway) => gateway.get(execution)));
  if (document.definition.replace(/^sha256:/, '') !== hash) terminal.writeError(`The file is not what ${execution} runs (${document.workflow}@${document.version}); tasks are found by their place.\n`);
  return statusesOf(document.tasks);
}
