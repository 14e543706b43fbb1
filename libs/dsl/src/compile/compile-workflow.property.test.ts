import fc from 'fast-check';
import { NO_NODE, type JsonValue, type Node, type Program } from '@millrace/engine';
import { workflowOfValue } from '../source-document.ts';
import { validateWorkflow } from '../validate-workflow.ts';
import { compileWorkflow } from './compile-workflow.ts';

const expression = fc.constantFrom('.', '.a.b', '${ .x }', '${ $context.y + 1 }', '$workflow.id', '${ [.[] | select(. > 1)] }', '${ {a: .b} }', '${ $item }', '${ .a | }', '$secrets.x', 'plain text', '${ "x\\(.y)" }');
const scalar: fc.Arbitrary<JsonValue> = fc.oneof(expression, fc.integer({ min: -1_000, max: 1_000 }), fc.boolean(), fc.constant(null), fc.string());
const data: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 })),
})).value;
const duration = fc.constantFrom<JsonValue>('PT1S', 'P1D', { seconds: 3 }, { days: 1, milliseconds: 5 }, '${ .d }', 'P1M');
const schema = fc.constantFrom<JsonValue>({ document: { type: 'object' } }, { format: 'json', document: true }, { document: { $ref: '#/$defs/a', $defs: { a: { minimum: 1 } } } });
const names = ['first', 'second', 'third', 'a/b', '__proto__', 'constructor'];
const then = fc.constantFrom('continue', 'exit', 'end', ...names);

const optional = { requiredKeys: [] as [] };
const around = fc.record(
  {
    if: expression,
    then,
    input: fc.record({ from: fc.oneof(expression, fc.dictionary(fc.string(), data, { maxKeys: 2 })), schema }, optional),
    output: fc.record({ as: expression, schema }, optional),
    export: fc.record({ as: expression, schema }, optional),
    metadata: fc.constant({ a: 1 }),
    timeout: fc.constant({ after: 'PT1S' }),
  },
  optional,
);
const retry = fc.record({ when: expression, delay: duration, backoff: fc.constantFrom({ constant: {} }, { linear: {} }, { exponential: {} }), limit: fc.record({ attempt: fc.record({ count: fc.nat() }), duration }, optional), jitter: fc.record({ from: duration, to: duration }) }, optional);

const { list } = fc.letrec<{ task: JsonValue; list: JsonValue }>((tie) => ({
  list: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 4 }).chain((chosen) => fc.tuple(...chosen.map((name) => tie('task').map((task) => Object.fromEntries([[name, task]]))))),
  task: fc
    .tuple(
      around,
      fc.oneof(
        { depthSize: 'small' },
        fc.oneof(fc.dictionary(fc.string(), data, { minKeys: 1, maxKeys: 3 }), expression).map((set) => ({ set })),
        duration.map((wait) => ({ wait })),
        fc.record({ call: fc.constantFrom('http.request:1.0.0@default', 'unknown', 'a:1.0.0@b'), with: fc.dictionary(fc.string(), data, { maxKeys: 3 }) }),
        fc.record({ call: fc.constant('http'), with: fc.record({ method: fc.constant('get'), endpoint: fc.constantFrom<JsonValue>('https://example.com/{a}', '${ .u }', { uri: 'https://example.com', authentication: { use: 'crm' } }), body: data }, { requiredKeys: ['method', 'endpoint'] }) }),
        fc.record({ status: fc.integer(), title: expression }).map((error) => ({ raise: { error: { type: 'https://example.com/e', ...error } } })),
        fc.uniqueArray(fc.record({ name: fc.constantFrom('x', 'y', 'z'), when: expression, then }, { requiredKeys: ['name', 'then'] }), { minLength: 1, maxLength: 3, selector: ({ name }) => name }).map((cases) => ({ switch: cases.map(({ name, ...definition }) => ({ [name]: definition })) })),
        fc.constant({ emit: { event: { with: { source: 'https://example.com', type: 'a' } } } }),
        tie('list').map((tasks) => ({ do: tasks })),
        fc.record({ for: fc.record({ each: fc.constantFrom('item', 'pet'), in: expression }, { requiredKeys: ['in'] }), while: expression, do: tie('list') }, { requiredKeys: ['for', 'do'] }),
        fc.record({ try: tie('list'), catch: fc.record({ as: fc.constantFrom('error', 'e'), when: expression, retry, do: tie('list') }, optional) }),
      ),
    )
    .map(([head, body]) => ({ ...head, ...(body as object) }) as JsonValue),
}));

const document = list.map((tasks) => ({ document: { dsl: '1.0.3', namespace: 'tests', name: 'random', version: '1.0.0' }, do: tasks }));

/** P1 and what the engine takes for granted of every program. */
function expectSound(program: Program): void {
  const byNumber = (number: number): Node | undefined => program.nodes[number];
  program.nodes.forEach((node, index) => {
    expect(node.number).toBe(index);
    if (index > 0) expect(node.parent).toBeLessThan(node.number);
    const targets = [node.next, ...(node.then.kind === 'goto' ? [node.then.node] : []), ...(node.kind === 'switch' ? node.cases.flatMap(({ then: flow }) => (flow.kind === 'goto' ? [flow.node] : [])) : [])];
    for (const target of targets) if (target !== NO_NODE) expect(byNumber(target)?.parent).toBe(node.parent);
    const inner = [...('first' in node ? [node.first] : []), ...(node.kind === 'try' ? [node.catch.first] : [])];
    for (const first of inner) if (first !== NO_NODE) expect(byNumber(first)?.parent).toBe(node.number);
  });
  expect(new Set(program.nodes.map((node) => node.reference)).size).toBe(program.nodes.length);
}

describe('compiling any workflow', () => {
  test('gives a sound program or problems, and never throws', () => {
    const seen = { compiled: 0, refused: 0 };
    fc.assert(
      fc.property(document, (value) => {
        const result = compileWorkflow(workflowOfValue(value as never));
        seen[result.kind]++;
        if (result.kind === 'compiled') expectSound(result.program);
        else expect(result.problems.length).toBeGreaterThan(0);
      }),
      { numRuns: 600 },
    );
    expect(seen.compiled).toBeGreaterThan(20);
    expect(seen.refused).toBeGreaterThan(20);
  });

  test('gives problems, and never throws, for values that are no workflow at all', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('document', 'do', 'use', 'input', 'output', 'evaluate', 'schedule'), data), (value) => {
        expect(validateWorkflow(workflowOfValue(value)).kind).toBe('refused');
        expect(compileWorkflow(workflowOfValue(value)).kind).toBe('refused');
      }),
    );
  });
});
