/** `npm run conformance -- FOLDER [--only TEXT] [--validate] [--timeout SECONDS] [--containers ENGINE] [--as-is] [--json]` */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { failuresOf } from './scenario-checks.ts';
import { checkFolder, checkText, featureScenarios, type CheckedDocument } from './source-documents.ts';
import type { Scenario } from './gherkin.ts';
import type { JsonObject } from './json.ts';
import { startRunner, type DocumentRunner, type Ending } from './run-documents.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', default: '' }, validate: { type: 'boolean', default: false }, timeout: { type: 'string', default: '15' }, json: { type: 'boolean', default: false }, containers: { type: 'string', default: '' }, 'as-is': { type: 'boolean', default: false } },
});
const [folder] = positionals;
const timeoutMs = Number(values.timeout) * 1000;
if (folder === undefined || positionals.length > 1 || !(timeoutMs > 0)) {
  process.stderr.write('npm run conformance -- FOLDER [--only TEXT] [--validate] [--timeout SECONDS] [--containers ENGINE] [--as-is] [--json]\n');
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
const scenarios = (await featureScenarios(path.resolve(folder))).filter(({ file }) => file.includes(values.only));
if (values.validate) for (const { file } of scenarios) add({ file, outcome: 'valid', detail: '' });
if (!values.validate && runnable.length + scenarios.length > 0) {
  const data = await mkdtemp(path.join(os.tmpdir(), 'millrace-conformance-'));
  const runner = await startRunner({ folder: data, timeoutMs, containerEngine: values.containers, asIs: values['as-is'], report: (line) => void process.stderr.write(`${line}\n`) });
  try {
    for (const { document, file } of runnable) {
      const ending: Ending = await runner.run(document.value as JsonObject);
      add({ file, outcome: ending.kind, detail: ending.how });
    }
    for (const { file, scenario } of scenarios) add({ file, ...(await runScenario(scenario, runner)) });
  } finally {
    await runner.close();
    await rm(data, { recursive: true, force: true });
  }
}

async function runScenario(scenario: Scenario, runner: DocumentRunner): Promise<Pick<Line, 'outcome' | 'detail'>> {
  const document = await checkText(`${scenario.name}.yaml`, scenario.definition);
  if (document.kind !== 'runnable') return { outcome: document.kind === 'invalid' ? 'invalid' : 'not supported', detail: document.problems.join('; ') };
  try {
    const failures = failuresOf(scenario, await runner.outcomeOf(document.document.value as JsonObject, scenario.input));
    return failures.length === 0 ? { outcome: 'ran', detail: 'as it says' } : { outcome: 'failed', detail: failures.join('; ') };
  } catch (error) {
    return { outcome: 'failed', detail: error instanceof Error ? error.message : String(error) };
  }
}

const count = (outcome: Line['outcome']): number => lines.filter((line) => line.outcome === outcome).length;
const valid = lines.length - count('invalid');
if (values.json) process.stdout.write(`${JSON.stringify({ documents: lines.length, valid, ran: count('ran'), lines })}\n`);
else process.stdout.write(`${lines.length} documents: ${valid} valid${values.validate ? '' : `, ${count('ran')} ran, ${count('failed')} failed, ${count('not run')} need what is not here, ${count('not supported')} not supported yet`}\n`);
process.exit(count('invalid') + count('failed') === 0 ? 0 : 1);
