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
      writeJson(terminal, { valid, files: files.map(({ file, documents, problems, warnings }) => ({ file, documents: documents.map(nameOf), problems, warnings })) });
    } else {
      terminal.write(files.map(reportText).join(''));
    }
    return valid ? EXIT.ok : EXIT.failed;
  },
};

/** What a document is, in short. */
function nameOf(document: CheckedDocument): { readonly kind: string; readonly name: string; readonly version?: string } {
  return document.kind === 'workflow' ? { kind: 'workflow', name: document.name, version: document.version } : { kind: document.resource.kind, name: document.resource.name };
}

function reportText({ file, documents, problems, warnings }: CheckedFile): string {
  const lines = [...problems.map(formatProblem), ...warnings.map((warning) => formatProblem({ ...warning, message: `warning: ${warning.message}` }))];
  if (problems.length === 0) {
    const found = documents.map(nameOf).map(({ kind, name, version }) => `${kind} ${name}${version === undefined ? '' : `@${version}`}`);
    lines.push(`${file}: valid (${found.length === 0 ? 'no documents' : found.join(', ')})`);
  }
  return `${lines.join('\n')}\n`;
}
