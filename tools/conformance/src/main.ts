/** `npm run conformance -- FOLDER [--only TEXT] [--validate] [--timeout SECONDS] [--containers ENGINE] [--json]` */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checkFolder, type CheckedDocument } from './source-documents.ts';
import type { JsonObject } from './json.ts';
import { startRunner, type Ending } from './run-documents.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', default: '' }, validate: { type: 'boolean', default: false }, timeout: { type: 'string', default: '15' }, json: { type: 'boolean', default: false }, containers: { type: 'string', default: '' } },
});
const [folder] = positionals;
const timeoutMs = Number(values.timeout) * 1000;
if (folder === undefined || positionals.length > 1 || !(timeoutMs > 0)) {
  process.stderr.write('npm run conformance -- FOLDER [--only TEXT] [--validate] [--timeout SECONDS] [--containers ENGINE] [--json]\n');
  process.exit(2);
}

interface Line {
  readonly file: string;
  readonly outcome: 'ran' | 'failed' | 'not run' | 'not supported' | 'invalid' | 'valid';
  readonly detail: string;
}

const checked = (await checkFolder(path.resolve(folder))).filter(({ file }) => file.includes(values.only));
const lines: Line[] = [];
const add = (line: Line): void => {
  lines.push(line);
  if (!values.json) process.stdout.write(`${line.outcome.padEnd(13)} ${line.file}${line.detail === '' ? '' : `\n                ${line.detail}`}\n`);
};

const runnable = checked.filter((each): each is CheckedDocument & { kind: 'runnable' } => each.kind === 'runnable');
for (const each of checked) {
  if (each.kind !== 'runnable') add({ file: each.file, outcome: each.kind === 'invalid' ? 'invalid' : 'not supported', detail: each.problems.join('; ') });
  else if (values.validate) add({ file: each.file, outcome: 'valid', detail: '' });
}
if (!values.validate && runnable.length > 0) {
  const data = await mkdtemp(path.join(os.tmpdir(), 'millrace-conformance-'));
  const runner = await startRunner({ folder: data, timeoutMs, containerEngine: values.containers, report: (line) => void process.stderr.write(`${line}\n`) });
  try {
    for (const { document, file } of runnable) {
      const ending: Ending = await runner.run(document.value as JsonObject);
      add({ file, outcome: ending.kind, detail: ending.how });
    }
  } finally {
    await runner.close();
    await rm(data, { recursive: true, force: true });
  }
}

const count = (outcome: Line['outcome']): number => lines.filter((line) => line.outcome === outcome).length;
const valid = lines.length - count('invalid');
if (values.json) process.stdout.write(`${JSON.stringify({ documents: lines.length, valid, ran: count('ran'), lines })}\n`);
else process.stdout.write(`${lines.length} documents: ${valid} valid${values.validate ? '' : `, ${count('ran')} ran, ${count('failed')} failed, ${count('not run')} need what is not here, ${count('not supported')} not supported yet`}\n`);
process.exit(count('invalid') + count('failed') === 0 ? 0 : 1);
