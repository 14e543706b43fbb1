import { guideDocuments } from './guide-documents.ts';
import { checkText } from './source-documents.ts';

test('every document of the page about calls is valid and compiles', async () => {
  const documents = await guideDocuments('calls.md');
  expect(documents.map(([name]) => name)).toEqual(expect.arrayContaining(['http', 'openapi', 'grpc', 'publish', 'subscribe', 'mcp', 'functions', 'authentication']));
  for (const [name, text] of documents) expect(await checkText(`${name}.yaml`, text)).toMatchObject({ kind: 'runnable' });
});

test('a document that is wrong is told from one that this release does not run', async () => {
  const head = "document: { dsl: '1.0.3', namespace: a, name: b, version: 1.0.0 }\n";
  expect(await checkText('f.yaml', `${head}do: []\ninput: { schema: { format: avro, document: {} } }\n`)).toMatchObject({ kind: 'unsupported' });
  expect(await checkText('f.yaml', `${head}do: [ { a: { cal: http } } ]\n`)).toMatchObject({ kind: 'invalid' });
});
