import { bundleDocument } from './bundle-document.ts';
import { compileWorkflow } from './compile/compile-workflow.ts';
import { HEAD, workflowOf } from './fixture.test-support.ts';
import { formatProblem } from './problem.ts';

const asked: (readonly [string, string | undefined])[] = [];
const FILES: Readonly<Record<string, string>> = {
  'https://a.example/order.yaml': 'type: object\nrequired: [ id ]\n',
  'https://a.example/number.json': '{"type":"number"}',
  'https://a.example/f.yaml': 'output: { schema: { resource: { endpoint: https://a.example/number.json } } }\nset: { n: 1 }\n',
  'https://a.example/broken.json': '{',
};
const bundled = (text: string) =>
  bundleDocument(workflowOf(HEAD + text), (uri, headers) => {
    asked.push([uri, headers?.['authorization']]);
    const found = FILES[uri];
    return found === undefined ? Promise.reject(new Error('it answered 404')) : Promise.resolve(found);
  });
beforeEach(() => void asked.splice(0));

test('schemas at addresses are fetched into the document: its own, those of tasks, iterators and fetched functions', async () => {
  const result = await bundled(`input: { schema: { format: json, resource: { endpoint: https://a.example/order.yaml } } }
do:
  - a: { set: "1", output: { schema: { resource: { endpoint: { uri: https://a.example/number.json } } } } }
  - b: { listen: { to: { any: [] } }, foreach: { do: [ { c: { set: "1", export: { schema: { resource: { endpoint: https://a.example/order.yaml } } } } } ], output: { schema: { resource: { endpoint: https://a.example/number.json } } } } }
  - d: { call: "https://a.example/f.yaml" }
`);
  if (result.kind === 'refused') throw new Error(result.problems.map(formatProblem).join());
  expect(JSON.stringify(result.document.value)).not.toContain('resource');
  const compiled = compileWorkflow(result.document);
  if (compiled.kind === 'refused') throw new Error(compiled.problems.map(formatProblem).join());
  expect(compiled.program.inputSchema?.check({})).toBe('the value has no `id`');
  expect(compiled.program.nodes.map((node) => node.outputSchema?.check('text')).filter((found) => found !== undefined)).toEqual(['the value must be number', 'the value must be number']);
});

test('an endpoint\'s credentials go with the request, where they stand in the document', async () => {
  const from = (authentication: string) => bundled(`use: { secrets: [ s ], authentications: { mine: { basic: { username: u, password: p } } } }\ndo: []\ninput: { schema: { resource: { endpoint: { uri: https://a.example/order.yaml, authentication: ${authentication} } } } }\n`);
  expect(await from('{ bearer: { token: t } }')).toMatchObject({ kind: 'bundled' });
  expect(await from('{ use: mine }')).toMatchObject({ kind: 'bundled' });
  expect(asked).toEqual([['https://a.example/order.yaml', 'Bearer t'], ['https://a.example/order.yaml', 'Basic dTpw']]);
  expect(await from('{ basic: { use: s } }')).toMatchObject({ kind: 'refused', problems: [{ message: expect.stringContaining('only when a workflow runs') as never }] });
});

test.each([
  ['is not there', 'https://a.example/none.json', 'the schema cannot be had: it answered 404'],
  ['cannot be read', 'https://a.example/broken.json', 'the schema cannot be had: '],
  ['has an address that is worked out', '${ .x }', 'the schema cannot be had: its address has to be written out'],
])('a schema that %s is a problem at its place', async (_, endpoint, message) => {
  expect(await bundled(`do: []\ninput: { schema: { resource: { endpoint: "${endpoint}" } } }\n`)).toMatchObject({ kind: 'refused', problems: [{ line: 7, message: expect.stringContaining(message) as never }] });
});
