import { readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { readDocuments } from '@millrace/dsl';
import { runCommandLine } from './command-line.ts';
import { recordedTerminal } from './testing/recorded-terminal.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');

async function schema(...words: readonly string[]): Promise<{ readonly [key: string]: unknown }> {
  const terminal = recordedTerminal();
  expect(await runCommandLine(['schema', ...words], terminal)).toBe(0);
  return JSON.parse(terminal.output()) as { readonly [key: string]: unknown };
}

function check(of: { readonly [key: string]: unknown }): (value: unknown) => boolean {
  const ajv = new Ajv2020.default({ strict: false, allErrors: true });
  addFormats.default(ajv);
  return ajv.compile(of);
}

const files = ['libs/dsl/fixtures/every-supported-task.yaml', 'libs/dsl/fixtures/every-other-feature.yaml', 'libs/dsl/fixtures/resources.yaml', 'examples/orders/orders.yaml', 'examples/orders/orders.test.yaml', 'examples/github-webhooks/organisations.yaml'];

test.each(files)('the schema of all documents accepts %s', async (file) => {
  const read = readDocuments(readFileSync(path.join(ROOT, file), 'utf8'), { fileName: file });
  if (read.kind === 'refused') throw new Error(JSON.stringify(read.problems));
  const accepts = check(await schema());
  for (const document of read.documents) expect([document.value['kind'], accepts(document.value)]).toEqual([document.value['kind'], true]);
});

test.each([
  ['a kind that is none', { millrace: 'v1', kind: 'nothing', name: 'a', spec: {} }],
  ['a misspelt property of a resource', { millrace: 'v1', kind: 'limits', name: 'a', spec: { concurency: 1 } }],
  ['a misspelt task', { document: { dsl: '1.0.3', namespace: 'a', name: 'a', version: '1.0.0' }, do: [{ a: { sett: {} } }] }],
  ['a test without cases', { millrace: 'v1', kind: 'test', name: 'a', spec: { workflow: 'a.yaml' } }],
])('it refuses %s', async (_what, document) => {
  expect(check(await schema())(document)).toBe(false);
});

test('one kind has a schema of its own, with a description for every property of the resource', async () => {
  for (const kind of ['workflow', 'organisation', 'limits', 'connection', 'secret', 'webhook', 'test']) {
    const one = await schema(kind);
    expect(() => check(one)).not.toThrow();
    if (kind === 'workflow' || kind === 'test') continue;
    const spec = (one['properties'] as { readonly spec: { readonly properties?: Readonly<Record<string, { readonly description?: string }>> } }).spec;
    for (const [name, each] of Object.entries(spec.properties ?? {})) expect([kind, name, typeof each.description]).toEqual([kind, name, 'string']);
  }
});

test('a kind that is none is wrong usage', async () => {
  const terminal = recordedTerminal();
  expect(await runCommandLine(['schema', 'workflows'], terminal)).toBe(1);
  expect(terminal.errors()).toContain('there is no kind workflows; kinds are workflow, organisation');
});
