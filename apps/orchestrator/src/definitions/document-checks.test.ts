import { compileWorkflow, workflowOfValue } from '@millrace/dsl';
import type { JsonValue } from '@millrace/engine';
import { createDocumentChecks } from './document-checks.ts';

const checks = createDocumentChecks();

afterAll(() => checks.close());

const HEAD = "document: { dsl: '1.0.3', namespace: test, name: large, version: 1.0.0 }\ndo:\n";
const tasks = (count: number): string => HEAD + Array.from({ length: count }, (_, index) => `  - t${index}: { set: { n: '\${ .a${index} }' } }\n`).join('');

test('a large document is checked off the event loop, and the program is that of a small one\'s way', async () => {
  let longestMs = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = performance.now();
  }, 5);
  const sinceMs = performance.now();
  const answer = await checks.check({ text: tasks(6_000), fileName: 'large.yaml' });
  const tookMs = performance.now() - sinceMs;
  clearInterval(timer);
  if (answer.kind !== 'checked') throw new Error(JSON.stringify(answer));
  // The event loop went on turning while the thread was at work.
  expect(longestMs).toBeLessThan(tookMs / 2);
  const compiled = compileWorkflow(workflowOfValue(JSON.parse(answer.json) as { readonly [key: string]: JsonValue }, 'large'), { isChecked: true });
  expect(compiled).toMatchObject({ kind: 'compiled', program: { hash: answer.hash } });
  expect(compiled.kind === 'compiled' && compiled.program.nodes).toHaveLength(6_001);
}, 60_000);

test.each([['short', 10], ['long', 800]])('what is wrong in a %s document is said with its place', async (_, count) => {
  const answer = await checks.check({ text: `${tasks(count)}  - wrong: { sett: {} }\n`, fileName: 'wrong.yaml' });
  expect(answer).toMatchObject({ kind: 'refused', problems: [{ file: 'wrong.yaml', line: count + 3 }] });
});

test('a document beyond the limit is refused without being read', async () => {
  await expect(checks.check({ text: tasks(1) + '#'.repeat(1024 * 1024), fileName: 'huge.yaml' })).rejects.toMatchObject({ reason: 'payload-too-large' });
});
