/** `millrace code FILE`: the TypeScript that builds a workflow. */
import { formatProblem } from '@millrace/dsl';
import { codeOf } from '@millrace/workflow';
import { OUTPUT_OPTION, UsageError, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { checkFile } from './source-files.ts';
import { writeJson } from './terminal.ts';

export const codeCommand: Command = {
  name: 'code',
  synopsis: 'FILE',
  summary: 'Print TypeScript that builds the workflow of a file',
  options: OUTPUT_OPTION,
  positionals: { least: 1, most: 1 },
  async run(given, terminal) {
    const file = given.positionals[0] ?? '';
    const { documents, problems } = await checkFile(file, terminal);
    if (problems.length > 0) {
      if (given.json) writeJson(terminal, { problems });
      terminal.writeError(`${problems.map(formatProblem).join('\n')}\n`);
      return EXIT.failed;
    }
    const workflows = documents.flatMap((each) => (each.kind === 'workflow' ? [each.document.value] : []));
    const [only] = workflows;
    if (only === undefined || workflows.length > 1) throw new UsageError(`${file} has ${workflows.length === 0 ? 'no workflow' : `${workflows.length} workflows`}; code takes a file with one`);
    const code = codeOf(only);
    if (given.json) writeJson(terminal, { language: 'typescript', code });
    else terminal.write(code);
    return EXIT.ok;
  },
};
