/** `millrace schema [KIND]`: the JSON Schema that editors check and complete documents with. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { editorSchema, RESOURCE_KINDS } from '@millrace/dsl';
import { TEST_SCHEMA } from '@millrace/workflow-testing';
import { OUTPUT_OPTION, UsageError, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';

const KINDS: readonly string[] = ['workflow', ...RESOURCE_KINDS, 'test'];

export const schemaCommand: Command = {
  name: 'schema',
  synopsis: '[KIND] [--to FILE]',
  summary: 'Print the JSON Schema of all documents, or of one kind, for editors',
  options: { to: { type: 'text', value: 'FILE', help: 'write it there instead of standard output' }, ...OUTPUT_OPTION },
  positionals: { least: 0, most: 1 },
  async run(given, terminal) {
    const kind = given.positionals[0];
    const schema = editorSchema({ test: TEST_SCHEMA }, kind);
    if (schema === undefined) throw new UsageError(`there is no kind ${kind ?? ''}; kinds are ${KINDS.join(', ')}`);
    const text = `${JSON.stringify(schema, undefined, 2)}\n`;
    const to = given.text('to');
    if (to === undefined) terminal.write(text);
    else await writeFile(path.resolve(terminal.directory, to), text);
    return EXIT.ok;
  },
};
