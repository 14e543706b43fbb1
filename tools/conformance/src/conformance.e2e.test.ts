import { jest } from '@jest/globals';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { guideDocuments } from './guide-documents.ts';
import type { JsonObject } from './json.ts';
import { startRunner, type DocumentRunner } from './run-documents.ts';
import { checkText } from './source-documents.ts';

jest.setTimeout(120_000);

let folder: TemporaryFolder;
let runner: DocumentRunner | undefined;

beforeAll(async () => {
  folder = await temporaryFolder('conformance');
  runner = await startRunner({ folder: folder.path, timeoutMs: 20_000, report: () => undefined });
});
afterAll(async () => {
  await runner?.close();
  await folder.remove();
});

test('every document of the page about calls runs', async () => {
  for (const [name, text] of await guideDocuments('calls.md')) {
    const checked = await checkText(`${name}.yaml`, text);
    if (checked.kind !== 'runnable') throw new Error(checked.problems.join('\n'));
    expect([name, await runner?.run(checked.document.value as JsonObject)]).toEqual([name, { kind: 'ran', how: 'completed' }]);
  }
});

test('a document that faults with what it does not raise has failed, and one that raises ran', async () => {
  const run = async (task: string) => {
    const checked = await checkText('f.yaml', `document: { dsl: '1.0.3', namespace: a, name: b, version: 1.0.0 }\ndo: [ { a: ${task} } ]\n`);
    return checked.kind === 'runnable' ? runner?.run(checked.document.value as JsonObject) : checked;
  };
  expect(await run('{ set: "${ .a.b.c.d | error }" }')).toMatchObject({ kind: 'failed', how: expect.stringContaining('errors/expression') });
  expect(await run('{ raise: { error: { type: "https://a.example/b", status: 400 } } }')).toMatchObject({ kind: 'ran' });
});
