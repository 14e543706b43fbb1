/** `millrace diff NAME V1 V2`: what differs between two versions of a workflow. */
import { workflowDiffDocument, type WorkflowDiffDocument } from '@millrace/documents';
import { GATEWAY_OPTIONS, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { writeJson } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

export const diffCommand: Command = {
  name: 'diff',
  synopsis: 'NAME VERSION VERSION',
  summary: 'Show what differs between two versions of a workflow: exact ones, drafts too, ranges such as ^1.2, or latest',
  options: GATEWAY_OPTIONS,
  positionals: { least: 3, most: 3 },
  async run(given, terminal) {
    const [name = '', from = '', to = ''] = given.positionals;
    const document = workflowDiffDocument(await withGateway(given, terminal, (gateway) => gateway.diffWorkflow({ name, from, to })));
    if (given.json) writeJson(terminal, document);
    else terminal.write(diffText(document));
    return EXIT.ok;
  },
};

/** Values longer than this stand over several lines, in characters. */
const LINE_CHARACTERS_MAX = 100;

/** For people: the path, and below it what was and what is. */
export function diffText({ name, from, to, changes }: WorkflowDiffDocument): string {
  const head = `${name}: ${from} → ${to}`;
  if (changes.length === 0) return `${head}\nno difference\n`;
  const blocks = changes.map(({ path, kind, before, after }) => {
    if (kind === 'moved') return [`~ ${path} moved from place ${Number(before) + 1} to ${Number(after) + 1}`];
    const sign = kind === 'added' ? '+' : kind === 'removed' ? '-' : '~';
    return [`${sign} ${path} ${kind}`, ...(kind === 'added' ? [] : marked('-', before)), ...(kind === 'removed' ? [] : marked('+', after))];
  });
  return `${head}\n${blocks.flat().join('\n')}\n`;
}

function marked(sign: string, value: unknown): readonly string[] {
  const line = JSON.stringify(value);
  const text = line.length <= LINE_CHARACTERS_MAX ? line : JSON.stringify(value, undefined, 2);
  return text.split('\n').map((each) => `    ${sign} ${each}`);
}
