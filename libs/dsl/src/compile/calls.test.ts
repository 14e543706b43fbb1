import type { JsonValue, Program, Template } from '@millrace/engine';
import { HEAD, workflowOf } from '../fixture.test-support.ts';
import { formatProblem } from '../problem.ts';
import { programText } from '../program-text.ts';
import { compileWorkflow } from './compile-workflow.ts';

const BUDGET = { fuel: 100_000, allocation: 1_000_000, depth: 200, nowSeconds: 0 };

function compiled(text: string): Program {
  const result = compileWorkflow(workflowOf(HEAD + text));
  if (result.kind === 'refused') throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.program;
}

function problemsOf(text: string): readonly string[] {
  const result = compileWorkflow(workflowOf(HEAD + text));
  return result.kind === 'refused' ? result.problems.map(formatProblem) : [];
}

/** The first call's operation and arguments, as text. */
function callOf(text: string): string {
  const node = compiled(text).nodes.find(({ kind }) => kind === 'call');
  const lines = programText(compiled(text)).split('\n');
  return lines.slice(lines.findIndex((line) => line.trim().startsWith(`${node?.number} call`)) + 1).map((line) => line.trim()).join('\n');
}

const http = (authentication: string, more = ''): string => `${more}do:\n  - a: { call: http, with: { method: get, endpoint: { uri: https://example.com, authentication: ${authentication} } } }\n`;
const withAuthentication = (credentials: string): string => `operation http.request:1.0.0@default\narguments {method: "get", uri: "https://example.com", output: "content", redirect: false, authentication: ${credentials}}`;

describe('authentication', () => {
  test.each([
    ['{ digest: { username: a, password: "${ .p }" } }', '{kind: "digest", username: "a", password: ‹.p›}'],
    ['{ bearer: { token: "${ .t }" } }', '{kind: "bearer", token: ‹.t›}'],
    ['{ oauth2: { authority: "https://{realm}.example.com", endpoints: { token: "/{t}" }, grant: client_credentials, client: { id: a, secret: "${ .s }" }, scopes: [ x ] } }', '{kind: "oauth2", authority: uri https://{realm}.example.com, endpoints: {token: uri /{t}}, grant: "client_credentials", client: {id: "a", secret: ‹.s›}, scopes: ["x"]}'],
    ['{ oidc: { authority: "${ .a }", grant: "${ .g }" } }', undefined],
  ])('%s becomes an argument', (authentication, credentials) => {
    if (credentials === undefined) expect(problemsOf(http(authentication))).not.toEqual([]);
    else expect(callOf(http(authentication))).toBe(withAuthentication(credentials));
  });

  test.each(['basic', 'bearer', 'digest', 'oauth2', 'oidc'])('%s from a secret names the secret alone', (kind) => {
    const program = compiled(http(`{ ${kind}: { use: mine } }`, 'use: { secrets: [ mine ] }\n'));
    expect(program.nodes[1]).toMatchObject({ kind: 'call', authorization: kind === 'basic' ? 'Basic' : kind === 'digest' ? 'Digest' : 'Bearer' });
    expect(programText(program)).toContain(`"authentication":{"kind":"${kind}","secret":"mine"}`);
  });

  test('a name under `use` is looked up, another is a connection, and a secret has to be declared', () => {
    const use = 'use: { authentications: { known: { digest: { username: a, password: b } } } }\n';
    expect(programText(compiled(http('{ use: known }', use)))).toContain('"kind":"digest"');
    expect(compiled(http('{ use: other }', use)).nodes[1]).toMatchObject({ connection: 'other' });
    expect(problemsOf(http('{ basic: { use: mine } }', 'use: { secrets: [ mines ] }\n'))).toEqual(['f:8:113: the secret `mine` is not declared in `use.secrets`\n  did you mean `mines`?']);
  });
});

