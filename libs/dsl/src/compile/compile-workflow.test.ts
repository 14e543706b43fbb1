import { fieldsOf, type JsonValue, type Program } from '@millrace/engine';
import { fixtureText, HEAD, workflowOf } from '../fixture.test-support.ts';
import { isList, isObject, type JsonObject } from '../json-value.ts';
import { formatProblem } from '../problem.ts';
import { programText } from '../program-text.ts';
import { workflowOfValue } from '../source-document.ts';
import { compileWorkflow } from './compile-workflow.ts';
import { scheduleOf } from './schedule.ts';

const BUDGET = { fuel: 100_000, allocation: 1_000_000, depth: 200, nowSeconds: 0 };

function compiled(text: string): Program {
  const result = compileWorkflow(workflowOf(text));
  if (result.kind === 'refused') throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.program;
}

/** What a document comes to, its head left out; the text begins in line 6. */
function outcomeOf(text: string): { readonly reason?: string; readonly problems: readonly string[] } {
  const result = compileWorkflow(workflowOf(HEAD + text));
  return result.kind === 'refused' ? { reason: result.reason, problems: result.problems.map(formatProblem) } : { problems: [] };
}

/** The nodes of a document, as text without the root. */
function nodesOf(text: string): string {
  return programText(compiled(HEAD + text)).split('\n').slice(3).map((line) => line.replace(/^ {2}/, '')).join('\n');
}

function reversed(value: JsonValue): JsonValue {
  if (isList(value)) return value.map(reversed);
  return isObject(value) ? Object.fromEntries(Object.entries(value).reverse().map(([name, inner]) => [name, reversed(inner)])) : value;
}

