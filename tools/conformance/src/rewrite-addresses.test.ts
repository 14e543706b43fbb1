import type { Json } from './json.ts';
import { rewriteAddresses } from './rewrite-addresses.ts';

const to = { http: 'http://127.0.0.1:1234', grpc: { host: '127.0.0.1', port: 5678 }, mcpCommand: { command: 'node', arguments: ['server.js'] } };

test.each<[string, Json, Json]>([
  ['an endpoint', { endpoint: 'https://a.example/b/{c}' }, { endpoint: 'http://127.0.0.1:1234/a.example/b/{c}' }],
  ['an address in an expression', { endpoint: { uri: '${ "https://a.example/\\(.b)" }' } }, { endpoint: { uri: '${ "http://127.0.0.1:1234/a.example/\\(.b)" }' } }],
  ['an authority', { oauth2: { authority: 'http://keycloak/realms/a' } }, { oauth2: { authority: 'http://127.0.0.1:1234/keycloak/realms/a' } }],
  ['a file', { proto: { endpoint: 'file://app/a.proto' } }, { proto: { endpoint: 'http://127.0.0.1:1234/file/app/a.proto' } }],
  ['a gRPC service', { call: 'grpc', with: { service: { name: 'A', host: 'localhost', port: 1 } } }, { call: 'grpc', with: { service: { name: 'A', host: '127.0.0.1', port: 5678 } } }],
  ['an agent', { call: 'a2a', with: { method: 'message/send', server: 'https://a.example/a2a' } }, { call: 'a2a', with: { method: 'message/send', server: 'http://127.0.0.1:1234/a.example/a2a' } }],
  ['an MCP command', { call: 'mcp', with: { transport: { stdio: { command: 'npx', arguments: ['a'], environment: { B: 'c' } } } } }, { call: 'mcp', with: { transport: { stdio: { command: 'node', arguments: ['server.js'], environment: { B: 'c' } } } } }],
])('changes %s', (_, from, expected) => {
  expect(rewriteAddresses(from, to)).toEqual(expected);
});

test('leaves everything else, types of errors and sources of events above all', () => {
  const document = { raise: { error: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime' } }, emit: { event: { with: { source: 'https://a.example' } } }, set: { a: 'https://a.example' } };
  expect(rewriteAddresses(document, to)).toEqual(document);
});