describe('protocols', () => {
  test.each([
    [
      'openapi',
      '{ document: { endpoint: "https://example.com/{v}.json" }, operationId: findPets, parameters: { status: "${ .s }" }, authentication: { bearer: { token: t } }, output: response, redirect: true }',
      'operation openapi.call:1.0.0@default\narguments {document: {uri: uri https://example.com/{v}.json}, operationId: "findPets", parameters: {status: ‹.s›}, output: "response", redirect: true, authentication: {"kind":"bearer","token":"t"}}',
    ],
    [
      'grpc',
      '{ proto: { endpoint: { uri: "file://app/a.proto", authentication: { basic: { username: a, password: b } } } }, service: { name: A.B, host: localhost, port: 5011, authentication: { bearer: { token: "${ .t }" } } }, method: C, arguments: { d: "${ .d }" } }',
      'operation grpc.call:1.0.0@default\narguments {proto: {"uri":"file://app/a.proto","authentication":{"kind":"basic","username":"a","password":"b"}}, service: {"name":"A.B","host":"localhost","port":5011}, method: "C", arguments: {d: ‹.d›}, authentication: {kind: "bearer", token: ‹.t›}}',
    ],
    [
      'mcp',
      '{ method: tools/call, parameters: { name: x }, timeout: PT5S, transport: { http: { endpoint: "https://example.com", headers: { a: b } } }, client: { name: n, version: 1.0.0 } }',
      'operation mcp.call:1.0.0@default\narguments {"protocolVersion":"2025-06-18","method":"tools/call","parameters":{"name":"x"},"transport":{"http":{"uri":"https://example.com","headers":{"a":"b"}}},"client":{"name":"n","version":"1.0.0"},"timeout":5000}',
    ],
    ['mcp', '{ method: tools/list, transport: { stdio: { command: "${ .c }", arguments: [ a ] } } }', 'operation mcp.read:1.0.0@default\narguments {protocolVersion: "2025-06-18", method: "tools/list", transport: {stdio: {command: ‹.c›, arguments: ["a"]}}}'],
    [
      'asyncapi',
      '{ document: { endpoint: https://example.com/a.json }, operation: greet, server: { name: s }, message: { payload: { a: "${ .x }" } } }',
      'operation asyncapi.publish:1.0.0@default\narguments {document: {"uri":"https://example.com/a.json"}, operation: "greet", server: {"name":"s"}, message: {payload: {a: ‹.x›}}}',
    ],
    [
      'asyncapi',
      '{ document: { endpoint: https://example.com/a.json }, channel: /c, protocol: nats, subscription: { filter: "${ .a == $context.b }", consume: { for: { seconds: 10 }, until: "${ . == $workflow.id }" } } }',
      'operation asyncapi.subscribe:1.0.0@default\narguments {document: {"uri":"https://example.com/a.json"}, channel: "/c", protocol: "nats", filter: {source: ".a == $context.b", variables: {context: ‹$context› ($context)}}, consume: {until: {source: ". == $workflow.id", variables: {workflow: ‹$workflow› ($workflow)}}, for: 10000}}',
    ],
  ])('call %s %s becomes its operation with every argument stated', (kind, parameters, expected) => {
    expect(callOf(`do:\n  - a: { call: ${kind}, with: ${parameters} }\n`)).toBe(expected);
  });

  test('what a call of a protocol cannot have is refused in its place', () => {
    expect(problemsOf('do:\n  - a: { call: grpc, with: { proto: { endpoint: https://example.com }, service: { name: a, host: b, authentication: { use: mine } }, method: c } }\n')).toEqual([
      'f:7:124: there is no authentication `mine` in `use.authentications`, and a connection cannot be used here\n  define it there, or write it here in full',
    ]);
  });
});

