/** `millrace code FILE`: the TypeScript that builds a workflow. */
import { codeOf } from '@millrace/workflow';
import { OUTPUT_OPTION, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { onlyWorkflow } from './only-workflow.ts';
import { writeJson } from './terminal.ts';

export const codeCommand: Command = {
  name: 'code',
  synopsis: 'FILE',
  summary: 'Print TypeScript that builds the workflow of a file',
  options: OUTPUT_OPTION,
  positionals: { least: 1, most: 1 },
  async run(given, terminal) {
    const only = await onlyWorkflow('code', given, terminal);
    if (only === undefined) return EXIT.failed;
    const code = codeOf(only.document.value);
    if (given.json) writeJson(terminal, { language: 'typescript', code });
    else terminal.write(code);
    return EXIT.ok;
  },
};
