import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { compileWorkflow, readDocuments } from '@millrace/dsl';
import * as millrace from './index.ts';
import { codeOf, exportNameOf, type Json } from './index.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
type Document = { readonly [key: string]: Json };

/** Every YAML document of a workflow below a folder. */
function workflowsIn(folder: string): readonly (readonly [string, Document])[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name) && !/node_modules/.test(entry.parentPath))
    .flatMap((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      const read = readDocuments(readFileSync(file, 'utf8'), { fileName: file });
      if (read.kind === 'refused') return [];
      return read.documents.flatMap((document, index) => (document.kind === 'workflow' ? [[`${path.relative(folder, file)} ${index}`, document.value as Document] as const] : []));
    });
}

/** What the code builds. It has no types in it but that of the input. */
function built(code: string): Document {
  const name = /export const (\w+) =/.exec(code)?.[1] ?? '';
  const body = code.replace(/^import \{(.*)\} from '@millrace\/workflow';/, 'const {$1} = millrace;').replace('export const', 'const').replace(/= workflow<[\s\S]*?>\(\{/, '= workflow({');
  return JSON.parse(JSON.stringify(new Function('millrace', `${body}\nreturn ${name};`)(millrace))) as Document;
}

const outside = process.env['SERVERLESS_WORKFLOW_EXAMPLES'];
const folders = ['libs/dsl/fixtures', 'examples', 'tools/conformance'].map((folder) => path.join(ROOT, folder));
const documents = [...folders, ...(outside === undefined ? [] : [outside])].flatMap(workflowsIn);

test('there are documents to try', () => {
  expect(documents.length).toBeGreaterThan(4);
});

test.each(documents)('%s comes back from its code as it was', (_name, document) => {
  expect(built(codeOf(document))).toEqual(document);
});

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom('${ .a }', '__proto__', "it's", '`${x}`', '\\', '\u2028', '0', 'then', 'constructor'));
const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.constant(null), fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)), text, fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(text.filter((name) => name !== '__proto__'), tie('value'), { maxKeys: 3 })),
})).value;
const object = fc.dictionary(fc.string({ maxLength: 8 }).filter((name) => name !== '__proto__'), json, { maxKeys: 3 });

/** Tasks that resemble those of the DSL, right and odd alike: whatever there is has to come back. */
const task: fc.Arbitrary<Json> = fc.letrec<{ task: Json; list: Json }>((tie) => ({
  list: fc.array(fc.tuple(text.filter((name) => name !== '__proto__'), tie('task')).map(([name, value]) => ({ [name]: value })), { maxLength: 3 }),
  task: fc
    .tuple(
      fc.oneof(
        { maxDepth: 3 },
        fc.record({ set: json }),
        fc.record({ wait: json }),
        fc.record({ call: fc.constantFrom('http', 'openapi', 'grpc', 'mine'), with: fc.oneof(object, fc.constant({ method: 'get', endpoint: 'https://x' })) }, { requiredKeys: ['call'] }),
        fc.record({ do: tie('list') }),
        fc.record({ for: fc.oneof(object, fc.constant({ each: 'x', in: '.', at: 'i' })), while: text, do: tie('list') }, { requiredKeys: ['for', 'do'] }),
        fc.record({ try: tie('list'), catch: fc.record({ as: text, retry: json, do: tie('list'), other: json }, { requiredKeys: [] }) }),
        fc.record({ fork: fc.record({ branches: tie('list'), compete: fc.boolean() }, { requiredKeys: ['branches'] }) }),
        fc.record({ switch: fc.array(fc.tuple(fc.constantFrom('a', 'b', '1'), object).map(([name, value]) => ({ [name]: value })), { maxLength: 3 }) }),
        fc.record({ listen: fc.record({ to: object, read: text }, { requiredKeys: ['to'] }), foreach: fc.record({ item: text, do: tie('list'), output: object }, { requiredKeys: [] }) }, { requiredKeys: ['listen'] }),
        fc.record({ emit: fc.constant({ event: { with: { type: 'a' } } }) }),
        fc.record({ raise: fc.record({ error: json }) }),
        fc.record({ run: fc.record({ script: object, await: fc.boolean(), return: text }, { requiredKeys: ['script'] }) }),
      ),
      fc.record({ if: text, then: text, input: object, output: fc.oneof(object, fc.record({ as: json, schema: object })), export: fc.record({ as: json }), timeout: fc.oneof(text, fc.record({ after: json })), metadata: object, 'x-own': json }, { requiredKeys: [] }),
    )
    .map(([head, rest]) => ({ ...rest, ...head })),
})).task;

test('any document that has the form of a workflow comes back from its code', () => {
  const document = fc.record({ document: fc.record({ dsl: fc.constantFrom('1.0.3', '1.0.0'), namespace: text, name: fc.constantFrom('orders', 'a-b', '7', 'set', 'class'), version: text, summary: text, extra: json }, { requiredKeys: ['dsl', 'namespace', 'name', 'version'] }), input: object, use: object, timeout: json, output: object, schedule: json, do: fc.array(task.map((each) => ({ step: each })), { maxLength: 4 }) }, { requiredKeys: ['document', 'do'] });
  fc.assert(fc.property(document, (each) => void expect(built(codeOf(each as Document))).toEqual(JSON.parse(JSON.stringify(each)))), { numRuns: 400 });
});

test('names become names of the language that hide nothing', () => {
  expect(['order-items', 'set', 'class', '7-up', 'Order'].map(exportNameOf)).toEqual(['orderItems', 'setDocument', 'classDocument', 'workflow7UpDocument', 'order']);
});

test('the code is what a person would write', () => {
  const [, document] = documents.find(([name]) => name.startsWith('orders/orders.yaml')) ?? ['', {}];
  const code = codeOf(document);
  expect(code).toContain(".task('stock', http({ method: 'get', endpoint: 'https://stock.example.com/items/{item}' }).as(");
  expect(code).toContain(".task('enough', switchOn({ none: { when: '.stock == 0', then: 'sold' }, some: { then: 'charge' } }))");
  expect(compileWorkflow({ kind: 'workflow', fileName: 'x', value: built(code), locate: () => ({ line: 1, column: 1 }), locateText: () => ({ line: 1, column: 1 }) } as never).kind).toBe('compiled');
});
