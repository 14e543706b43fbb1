/** `millrace publish`: with a FILE sends CloudEvents; with NAME and VERSION makes a draft a published version. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { workflowDocument } from '@millrace/documents';
import { MillraceError } from '@millrace/errors';
import { GATEWAY_OPTIONS, type Arguments, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

export const publishCommand: Command = {
  name: 'publish',
  synopsis: 'FILE | NAME VERSION',
  summary: 'Send the CloudEvents of a JSON file, or of standard input (-); or publish the draft of a workflow',
  options: GATEWAY_OPTIONS,
  positionals: { least: 1, most: 2 },
  async run(given, terminal) {
    const [file = '-', version] = given.positionals;
    if (version !== undefined) return publishVersion(file, version, given, terminal);
    const content = file === '-' ? await terminal.readInput() : await readFile(path.resolve(terminal.directory, file), 'utf8').catch((error: unknown) => Promise.reject(new MillraceError('argument-invalid', { message: `${file} cannot be read: ${(error as Error).message}`, cause: error })));
    const events = await withGateway(given, terminal, (gateway) => gateway.publish(eventsOf(content, file)));
    if (given.json) writeJson(terminal, { events });
    else terminal.write(`${events} ${events === 1 ? 'event' : 'events'} accepted\n`);
    return EXIT.ok;
  },
};

async function publishVersion(name: string, version: string, given: Arguments, terminal: Terminal): Promise<number> {
  const document = workflowDocument(await withGateway(given, terminal, (gateway) => gateway.publishWorkflow(name, version)));
  if (given.json) writeJson(terminal, document);
  else terminal.write(`${document.existing ? 'unchanged' : 'published'} workflow ${name}@${version}\n`);
  return EXIT.ok;
}

function eventsOf(content: string, file: string): readonly string[] {
  try {
    const value = JSON.parse(content) as unknown;
    return (Array.isArray(value) ? value : [value]).map((event) => JSON.stringify(event));
  } catch (error) {
    throw new MillraceError('argument-invalid', { message: `${file} is not JSON: ${(error as Error).message}`, cause: error });
  }
}
