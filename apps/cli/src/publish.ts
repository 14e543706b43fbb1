/** `millrace publish FILE`: sends CloudEvents, one or a list of them, as JSON. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { MillraceError } from '@millrace/errors';
import { GATEWAY_OPTIONS, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { writeJson } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

export const publishCommand: Command = {
  name: 'publish',
  synopsis: 'FILE',
  summary: 'Send the CloudEvents of a JSON file, or of standard input (-)',
  options: GATEWAY_OPTIONS,
  positionals: { least: 1, most: 1 },
  async run(given, terminal) {
    const [file = '-'] = given.positionals;
    const content = file === '-' ? await terminal.readInput() : await readFile(path.resolve(terminal.directory, file), 'utf8').catch((error: unknown) => Promise.reject(new MillraceError('argument-invalid', { message: `${file} cannot be read: ${(error as Error).message}`, cause: error })));
    const events = await withGateway(given, terminal, (gateway) => gateway.publish(eventsOf(content, file)));
    if (given.json) writeJson(terminal, { events });
    else terminal.write(`${events} ${events === 1 ? 'event' : 'events'} accepted\n`);
    return EXIT.ok;
  },
};

function eventsOf(content: string, file: string): readonly string[] {
  try {
    const value = JSON.parse(content) as unknown;
    return (Array.isArray(value) ? value : [value]).map((event) => JSON.stringify(event));
  } catch (error) {
    throw new MillraceError('argument-invalid', { message: `${file} is not JSON: ${(error as Error).message}`, cause: error });
  }
}
