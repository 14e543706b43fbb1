/** `millrace dead-letters`: messages that no service could read. */
import { readFile } from 'node:fs/promises';
import type { DeadLetterView } from '@millrace/contracts/gateway/v1/gateway';
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
  synopsis: '[list] | show ID | requeue ID [--text-file FILE] | remove ID | requeue --all | remove --all',
  summary: 'List messages that no service could read, show one, send it again as it is or corrected, or remove it; or all of them',
  options: {
    'text-file': { type: 'text', value: 'FILE', help: 'with requeue: the text to send in place of its own' },
    all: { type: 'flag', help: 'with requeue and remove: all there are now, or those that --subject and --because mean' },
    subject: { type: 'text', value: 'SUBJECT', help: 'only those that came on this subject; one that ends with * means all that begin so' },
    because: { type: 'text', value: 'TEXT', help: 'only those whose reason has this text' },
    unowned: { type: 'flag', help: 'those of which nobody can say whose they are (operator keys)' },
    ...GATEWAY_OPTIONS,
  },
  positionals: { least: 0, most: 2 },
  async run(given, terminal) {
    const [verb = 'list', letter] = given.positionals;
    const unowned = given.flag('unowned');
    if (verb === 'list' && letter === undefined) return list(given, terminal, unowned);
    if (given.flag('all')) return dealWithAll(given, terminal, verb, unowned);
    if (letter === undefined || !['show', 'requeue', 'remove'].includes(verb)) throw new UsageError('there is dead-letters list, show ID, requeue ID and remove ID, requeue --all and remove --all');
    if ((given.text('subject') ?? given.text('because')) !== undefined) throw new UsageError('--subject and --because go with list and --all');
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

/** What is meant by --subject and --because. */
function meantBy(given: Arguments): (letter: DeadLetterView) => boolean {
  const subject = given.text('subject');
  const because = given.text('because')?.toLowerCase();
  const isOn = (found: string): boolean => subject === undefined || (subject.endsWith('*') ? found.startsWith(subject.slice(0, -1)) : found === subject);
  return (letter) => isOn(letter.subject) && (because === undefined || letter.reason.toLowerCase().includes(because));
}

/** All that were there when it began: one that comes back is a new letter, and is left. */
async function dealWithAll(given: Arguments, terminal: Terminal, verb: string, unowned: boolean): Promise<number> {
  if ((verb !== 'requeue' && verb !== 'remove') || given.positionals.length > 1 || given.text('text-file') !== undefined) throw new UsageError('--all goes with requeue and remove, without an ID and --text-file');
  const done: string[] = [];
  const failures: { readonly letter: string; readonly message: string }[] = [];
  await withGateway(given, terminal, async (gateway) => {
    const isMeant = meantBy(given);
    const found: string[] = [];
    for (let cursor = ''; ; ) {
      const page = await gateway.deadLetters({ unowned, cursor, limit: SHOWN_MAX });
      found.push(...page.letters.filter(isMeant).map((each) => each.letter));
      cursor = page.cursor;
      if (cursor === '') break;
    }
    for (const letter of found) {
      try {
        if (verb === 'remove') await gateway.removeDeadLetter({ letter, unowned });
        else await gateway.requeueDeadLetter({ letter, unowned, text: undefined });
        done.push(letter);
      } catch (error) {
        failures.push({ letter, message: MillraceError.from(error).message });
      }
    }
  });
  if (given.json) writeJson(terminal, { letters: done, failures });
  else terminal.write(`${verb === 'remove' ? 'removed' : 'sent'} ${done.length}\n${failures.map((each) => `${each.letter} failed: ${each.message}\n`).join('')}`);
  return failures.length === 0 ? EXIT.ok : EXIT.failed;
}

async function list(given: Arguments, terminal: Terminal, unowned: boolean): Promise<number> {
  const isMeant = meantBy(given);
  const page = await withGateway(given, terminal, (gateway) => gateway.deadLetters({ unowned, cursor: '', limit: SHOWN_MAX }));
  const document = deadLetterListDocument({ ...page, letters: page.letters.filter(isMeant) });
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
