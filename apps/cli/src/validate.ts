/** `millrace validate FILE…`: says what is wrong in files, with places; needs no cluster. */
import { formatProblem } from '@millrace/dsl';
import { OUTPUT_OPTION, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { checkFile, type CheckedDocument, type CheckedFile } from './source-files.ts';
import { writeJson } from './terminal.ts';

export const validateCommand: Command = {
  name: 'validate',
  synopsis: 'FILE…',
  summary: 'Check workflows and resources; problems are shown as file:line:column',
  options: OUTPUT_OPTION,
  positionals: { least: 1, most: Infinity },
  async run(given, terminal) {
    const files: CheckedFile[] = [];
    for (const file of given.positionals) files.push(await checkFile(file, terminal));
    const valid = files.every((file) => file.problems.length === 0);
    if (given.json) {
      writeJson(terminal, { valid, files: files.map((each) => ({ file: each.file, documents: namesOf(each), problems: each.problems, warnings: each.warnings })) });
    } else {
      terminal.write(files.map(reportText).join(''));
    }
    return valid ? EXIT.ok : EXIT.failed;
  },
};

interface DocumentName {
  readonly kind: string;
  readonly name: string;
  readonly version?: string;
}

/** What the documents of a file are, in short. */
function namesOf({ documents, tests }: CheckedFile): readonly DocumentName[] {
  return [...documents.map(nameOf), ...tests.map(({ name }) => ({ kind: 'test', name }))];
}

function nameOf(document: CheckedDocument): DocumentName {
  return document.kind === 'workflow' ? { kind: 'workflow', name: document.name, version: document.version } : { kind: document.resource.kind, name: document.resource.name };
}

function reportText(checked: CheckedFile): string {
  const { file, problems, warnings } = checked;
  const lines = [...problems.map(formatProblem), ...warnings.map((warning) => formatProblem({ ...warning, message: `warning: ${warning.message}` }))];
  if (problems.length === 0) {
    const found = namesOf(checked).map(({ kind, name, version }) => `${kind} ${name}${version === undefined ? '' : `@${version}`}`);
    lines.push(`${file}: valid (${found.length === 0 ? 'no documents' : found.join(', ')})`);
  }
  return `${lines.join('\n')}\n`;
}
