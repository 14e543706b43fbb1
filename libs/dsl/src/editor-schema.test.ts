import { getLanguageService, type LanguageService } from 'yaml-language-server';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { editorSchema } from './editor-schema.ts';

/** The server that editors use for YAML, given the schema as editors are. */
let service: LanguageService;

beforeAll(() => {
  const nothing = (): void => undefined;
  service = getLanguageService({
    schemaRequestService: () => Promise.resolve(JSON.stringify(editorSchema())),
    workspaceContext: { resolveRelativePath: (relative: string) => relative },
    telemetry: { send: nothing, sendError: nothing, sendTrack: nothing },
  } as unknown as Parameters<typeof getLanguageService>[0]);
  service.configure({ validate: true, completion: true, hover: true, schemas: [{ uri: 'https://millrace.dev/schemas/v1/millrace.json', fileMatch: ['*.yaml'], schema: editorSchema() as never }] } as never);
});

let documents = 0;
/** The server keeps what it has read by name and version. */
const documentOf = (text: string): TextDocument => TextDocument.create(`file:///flow-${documents++}.yaml`, 'yaml', 1, text);
const HEAD = "document:\n  dsl: '1.0.3'\n  namespace: t\n  name: t\n  version: 1.0.0\n";

async function completions(text: string): Promise<readonly string[]> {
  const at = text.indexOf('|');
  const document = documentOf(text.replace('|', ''));
  const { items } = await service.doComplete(document, document.positionAt(at), false);
  return items.map(({ label }) => label);
}

async function problems(text: string): Promise<readonly string[]> {
  return (await service.doValidation(documentOf(text), false)).map(({ range, message }) => `${range.start.line + 1}: ${message}`);
}

async function hover(text: string): Promise<string> {
  const at = text.indexOf('|');
  const document = documentOf(text.replace('|', ''));
  return JSON.stringify((await service.doHover(document, document.positionAt(at)))?.contents ?? '');
}

test('the server completes kinds of tasks and the parts of a call', async () => {
  expect(await completions(`${HEAD}do:\n  - first:\n      |`)).toEqual(expect.arrayContaining(['call', 'set', 'switch', 'try', 'if', 'then']));
  expect(await completions(`${HEAD}do:\n  - first:\n      call: http\n      with:\n        |`)).toEqual(expect.arrayContaining(['method', 'endpoint', 'headers', 'body']));
  expect(await completions(`${HEAD}do:\n  - first:\n      call: |`)).toEqual(expect.arrayContaining(['http', 'grpc', 'openapi']));
});

test('it offers whole tasks where a list of them is written', async () => {
  expect(await completions(`${HEAD}do:\n  - |`)).toEqual(expect.arrayContaining(['call http', 'switch', 'try', 'listen']));
});

test('it completes resources by their kind', async () => {
  expect(await completions('millrace: v1\nkind: |')).toEqual(expect.arrayContaining(['limits', 'connection', 'webhook']));
  expect(await completions('millrace: v1\nkind: limits\nname: a\nspec:\n  |')).toEqual(expect.arrayContaining(['concurrency', 'startsPerSecond', 'weight']));
});

test('it marks what is wrong, and nothing in what is right', async () => {
  expect(await problems(`${HEAD}do:\n  - first:\n      set: { a: 1 }\n---\nmillrace: v1\nkind: limits\nname: a\nspec: { weight: 2 }\n`)).toEqual([]);
  expect(await problems(`${HEAD}do:\n  - first:\n      set: { a: 1 }\n      tehn: end\n`)).toEqual([expect.stringMatching(/^\d+: /)]);
  expect(await problems('millrace: v1\nkind: limits\nname: a\nspec: { weigth: 2 }\n')).toEqual([expect.stringContaining('weigth')]);
});

test('it explains properties', async () => {
  expect(await hover('millrace: v1\nkind: limits\nname: a\nspec:\n  concur|rency: 3\n')).toContain('Steps that may run at once');
  expect(await hover(`${HEAD}do:\n  - first:\n      wa|it: { seconds: 1 }\n`)).toMatch(/duration/i);
});
