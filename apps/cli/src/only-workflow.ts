/** The one workflow of a file, for commands that draw, plan or print exactly one. */
import { formatProblem } from '@millrace/dsl';
import { UsageError, type Arguments } from './command.ts';
import { checkFile, type CheckedDocument } from './source-files.ts';
import { writeJson, type Terminal } from './terminal.ts';

export type CheckedWorkflow = Extract<CheckedDocument, { readonly kind: 'workflow' }>;

/**
 * The workflow of the file that the first argument names; `undefined` when the file has problems, which have been
 * told then. `command` is the command's name, for what is said of a file with none or several.
 *
 * @throws UsageError when the file has not exactly one workflow.
 * @throws MillraceError `argument-invalid` when the file cannot be read.
 */
export async function onlyWorkflow(command: string, given: Arguments, terminal: Terminal): Promise<CheckedWorkflow | undefined> {
  const file = given.positionals[0] ?? '';
  const { documents, problems } = await checkFile(file, terminal);
  if (problems.length > 0) {
    if (given.json) writeJson(terminal, { problems });
    terminal.writeError(`${problems.map(formatProblem).join('\n')}\n`);
    return undefined;
  }
  const workflows = documents.filter((each) => each.kind === 'workflow');
  const [only] = workflows;
  if (only === undefined || workflows.length > 1) throw new UsageError(`${file} has ${workflows.length === 0 ? 'no workflow' : `${workflows.length} workflows`}; ${command} takes a file with one`);
  return only;
}