describe('$secrets', () => {
  const program = compiled('use: { secrets: [ mine, other ] }\ndo:\n  - a: { set: { key: "${ $secrets.mine.api[\\"the-key\\"] }", all: "${ $secrets }" } }\n  - b: { call: http, with: { method: get, endpoint: https://example.com, headers: { x: "${ \\"Key \\\\($secrets.other)\\" }" } } }\n');
  const seal = program.hash.slice(0, 32);
  const handles = { mine: `~secret.${seal}.mine~`, other: `~secret.${seal}.other~` };

  function evaluated(template: Template | undefined): JsonValue {
    if (template?.kind !== 'expression') throw new Error('not an expression');
    const result = template.expression.evaluate(null, template.expression.variables.map(() => handles), BUDGET);
    if (result.kind !== 'value') throw new Error(JSON.stringify(result));
    return result.value;
  }

  test('are handles, also of members, within texts too, and the call says which are its own', () => {
    const [, set, call] = program.nodes;
    const members = set?.kind === 'set' && set.value.kind === 'object' ? Object.fromEntries(set.value.entries) : {};
    expect(evaluated(members['key'])).toBe(`~secret.${seal}.mine.api.the-key~`);
    expect(evaluated(members['all'])).toEqual(handles);
    const parts = call?.kind === 'call' && call.arguments.kind === 'object' ? Object.fromEntries(call.arguments.entries) : {};
    const headers = parts['headers']?.kind === 'object' ? Object.fromEntries(parts['headers'].entries) : {};
    expect(evaluated(headers['x'])).toBe(`Key ~secret.${seal}.other~`);
    expect(parts['$secrets']).toEqual({ kind: 'literal', value: { seal, names: ['mine', 'other'] } });
  });

  test.each([
    ['$secrets.none', 'f:8:20: the secret `none` is not declared in `use.secrets`\n  add it: `use: { secrets: [ none ] }`'],
    ['$secrets[\\"a b\\"]', 'f:8:20: `a b` cannot be reached under `$secrets`\n  names there are made of letters, digits, - and _'],
  ])('%s is refused', (source, problem) => {
    expect(problemsOf(`use: { secrets: [ mine ] }\ndo:\n  - a: { set: { x: "\${ ${source} }" } }\n`)).toEqual([problem]);
  });

  test('$authorization is there from the definition of a task on, and not before', () => {
    expect(problemsOf('do:\n  - a: { wait: PT1S, output: { as: $authorization.scheme } }\n')).toEqual([]);
    expect(problemsOf('do:\n  - a: { wait: PT1S, if: $authorization.scheme }\n')).toEqual([expect.stringContaining('`$authorization` cannot be used here')]);
  });
});

describe('functions of the document', () => {
  const FUNCTIONS = 'use: { functions: { greet: { input: { from: "${ .name }" }, set: { hello: "${ . }" } }, twice: { do: [ { x: { call: greet, with: { name: b } } } ] } } }\n';

  test('become blocks: the input, then the function, numbered anew for every call', () => {
    const nodes = programText(compiled(`${FUNCTIONS}do:\n  - a: { call: greet, with: { name: "\${ .n }" } }\n  - b: { call: twice }\n`)).split('\n').slice(3).map((line) => line.replace(/^ {2}/, ''));
    expect(nodes.join('\n')).toBe(
      [
        '1 do /do/0/a next 4',
        '    first 2',
        '  2 set /do/0/a next 3',
        '      value {name: ‹.n›}',
        '  3 set /use/functions/greet',
        '      value {hello: ‹.›}',
        '      input from ‹.name›',
        '4 do /do/1/b',
        '    first 5',
        '  5 do /use/functions/twice',
        '      first 6',
        '    6 do /use/functions/twice/do/0/x',
        '        first 7',
        '      7 set /use/functions/twice/do/0/x next 8',
        '          value {"name":"b"}',
        '      8 set /use/functions/greet',
        '          value {hello: ‹.›}',
        '          input from ‹.name›',
      ].join('\n'),
    );
  });

  test('see nothing that the tasks around a call declare', () => {
    expect(problemsOf('use: { functions: { f: { set: { x: "${ $item }" } } } }\ndo:\n  - a: { for: { in: .x }, do: [ { b: { call: f } } ] }\n')).toEqual([expect.stringContaining('f:6:40: the expression cannot be read')]);
  });

  test('that call themselves, or come to too many tasks, are refused', () => {
    expect(problemsOf('use: { functions: { f: { call: g }, g: { call: f } } }\ndo:\n  - a: { call: f }\n')).toEqual([expect.stringContaining('`f` cannot be called here: it calls itself')]);
    const doubling = Array.from({ length: 20 }, (_, n) => `f${n}: { do: [ { a: { call: f${n + 1} } }, { b: { call: f${n + 1} } } ] }`).join(', ');
    expect(problemsOf(`use: { functions: { ${doubling}, f20: { set: { a: 1 } } } }\ndo:\n  - a: { call: f0 }\n`)).not.toEqual([]);
  });
});
