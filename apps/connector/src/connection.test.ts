import { randomBytes } from 'node:crypto';
import { createSecretBox } from '@millrace/store';
import { openConnection, sealConnection, type ConnectionRequest, type SealedConnection } from './connection.ts';
import { ConnectionBook } from './connection-book.ts';

const box = createSecretBox(randomBytes(32));
const connectors = new Map([
  ['http', { auth: ['none', 'basic', 'bearer', 'header'] as const }],
  ['sql', { auth: ['none'] as const }],
]);
const request = (change: Partial<ConnectionRequest> = {}): ConnectionRequest => ({
  organisation: 'acme',
  name: 'api',
  connector: 'http',
  baseUrl: 'https://api.example.org',
  authJson: '{"kind":"basic","username":"u","passwordSecret":"pw"}',
  secrets: { pw: 'hunter22' },
  ...change,
});
const seal = (change: Partial<ConnectionRequest> = {}): SealedConnection => ({ ...sealConnection(request(change), connectors, box), revision: 1 });

test('a sealed connection has no secret in it and opens with the same key only', () => {
  const sealed = seal();
  expect(JSON.stringify(sealed)).not.toContain('hunter22');
  expect(openConnection(sealed, box)).toEqual({ name: 'api', connector: 'http', baseUrl: 'https://api.example.org', auth: { kind: 'basic', username: 'u', password: 'hunter22' } });
  expect(() => openConnection(sealed, createSecretBox(randomBytes(32)))).toThrow(/cannot be opened/);
});

test('a secret that was copied to another connection does not open there', () => {
  const other = { ...seal({ name: 'other', secrets: { pw: 'other-secret' } }), secrets: seal().secrets };
  expect(() => openConnection(other, box)).toThrow(/apply the connection again/);
});

test('the same secret is sealed differently each time, and a changed one does not open', () => {
  const [first, second] = [box.seal('s', 'p'), box.seal('s', 'p')];
  expect(first).not.toBe(second);
  const at = first.length - 5;
  const changed = first.slice(0, at) + (first[at] === 'A' ? 'B' : 'A') + first.slice(at + 1);
  expect(() => box.open(changed, 'p')).toThrow();
  expect(() => box.open('v2.xyz', 'p')).toThrow(/format/);
  expect(() => box.open('', 'p')).toThrow(/format/);
  expect(box.open(second, 'p')).toBe('s');
});

test.each<[Partial<ConnectionRequest>, string]>([
  [{ name: 'a.b' }, 'name is not a name'],
  [{ organisation: '' }, 'organisation is not a name'],
  [{ connector: 'ftp' }, 'there is no connector ftp; there are http, sql'],
  [{ baseUrl: 'nowhere' }, 'spec.baseUrl is not a URL'],
  [{ baseUrl: 'https://u:hunter22@example.org' }, 'spec.baseUrl has credentials'],
  [{ authJson: '{' }, 'spec.auth.kind is none of'],
  [{ authJson: '{"kind":"oauth"}' }, 'spec.auth.kind is none of none, basic, bearer, header'],
  [{ authJson: '{"kind":"bearer"}' }, 'spec.auth.tokenSecret is missing'],
  [{ authJson: '{"kind":"bearer","tokenSecret":"nope"}' }, 'spec.secrets has no nope'],
  [{ authJson: '{"kind":"bearer","tokenSecret":"pw","token":"hunter22"}' }, 'spec.auth.token is not known'],
  [{ connector: 'sql' }, 'connector sql takes none, not basic'],
  [{ secrets: { pw: 'x'.repeat(20_000) } }, 'spec.secrets.pw is longer than'],
])('%j is refused: %s', (change, problem) => {
  expect(() => seal(change)).toThrow(problem);
  try {
    seal(change);
  } catch (error) {
    expect(JSON.stringify([error, String(error)])).not.toContain('hunter22');
  }
});

test('the book knows connections by organisation and name, and says what to do about one that it does not know', () => {
  const book = new ConnectionBook(box);
  book.note('acme', 'api', seal());
  book.note('acme', 'a', seal({ name: 'a' }));
  book.note('other', 'api', seal({ organisation: 'other', secrets: { pw: 'other-password' } }));
  expect(book.list('acme').map(({ name }) => name)).toEqual(['a', 'api']);
  expect(book.open('other', 'api').auth).toMatchObject({ password: 'other-password' });
  book.note('acme', 'api', undefined);
  expect(() => book.open('acme', 'api')).toThrow(/no connection api in organisation acme; apply/);
});
