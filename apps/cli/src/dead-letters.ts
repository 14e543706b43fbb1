/** `millrace dead-letters`: messages that no service could read. */
import { readFile } from 'node:fs/promises';
import { deadLetterDocument, deadLetterListDocument } from '@millrace/documents';
import { MillraceError } from '@millrace/errors';
import { GATEWAY_OPTIONS, UsageError, type Arguments, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { textTable } from './text-table.ts';
import { withGateway } from './with-gateway.ts';

/** Letters that are shown at once; the rest comes when these are dealt with. */
const SHOWN_MAX = 500;
const TEXT_SHOWN = 60;

export const deadLettersCommand: Command = {
  name: 'dead-letters',
  synopsis: '[list] | show ID | requeue ID [--text-file FILE] | remove ID',
  summary: 'List messages that no service could read, show one, send it again as it is or corrected, or remove it',
  options: {
    'text-file': { type: 'text', value: 'FILE', help: 'with requeue: the text to send in place of its own' },
    unowned: { type: 'flag', help: 'those of which nobody can say whose they are (operator keys)' },
    ...GATEWAY_OPTIONS,
  },
  positionals: { least: 0, most: 2 },
  async run(given, terminal) {
    const [verb = 'list', letter] = given.positionals;
    const unowned = given.flag('unowned');
    if (verb === 'list' && letter === undefined) return list(given, terminal, unowned);
    if (letter === undefined || !['show', 'requeue', 'remove'].includes(verb)) throw new UsageError('there is dead-letters list, show ID, requeue ID and remove ID');
    const file = given.text('text-file');
    if (file !== undefined && verb !== 'requeue') throw new UsageError('--text-file goes with requeue');
    if (verb === 'remove') {
      await withGateway(given, terminal, (gateway) => gateway.removeDeadLetter({ letter, unowned }));
      if (given.json) writeJson(terminal, { letter });
      else terminal.write(`removed ${letter}\n`);
      return EXIT.ok;
    }
    const text = file === undefined ? undefined : await textOf(file);
    const document = deadLetterDocument(await withGateway(given, terminal, (gateway) => (verb === 'show' ? gateway.deadLetter({ letter, unowned }) : gateway.requeueDeadLetter({ letter, unowned, text }))));
    if (given.json) writeJson(terminal, document);
    else if (verb === 'requeue') terminal.write(`sent ${letter} to ${document.subject}\n`);
    else terminal.write(`letter   ${letter}\ncame on  ${document.subject} (${document.stream})\nreason   ${document.reason}\nkept     ${document.keptAt ?? '-'}\n\n${document.text}\n`);
    return EXIT.ok;
  },
};

async function list(given: Arguments, terminal: Terminal, unowned: boolean): Promise<number> {
  const document = deadLetterListDocument(await withGateway(given, terminal, (gateway) => gateway.deadLetters({ unowned, cursor: '', limit: SHOWN_MAX })));
  if (given.json) writeJson(terminal, document);
  else terminal.write(textTable(['letter', 'kept', 'came on', 'reason', 'text'], document.letters.map((each) => [each.letter, each.keptAt ?? '-', each.subject, each.reason, each.text.replaceAll(/\s+/g, ' ').slice(0, TEXT_SHOWN)])));
  return EXIT.ok;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new MillraceError('argument-invalid', { message: `${file} cannot be read: ${(error as Error).message}` });
  }
}