describe('compiling a workflow', () => {
  test('gives every supported task its node', () => {
    expect(`${programText(compiled(fixtureText('every-supported-task.yaml')))}\n`).toBe(fixtureText('every-supported-task.program.txt'));
  });

  test('C1: numbers and hash do not depend on the order of properties', () => {
    const document = workflowOf(fixtureText('every-supported-task.yaml'));
    const first = compileWorkflow(document);
    const second = compileWorkflow(workflowOfValue(reversed(document.value) as JsonObject));
    if (first.kind === 'refused' || second.kind === 'refused') throw new Error('refused');
    expect(second.program.hash).toBe(first.program.hash);
    expect(second.program.nodes.map(({ number, reference, kind, next, parent }) => ({ number, reference, kind, next, parent }))).toEqual(
      first.program.nodes.map(({ number, reference, kind, next, parent }) => ({ number, reference, kind, next, parent })),
    );
    expect(first.program.nodes.map((node) => node.number)).toEqual(first.program.nodes.map((_, index) => index));
  });

  test('gives another hash to other content', () => {
    expect(compiled(`${HEAD}do: [ { a: { wait: PT1S } } ]\n`).hash).not.toBe(compiled(`${HEAD}do: [ { a: { wait: PT2S } } ]\n`).hash);
  });

  test.each([
    ['an empty list of tasks', 'do: []\n', ''],
    ['a set by expression, braces or not', 'do:\n  - a: { set: .x }\n  - b: { set: "${ .x }" }\n', '1 set /do/0/a next 2\n    value ‹.x›\n2 set /do/1/b\n    value ‹.x›'],
    ['literals, kept whole', 'do:\n  - a: { set: { b: [ 1, { c: null } ], d: "${ .x }" } }\n', '1 set /do/0/a\n    value {b: [1,{"c":null}], d: ‹.x›}'],
    ['directives forward, backward and out', 'do:\n  - a: { wait: PT1S, then: c }\n  - b: { wait: PT1S, then: a }\n  - c: { wait: PT1S, then: b }\n', '1 wait /do/0/a next 2 then 3\n    for 1000 ms\n2 wait /do/1/b next 3 then 1\n    for 1000 ms\n3 wait /do/2/c then 2\n    for 1000 ms'],
    ['default names of a loop', 'do:\n  - a: { for: { in: .x }, do: [ { b: { set: { i: "${ $item }", n: "${ $index }" } } } ] }\n', '1 for /do/0/a\n    for $item at $index in ‹.x›\n    first 2\n  2 set /do/0/a/do/0/b\n      value {i: ‹$item› ($item), n: ‹$index› ($index)}'],
    ['nested loops that hide names', 'do:\n  - a: { for: { each: x, in: .x }, do: [ { b: { for: { each: x, in: $x }, do: [ { c: { set: "$x" } } ] } } ] }\n', '1 for /do/0/a\n    for $x at $index in ‹.x›\n    first 2\n  2 for /do/0/a/do/0/b\n      for $x at $index in ‹$x› ($x)\n      first 3\n    3 set /do/0/a/do/0/b/do/0/c\n        value ‹$x› ($x)'],
    ['a try without a handler', 'do:\n  - a: { try: [ { b: { wait: PT1S } } ], catch: {} }\n', '1 try /do/0/a\n    first 2\n    catch as $error first none\n  2 wait /do/0/a/try/0/b\n      for 1000 ms'],
    ['a retry in line, nothing left out', 'do:\n  - a: { try: [], catch: { retry: { when: $error.status > 1, exceptWhen: .x, delay: PT1S, backoff: { linear: {} }, limit: { attempt: { count: 0 }, duration: "${ .d }" }, jitter: { from: PT0S, to: { seconds: 1 } } } } }\n', '1 try /do/0/a\n    first none\n    catch as $error first none\n      retry after 1000 ms linear, at most 1 attempts, within ‹.d›, jitter 0 ms to 1000 ms\n        when ‹$error.status > 1› ($error)\n        except when ‹.x›'],
    ['a retry without anything', 'do:\n  - a: { try: [], catch: { retry: {} } }\n', '1 try /do/0/a\n    first none\n    catch as $error first none\n      retry after 0 ms constant'],
    ['an error with expressions', 'do:\n  - a: { raise: { error: { type: "${ .t }", status: 400, title: "${ .u }", instance: /do/0/a } } }\n', '1 raise /do/0/a\n    error {type: ‹.t›, status: 400, title: ‹.u›, instance: "/do/0/a"}'],
    ['an HTTP call with its defaults', 'do:\n  - a: { call: http, with: { method: get, endpoint: "https://example.com/{a}/b?c={d}" } }\n', '1 call /do/0/a\n    operation http.request:1.0.0@default\n    arguments {method: "get", uri: uri https://example.com/{a}/b?c={d}, output: "content", redirect: false}'],
    ['headers and body by expression', 'do:\n  - a: { call: http, with: { method: "${ .m }", endpoint: "${ .u }", headers: "${ .h }", query: "${ .q }", body: "${ . }" } }\n', '1 call /do/0/a\n    operation http.request:1.0.0@default\n    arguments {method: ‹.m›, uri: ‹.u›, headers: ‹.h›, query: ‹.q›, body: ‹.›, output: "content", redirect: false}'],
    ['a function without arguments', 'do:\n  - a: { call: "millrace.echo:1.0.0@default" }\n', '1 call /do/0/a\n    operation millrace.echo:1.0.0@default\n    arguments {}'],
    ['a script, its code as it stands', 'do:\n  - a: { run: { script: { language: js, code: "console.log(`${ .x }`)", stdin: "${ .in }", arguments: [ "${ .x }", b ], environment: { e: 1 } }, return: all } }\n', '1 call /do/0/a\n    operation script.run:1.0.0@default\n    arguments {language: "javascript", code: "console.log(`${ .x }`)", stdin: ‹.in›, arguments: [‹.x›, "b"], environment: {"e":1}, return: "all"}'],
    ['a script from elsewhere that nobody waits for', 'do:\n  - a: { run: { script: { language: python, source: { endpoint: "https://example.com/{x}.py" } }, await: false } }\n', '1 call /do/0/a\n    operation script.run:1.0.0@default\n    arguments {language: "python", source: {uri: uri https://example.com/{x}.py}, return: "stdout", await: false}\n    not awaited'],
    ['a shell command and a container', 'do:\n  - a: { run: { shell: { command: "${ .c }" } } }\n  - b: { run: { container: { image: alpine }, return: code } }\n', '1 call /do/0/a next 2\n    operation shell.run:1.0.0@default\n    arguments {command: ‹.c›, return: "stdout"}\n2 call /do/1/b\n    operation container.run:1.0.0@default\n    arguments {"image":"alpine","return":"code"}'],
    ['a limit on each attempt', 'do:\n  - a: { try: [], catch: { retry: { limit: { attempt: { count: 2, duration: PT1S } } } } }\n', '1 try /do/0/a\n    first none\n    catch as $error first none\n      retry after 0 ms constant, at most 3 attempts, 1000 ms an attempt'],
    ['timeouts, stated, named and by expression', 'use: { timeouts: { short: { after: PT2S } } }\ndo:\n  - a: { do: [ { b: { wait: PT1S, timeout: short } } ], timeout: { after: "${ .t }" } }\n', '1 do /do/0/a\n    timeout ‹.t›\n    first 2\n  2 wait /do/0/a/do/0/b\n      timeout 2000 ms\n      for 1000 ms'],
    ['a workflow, awaited', 'do:\n  - a: { run: { workflow: { namespace: n, name: b, version: 1.0.0, input: { x: "${ .x }" } } } }\n', '1 call /do/0/a\n    operation workflow.run:1.0.0@default\n    arguments {workflow: "b@1.0.0", input: {x: ‹.x›}}'],
    ['the latest version of a workflow, not awaited', 'do:\n  - a: { run: { workflow: { namespace: n, name: b, version: latest }, await: false } }\n', '1 call /do/0/a\n    operation workflow.run:1.0.0@default\n    arguments {"workflow":"b","input":{}}\n    not awaited'],
    ['an event', 'do:\n  - a: { emit: { event: { with: { source: "https://example.com/{shop}", type: a.b, data: { x: "${ .x }" } } } } }\n', '1 call /do/0/a\n    operation event.emit:1.0.0@default\n    arguments {event: {source: uri https://example.com/{shop}, type: "a.b", data: {x: ‹.x›}}}'],
    ['a listener with filters, correlation and an end', 'do:\n  - a: { listen: { to: { any: [ { with: { type: a.b, data: "${ .n > 1 }" }, correlate: { order: { from: .data.order, expect: "${ .order }" } } } ], until: ( . | length ) > 2 }, read: envelope } }\n', '1 listen /do/0/a\n    to any [type ‹. == "a.b"›, data ‹.n > 1›, correlate order ‹.data.order› is ‹.order›], read envelope\n    until ‹( . | length ) > 2›'],
    ['a listener for each event, until another', 'do:\n  - a: { listen: { to: { any: [], until: { one: { with: { type: "stop.*" } } } } }, foreach: { item: event, do: [ { b: { set: "$event" } } ], output: { as: .x }, export: { as: $index } } }\n', '1 listen /do/0/a\n    to any [], read data\n    until one [type ‹. == "stop.*" or (type == "string" and (try test("^(?:stop.*)$") catch false))›]\n    foreach $event at $index first 2\n    item output as ‹.x›\n    item export as ‹$index› ($index)\n  2 set /do/0/a/foreach/do/0/b\n      value ‹$event› ($event)'],
    ['branches, none of which has a next one', 'do:\n  - a: { fork: { branches: [ { b: { do: [ { c: { wait: PT1S } } ] } }, { d: { wait: PT1S } } ] } }\n  - e: { fork: { compete: true, branches: [ { b: { wait: PT1S, then: end } } ] } }\n', '1 fork /do/0/a next 5\n    branches 2 4\n  2 do /do/0/a/fork/branches/0/b\n      first 3\n    3 wait /do/0/a/fork/branches/0/b/do/0/c\n        for 1000 ms\n  4 wait /do/0/a/fork/branches/1/d\n      for 1000 ms\n5 fork /do/1/e\n    branches 6, competing\n  6 wait /do/1/e/fork/branches/0/b then end\n      for 1000 ms'],
    ['names that a JSON pointer escapes', 'do:\n  - a/b~c: { wait: PT1S }\n', '1 wait /do/0/a~1b~0c\n    for 1000 ms'],
    ['what the export of a task sees', 'do:\n  - a: { set: { x: 1 }, if: $context.go, input: { from: $task.name }, output: { as: $input }, export: { as: { o: "${ $output }", w: "${ $workflow.id }" } } }\n', '1 set /do/0/a\n    if ‹$context.go› ($context)\n    value {"x":1}\n    input from ‹$task.name› ($task)\n    output as ‹$input› ($input)\n    export as {o: ‹$output› ($output), w: ‹$workflow.id› ($workflow)}'],
  ])('compiles %s', (_, text, nodes) => {
    expect(nodesOf(text)).toBe(nodes);
  });

  test('a workflow declares fields over its input, in the names that filters can write', () => {
    const withFields = (fields: string): string => HEAD.replace('document:\n', `document:\n  metadata: { millrace: { fields: ${fields} } }\n`);
    const program = compiled(`${withFields('{ orderId: "${ .order.id }", big: ".total > $input.limit", text: .t, list: .l, none: .n, fails: error }')}do: []\n`);
    expect(program.fields?.map(({ name, expression }) => [name, expression.source])).toEqual([['orderId', '.order.id'], ['big', '.total > $input.limit'], ['text', '.t'], ['list', '.l'], ['none', '.n'], ['fails', 'error']]);
    expect(fieldsOf(program, { order: { id: 7 }, total: 3, limit: 2, t: 'x', l: [1] }, 0)).toEqual({ orderId: 7, big: true, text: 'x' });
    expect(fieldsOf(program, { t: 'x'.repeat(257) }, 0)).toEqual({ big: false });
    const refused = (fields: string): readonly string[] => {
      const result = compileWorkflow(workflowOf(`${withFields(fields)}do: []\n`));
      return result.kind === 'refused' ? result.problems.map(({ message }) => message) : [];
    };
    expect(refused('{ a-b: .x, c: 1, d: "${ .x", e: $context.y }')).toEqual(['"a-b" is no name of a field', 'a field is an expression over the input of the execution', expect.stringContaining('the expression cannot be read'), '`$context` cannot be used here']);
    expect(refused('[ a ]')).toEqual(['`fields` must be an object of names and expressions']);
    expect(refused(`{ ${Array.from({ length: 17 }, (_, index) => `f${index}: .x`).join(', ')} }`)).toEqual(['there are 17 fields; the most is 16']);
  });

  test('gives expressions the variables they mention, in the order they list them', () => {
    const [, node] = compiled(`${HEAD}do:\n  - a: { set: "\${ [$workflow, $context, .x] }" }\n`).nodes;
    const value = node?.kind === 'set' && node.value.kind === 'expression' ? node.value.expression : undefined;
    expect(value?.variables).toEqual(['context', 'workflow']);
    expect(value?.evaluate({ x: 1 }, ['c', 'w'], BUDGET)).toEqual({ kind: 'value', value: ['w', 'c', 1] });
    expect(value?.evaluate({ x: 1 }, ['c', 'w'], { ...BUDGET, fuel: 0 })).toMatchObject({ kind: 'error' });
  });

  test.each([
    ['a workflow named by an expression', 'do:\n  - a: { run: { workflow: { namespace: a, name: "${ .b }", version: 1.0.0 } } }\n', 'f:7:49: a workflow named by an expression is not supported yet\n  write the name, and choose between several with `switch`'],
    ['an exit in an extension of a switch', 'do: [ { s: { switch: [ { c: { then: end } } ] } } ]\nuse: { extensions: [ { a: { extend: all, before: [ { x: { set: { y: 1 }, then: exit } } ] } } ] }\n', 'f:7:80: `exit` in an extension that is also about a `switch` is not supported yet\n  let the extension be about other kinds of tasks, or leave `exit` out'],
    ['functions from a URI', 'do:\n  - a: { call: https://example.com/function.yaml }\n', 'f:7:16: a function that is not within the document is not supported yet\n  apply it with `millrace apply`, which fetches the function into the document'],
    ['other catalogs', 'do:\n  - a: { call: log:1.0.0@mine }\n', 'f:7:16: a function of the catalog `mine` that is not within the document is not supported yet\n  apply it with `millrace apply`, which fetches the function into the document'],
    ['a default catalog of the document', 'do:\n  - a: { call: log:1.0.0@default }\nuse: { catalogs: { default: { endpoint: https://example.com } } }\n', 'f:8:20: a catalog in place of the default one is not supported yet'],
    ['a connection by expression', 'do:\n  - a: { call: log:1.0.0@default, with: { connection: "${ .c }" } }\n', 'f:7:55: a connection named by an expression is not supported yet\n  write the name of a connection of the organisation'],
    ['a schema from elsewhere', 'do: []\ninput: { schema: { resource: { endpoint: https://example.com } } }\n', 'f:7:20: a schema that is not within the document is not supported yet\n  apply the document with `millrace apply`, which fetches the schema into it, or write it there under `document`'],
    ['a schema of another format', 'do: []\ninput: { schema: { format: avro, document: {} } }\n', 'f:7:28: the schema format `avro` is not supported yet\n  write the schema as a JSON Schema, with `format: json`'],
    ['a setting of a backoff', 'do:\n  - a: { try: [], catch: { retry: { backoff: { exponential: { factor: 2 } } } } }\n', 'f:7:63: a setting of the exponential backoff is not supported yet\n  write `{}`: the specification names no settings'],
    ['another language', 'do: []\nevaluate: { language: js, mode: strict }\n', 'f:7:23: the expression language "js" is not supported yet\n  write `jq`, or leave it out'],
  ])('refuses %s, which is valid, with its place', (_, text, problem) => {
    expect(outcomeOf(text)).toEqual({ reason: 'workflow-unsupported', problems: [problem] });
  });

  test.each([
    ['every', '{ every: { minutes: 5 } }', { kind: 'every', everyMs: 300_000 }],
    ['after', '{ after: PT1H }', { kind: 'after', afterMs: 3_600_000 }],
    ['cron', '{ cron: 0 0 * * * }', { kind: 'cron', cron: '0 0 * * *' }],
    ['on one', '{ on: { one: { with: { type: a.b } } } }', { kind: 'on', events: { to: { mode: 'one', filters: [{ type: 'a.b' }] } } }],
    ['on any until', '{ on: { any: [ { with: { type: a.b.* } } ], until: ". | length > 1" } }', { kind: 'on', events: { to: { mode: 'any' }, until: { kind: 'condition' } } }],
  ])('a workflow is scheduled: %s', (_, schedule, expected) => {
    const document = workflowOf(`${HEAD}do: []\nschedule: ${schedule}\n`);
    expect(compileWorkflow(document).kind).toBe('compiled');
    expect(scheduleOf(document)).toMatchObject(expected);
  });

  test.each([
    ['two ways', '{ cron: 0 0 * * *, every: PT1H }', 'f:7:11: `schedule` has `every` and `cron`\n  write one of `every`, `cron`, `after` and `on`'],
    ['a cron expression that is none', '{ cron: daily }', 'f:7:19: "daily" is no cron expression: it has five fields (minute, hour, day of month, month, day of week), or six with seconds in front\n  such as `0 6 * * MON-FRI`'],
    ['a short interval', '{ every: PT0.1S }', 'f:7:20: the interval must be at least 1 s'],
  ])('a schedule of %s is refused', (_, schedule, problem) => {
    expect(outcomeOf(`do: []\nschedule: ${schedule}\n`)).toEqual({ reason: 'workflow-invalid', problems: [problem] });
  });

  test('a workflow\'s own timeout is that of its root', () => {
    expect(programText(compiled(`${HEAD}do: []\ntimeout: { after: { minutes: 1 } }\n`)).split('\n').slice(1)).toEqual(['0 do /do', '    timeout 60000 ms', '    first none']);
    expect(outcomeOf('do: []\ntimeout: none\n').problems).toEqual(['f:7:10: there is no timeout `none` in `use.timeouts`\n  define it there, or write it here in full']);
  });

  test('refuses another version of the DSL', () => {
    const result = compileWorkflow(workflowOf(`${HEAD.replace('1.0.3', '1.1.0')}do: []\n`));
    expect(result).toMatchObject({ kind: 'refused', reason: 'workflow-unsupported', problems: [{ line: 2, column: 8, message: 'version 1.1.0 of the DSL is not supported yet' }] });
  });

  test.each([
    ['a function that is none', 'do:\n  - a: { call: htpp, with: {} }\n', 'f:7:16: there is no function `htpp`\n  did you mean `http`?'],
    ['a script in another language', 'do:\n  - a: { run: { script: { language: ruby, code: puts 1 } } }\n', 'f:7:37: there is no script language `ruby`\n  write `js` or `python`'],
    ['a function without its catalog', 'do:\n  - a: { call: millrace.echo:1.0.0 }\n', 'f:7:16: there is no function `millrace.echo:1.0.0`\n  write `millrace.echo:1.0.0@default` for a function of the default catalog'],
    ['a function without a full version', 'do:\n  - a: { call: millrace.echo:1@default }\n', 'f:7:16: `millrace.echo:1@default` is no function of a catalog\n  write the name, a full version and the catalog, as in `http.request:1.0.0@default`'],
    ['a connection that cannot be one', 'do:\n  - a: { call: log:1.0.0@default, with: { connection: My DB } }\n', "f:7:55: a connection's name must be made of lower-case letters, digits and dashes, at most 63, with a letter or digit at both ends\n  write the name of a connection of the organisation"],
    ['a broken expression, at the place in it', 'do:\n  - a: { set: { x: "${ .a | }" } }\n', 'f:7:28: the expression cannot be read: expected an expression, found the end of the expression'],
    ['an unknown variable, at its place', 'do:\n  - a: { set: { x: "${ .a + $contxt.b }" } }\n', 'f:7:29: the expression cannot be read: $contxt is not defined\n  did you mean `$context`?'],
    ['a broken line of a long expression', 'do:\n  - a:\n      set: |\n        ${\n          .a\n          | $b\n        }\n', 'f:11:13: the expression cannot be read: $b is not defined'],
    ['the output before there is one', 'do:\n  - a: { wait: PT1S, if: $output.x }\n', 'f:7:26: `$output` cannot be used here\n  available here: `$context`, `$task`, `$workflow`, `$runtime`, `$secrets`'],
    ['the context of a workflow that has not begun', 'do: []\ninput: { from: $context.x }\n', 'f:7:16: `$context` cannot be used here\n  available here: `$workflow`, `$runtime`, `$secrets`'],
    ['the item of a loop outside it', 'do:\n  - a: { for: { each: pet, in: .x }, do: [], output: { as: $pet } }\n', 'f:7:60: the expression cannot be read: $pet is not defined'],
    ['the error of a catch in the block', 'do:\n  - a: { try: [ { b: { set: $error } } ], catch: {} }\n', 'f:7:29: the expression cannot be read: $error is not defined'],
    ['two expressions in one text', 'do:\n  - a: { set: { x: "${ .a } ${ .b }" } }\n', 'f:7:29: the expression cannot be read: "$" is not part of jq\'s syntax here\n  an expression is the whole text: join parts inside it, as in `${ "\\(.a) and \\(.b)" }`'],
    ['a URI with braces that do not match', 'do:\n  - a: { call: http, with: { method: get, endpoint: "https://example.com/{a" } }\n', 'f:7:53: `endpoint` must be a URI, such as `https://example.com/pets/{petId}`, an expression `${ … }`, or an object with `uri`, and is "https://example.com/{a"'],
    ['a URI with empty braces', 'do:\n  - a: { call: http, with: { method: get, endpoint: "https://example.com/{}" } }\n', 'f:7:53: `endpoint` must be a URI, such as `https://example.com/pets/{petId}`, an expression `${ … }`, or an object with `uri`, and is "https://example.com/{}"'],
    ['a URI with more than a name', 'do:\n  - a: { call: http, with: { method: get, endpoint: "https://example.com/{?a}" } }\n', 'f:7:53: `{?a}` is more than a name, and URIs expand single names only\n  build the URI in an expression instead, as in `${ "https://example.com/\\(.path)" }`'],
    ['months', 'do:\n  - a: { wait: P1M }\n', 'f:7:16: months and years have no fixed length\n  state the duration in days, as in `P30D`'],
    ['a negative duration', 'do:\n  - a: { wait: { seconds: -1 } }\n', 'f:7:16: the duration is negative\n  durations run forward: write a number of at least 0'],
    ['a duration beyond the limit', 'do:\n  - a: { wait: P400D }\n', 'f:7:16: the duration must be less than 366 days\n  wait in a loop, or let a schedule start another execution'],
    ['a negative count', 'do:\n  - a: { try: [], catch: { retry: { limit: { attempt: { count: -1 } } } } }\n', 'f:7:64: the number of attempts is negative\n  write how many retries there may be, at least 0'],
    ['a filter by expression', 'do:\n  - a: { try: [], catch: { errors: { with: { title: "${ .x }" } } } }\n', 'f:7:53: errors are filtered by fixed values, and this is an expression\n  put the condition into `when`'],
    ['a schema that is none', 'do: []\ninput: { schema: { document: { type: objekt } } }\n', 'f:7:38: this is no JSON Schema: `/type` must be one of "array", "boolean", "integer", "null", "number", "object", "string"'],
    ['a schema that refers elsewhere', 'do:\n  - a: { wait: PT1S, output: { schema: { document: { $ref: https://example.com/x.json } } } }\n', 'f:7:52: the schema refers to `https://example.com/x.json`, which is not in it\n  put the definition into `$defs`; references to other documents are not followed'],
    ['a misspelt evaluate', 'do: []\nevaluate: { langage: jq }\n', 'f:7:13: there is no property `langage` in `evaluate`\n  known here: `language`, `mode`'],
  ])('refuses %s, with its place', (_, text, problem) => {
    expect(outcomeOf(text)).toEqual({ reason: 'workflow-invalid', problems: [problem] });
  });

  test('reports everything at once, what is wrong and what is not supported', () => {
    expect(outcomeOf('do:\n  - a: { set: { y: 1 }, input: { schema: { format: avro, document: {} } } }\n  - b: { set: { x: "${ $nope }" } }\n  - c: { set: { y: 1 }, input: { schema: { format: avro, document: {} } } }\n')).toMatchObject({
      reason: 'workflow-invalid',
      problems: [expect.stringMatching(/^f:7:52: the schema format `avro`/), expect.stringMatching(/^f:8:24: .*\$nope is not defined/), expect.stringMatching(/^f:9:52: the schema format `avro`/)],
    });
  });

  test('warns of texts that look like expressions and of connections that look like authentications', () => {
    const result = compileWorkflow(
      workflowOf(`${HEAD}use: { authentications: { petStore: { bearer: { token: x } } } }
do:
  - a: { set: { x: .pet.name, y: $context, z: "Hello \${ .name }!", fine: .5, alsoFine: ./file } }
  - b: { call: http, with: { method: get, endpoint: { uri: https://example.com, authentication: { use: petstore } } } }
`),
    );
    expect(result.kind === 'compiled' && result.warnings.map(formatProblem)).toEqual([
      'f:8:20: this stays the text `.pet.name`\n  for its value write `${ .pet.name }`',
      'f:8:34: this stays the text `$context`\n  for its value write `${ $context }`',
      'f:8:47: this stays a text: an expression is `${ … }` from end to end\n  write the text inside the expression, as in `${ "Hello \\(.name)" }`',
      'f:9:104: `petstore` is taken for a connection of the organisation\n  if you mean the authentication in `use`, write `petStore`',
    ]);
  });
});
