import { bundleFunctions } from './bundle-functions.ts';
import { compileWorkflow } from './compile/compile-workflow.ts';
import { HEAD, workflowOf } from './fixture.test-support.ts';
import { formatProblem } from './problem.ts';

const FILES: Readonly<Record<string, string>> = {
  'https://a.example/log.yaml': 'input: { schema: { document: { type: object } } }\nset: { logged: "${ .message }" }\n',
  'https://a.example/outer.yaml': 'do: [ { inner: { call: "https://a.example/log.yaml", with: { message: hi } } } ]\n',
  'https://raw.githubusercontent.com/o/r/main/functions/log/1.2.3/function.yaml': 'set: { a: 1 }\n',
  'https://c.example/cat/functions/log/1.0.0/function.yaml': 'call: log:1.2.3@hub\n',
  'https://a.example/broken.yaml': '- 1\n',
};
const asked: string[] = [];
const fetchText = (uri: string): Promise<string> => {
  asked.push(uri);
  const text = FILES[uri];
  return text === undefined ? Promise.reject(new Error('it answered 404')) : Promise.resolve(text);
};

async function bundled(text: string) {
  asked.length = 0;
  return bundleFunctions(workflowOf(HEAD + text), fetchText);
}

async function nodesOf(text: string): Promise<readonly string[]> {
  const result = await bundled(text);
  if (result.kind === 'refused') throw new Error(result.problems.map(formatProblem).join('\n'));
  const compiled = compileWorkflow(result.document);
  if (compiled.kind === 'refused') throw new Error(compiled.problems.map(formatProblem).join('\n'));
  return compiled.program.nodes.map(({ kind, reference }) => `${kind} ${reference}`);
}

test('a function at an address, and what it calls in turn, runs where it is called', async () => {
  expect(await nodesOf('do: [ { a: { call: "https://a.example/outer.yaml" } }, { b: { call: "https://a.example/log.yaml", with: { message: b } } } ]\n')).toEqual([
    'do /do',
    'do /do/0/a',
    'do /use/functions/https:~1~1a.example~1outer.yaml',
    'do /use/functions/https:~1~1a.example~1outer.yaml/do/0/inner',
    'set /use/functions/https:~1~1a.example~1outer.yaml/do/0/inner',
    'set /use/functions/https:~1~1a.example~1log.yaml',
    'do /do/1/b',
    'set /do/1/b',
    'set /use/functions/https:~1~1a.example~1log.yaml',
  ]);
  expect(asked).toEqual(['https://a.example/outer.yaml', 'https://a.example/log.yaml']);
});

test('catalogs have their functions in folders, those at GitHub among the raw files', async () => {
  await nodesOf('use: { catalogs: { mine: { endpoint: { uri: https://c.example/cat/ } }, hub: { endpoint: https://github.com/o/r } } }\ndo: [ { a: { call: log:1.0.0@mine } } ]\n');
  expect(asked).toEqual(['https://c.example/cat/functions/log/1.0.0/function.yaml', 'https://raw.githubusercontent.com/o/r/main/functions/log/1.2.3/function.yaml']);
});

test('a document that calls nothing from elsewhere comes back as it is', async () => {
  const document = workflowOf(`${HEAD}do: [ { a: { call: "millrace.echo:1.0.0@default" } } ]\n`);
  expect(await bundleFunctions(document, fetchText)).toEqual({ kind: 'bundled', document });
});

test.each([
  ['https://a.example/none.yaml', 'f:6:20: the function at https://a.example/none.yaml cannot be had: it answered 404'],
  ['https://a.example/broken.yaml', 'f:6:20: what stands at https://a.example/broken.yaml is no function: it is no object'],
  ['log:1.0.0@none', 'f:6:20: the catalog of `log:1.0.0@none` cannot be read\n  give it an `endpoint` under `use.catalogs`'],
])('%s is refused in its place', async (called, problem) => {
  const result = await bundled(`do: [ { a: { call: "${called}" } } ]\n`);
  expect(result.kind === 'refused' ? result.problems.map(formatProblem) : []).toEqual([problem]);
});
