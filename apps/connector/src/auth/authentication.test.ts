import { createHash } from 'node:crypto';
import { startHttpTarget, type Arrival, type HttpTarget, type TargetAnswer } from '@millrace/testkit';
import { httpConnector } from '../connectors/http/http.ts';
import type { JsonObject, JsonValue } from '../manifest.ts';
import { openOutside, type Outside } from '../testing/outside.ts';
import { bench, type Bench, type BenchOptions } from '../testing/run-operation.ts';

let target: HttpTarget;
let authority: HttpTarget;
let outside: Outside;
/** What the token endpoint answers, and how often it was asked. */
let issue: (form: URLSearchParams, arrival: Arrival) => TargetAnswer;

beforeAll(async () => {
  target = await startHttpTarget();
  authority = await startHttpTarget();
});
beforeEach(() => {
  outside = openOutside();
  let issued = 0;
  issue = () => ({ body: { access_token: `token-number-${(issued += 1)}`, token_type: 'Bearer', expires_in: 300 } });
  authority.answerWith((arrival) => {
    if (arrival.path.endsWith('/.well-known/openid-configuration')) return { body: { issuer: `${authority.url}/realms/a`, token_endpoint: `${authority.url}/realms/a/token` } };
    return issue(new URLSearchParams(arrival.body), arrival);
  });
  target.answerWith(() => ({}));
});
afterEach(() => outside.close());
afterAll(async () => {
  await target.close();
  await authority.close();
});

const http = (options: BenchOptions = {}): Bench => bench([httpConnector(outside)], options);
const get = (authentication: JsonObject, more: JsonObject = {}): JsonObject => ({ method: 'get', uri: `${target.url}/a`, authentication, ...more });
const oauth2 = (more: JsonObject = {}): JsonObject => ({ kind: 'oauth2', authority: `${authority.url}/realms/a`, grant: 'client_credentials', client: { id: 'runtime', secret: 'client-secret' }, ...more });
const asked = (): readonly Arrival[] => authority.arrivals.filter(({ method }) => method === 'POST');
const lastForm = (): Record<string, string> => Object.fromEntries(new URLSearchParams(authority.arrivals.at(-1)?.body));
const seen = (): string | undefined => target.arrivals.at(-1)?.headers['authorization'];

describe('basic and bearer', () => {
  test.each([
    ['basic', { username: 'admin', password: 'password123' }, `Basic ${Buffer.from('admin:password123').toString('base64')}`],
    ['bearer', { token: 'abcdefgh' }, 'Bearer abcdefgh'],
  ])('%s is sent in place and from a secret', async (kind, policy, expected) => {
    await http().output('http.request', get({ kind, ...policy }));
    expect(seen()).toBe(expected);
    await http({ secrets: { mine: policy } }).output('http.request', get({ kind, secret: 'mine' }));
    expect(seen()).toBe(expected);
  });

  test('the password of a secret is masked in what comes back, the name of the user is not', async () => {
    target.answerWith(() => ({ body: { user: 'admin1', password: 'password123', credentials: Buffer.from('admin1:password123').toString('base64') } }));
    const runs = http({ secrets: { mine: { username: 'admin1', password: 'password123' } } });
    expect(await runs.output('http.request', get({ kind: 'basic', secret: 'mine' }))).toEqual({ user: 'admin1', password: '***', credentials: '***' });
  });

  test('what is missing is a configuration error that names the place', async () => {
    expect(await http().failure('http.request', get({ kind: 'basic', username: 'a' }))).toMatchObject({
      type: 'https://serverlessworkflow.io/spec/1.0.0/errors/configuration',
      status: 400,
      detail: expect.stringContaining('authentication/basic/password is missing'),
    });
  });

  test('a secret that is not there is an authorization error with status 403', async () => {
    expect(await http().failure('http.request', get({ kind: 'bearer', secret: 'none' }))).toMatchObject({
      type: 'https://serverlessworkflow.io/spec/1.0.0/errors/authorization',
      status: 403,
      detail: expect.stringContaining('there is no secret none'),
    });
  });
});

describe('digest', () => {
  const HA1 = createHash('sha256').update('admin:realm-a:password123').digest('hex');
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

  /** A server that gives out nonces and checks every answer, also that no count is used twice. */
  function digestServer(usesOfNonceMax: number): { readonly challenges: () => number } {
    let challenges = 0;
    let count = 0;
    target.answerWith(({ method, path, headers }) => {
      const given = /nonce="n(\d+)".*response="([0-9a-f]+)".*nc=([0-9a-f]+), cnonce="([^"]+)"/.exec(headers['authorization'] ?? '');
      const [, nonce = '', response = '', nc = '', cnonce = ''] = given ?? [];
      const expected = sha256(`${HA1}:n${nonce}:${nc}:${cnonce}:auth:${sha256(`${method}:${path}`)}`);
      if (given !== null && Number(nonce) === challenges && parseInt(nc, 16) === count + 1 && response === expected && count < usesOfNonceMax) {
        count += 1;
        return { body: { ok: true } };
      }
      challenges += 1;
      count = 0;
      return { status: 401, headers: { 'www-authenticate': `Digest realm="realm-a", qop="auth", algorithm=SHA-256, nonce="n${challenges}"` } };
    });
    return { challenges: () => challenges };
  }

  test('answers the challenge, and later requests with the same nonce and the next count', async () => {
    const server = digestServer(3);
    const runs = http();
    const credentials = { kind: 'digest', username: 'admin', password: 'password123' };
    for (let each = 0; each < 3; each += 1) expect(await runs.output('http.request', get(credentials, { query: { q: each } }))).toEqual({ ok: true });
    expect(server.challenges()).toBe(1);
    expect(await runs.output('http.request', get(credentials))).toEqual({ ok: true });
    expect(server.challenges()).toBe(2);
  });

  test('a wrong password is the 401 of the target, after one answer', async () => {
    digestServer(3);
    const arrived = target.arrivals.length;
    expect(await http().failure('http.request', get({ kind: 'digest', username: 'admin', password: 'wrong-password' }))).toMatchObject({ status: 401 });
    expect(target.arrivals.length - arrived).toBe(2);
  });
});

describe('oauth2', () => {
  test('asks once for the token that many steps share, at the default endpoint, and shows it nowhere', async () => {
    const before = asked().length;
    target.answerWith(({ headers }) => ({ body: { saw: headers['authorization'] } }));
    const runs = http();
    const outputs = await Promise.all(Array.from({ length: 20 }, () => runs.output('http.request', get(oauth2({ scopes: ['api', 'more'], audiences: ['runtime', 'other'] })))));
    expect(asked().length - before).toBe(1);
    expect(asked().at(-1)?.path).toBe('/realms/a/oauth2/token');
    expect(lastForm()).toMatchObject({ grant_type: 'client_credentials', client_id: 'runtime', client_secret: 'client-secret', scope: 'api more' });
    expect(new URLSearchParams(asked().at(-1)?.body).getAll('audience')).toEqual(['runtime', 'other']);
    expect(seen()).toBe('Bearer token-number-1');
    expect(outputs).toEqual(Array(20).fill({ saw: 'Bearer ***' }));
  });

  test('asks again when the token expires, with the refresh token where there is one', async () => {
    issue = (form) => ({ body: { access_token: `by-${form.get('grant_type')}-${form.get('refresh_token') ?? ''}`, expires_in: 0.05, refresh_token: 'refresh-me' } });
    const runs = http();
    await runs.output('http.request', get(oauth2()));
    expect(seen()).toBe('Bearer by-client_credentials-');
    await new Promise((resolve) => setTimeout(resolve, 60));
    await runs.output('http.request', get(oauth2()));
    expect(seen()).toBe('Bearer by-refresh_token-refresh-me');
  });

  test('a refresh token that is not taken any more falls back on the grant', async () => {
    issue = (form) => (form.get('grant_type') === 'refresh_token' ? { status: 400, body: { error: 'invalid_grant' } } : { body: { access_token: 'fresh-token', expires_in: 0.01, refresh_token: 'refresh-me' } });
    const runs = http();
    await runs.output('http.request', get(oauth2()));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await runs.output('http.request', get(oauth2()));
    expect(seen()).toBe('Bearer fresh-token');
  });

  test('a token that the target refuses is renewed once', async () => {
    target.answerWith(({ headers }) => (headers['authorization'] === 'Bearer token-number-1' ? { status: 401 } : { body: { ok: true } }));
    expect(await http().output('http.request', get(oauth2()))).toEqual({ ok: true });
    target.answerWith(() => ({ status: 401 }));
    expect(await http().failure('http.request', get(oauth2()))).toMatchObject({ status: 401 });
  });

  test.each<[string, JsonObject, Record<string, string | undefined>]>([
    ['the grant password', { grant: 'password', username: 'user', password: 'user-password' }, { grant_type: 'password', username: 'user', password: 'user-password' }],
    ['the grant refresh_token', { grant: 'refresh_token', subject: { token: 'the-refresh-token', type: 'refresh_token' } }, { grant_type: 'refresh_token', refresh_token: 'the-refresh-token' }],
    [
      'token exchange',
      { grant: 'urn:ietf:params:oauth:grant-type:token-exchange', subject: { token: 'subject-token', type: 'access_token' }, actor: { token: 'actor-token', type: 'urn:example:own' } },
      { subject_token: 'subject-token', subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', actor_token: 'actor-token', actor_token_type: 'urn:example:own' },
    ],
    ['a client without proof', { client: { id: 'public', authentication: 'none' } }, { client_id: 'public', client_secret: undefined }],
    ['an assertion made elsewhere', { client: { id: 'c', assertion: 'a.b.c', authentication: 'private_key_jwt' } }, { client_assertion: 'a.b.c', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' }],
  ])('sends what %s needs', async (_, more, fields) => {
    await http().output('http.request', get(oauth2(more)));
    expect(lastForm()).toMatchObject(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));
    for (const [name, value] of Object.entries(fields)) if (value === undefined) expect(lastForm()).not.toHaveProperty(name);
  });

  test('proves the client by header, by a signed assertion, and asks in JSON where that is wanted', async () => {
    await http().output('http.request', get(oauth2({ client: { id: 'a b', secret: 's/1', authentication: 'client_secret_basic' } })));
    expect(asked().at(-1)?.headers['authorization']).toBe(`Basic ${Buffer.from('a+b:s%2F1').toString('base64')}`);
    await http().output('http.request', get(oauth2({ client: { id: 'c', secret: 'client-secret', authentication: 'client_secret_jwt' } })));
    const claims = JSON.parse(Buffer.from(lastForm()['client_assertion']?.split('.')[1] ?? '', 'base64url').toString()) as JsonObject;
    expect(claims).toMatchObject({ iss: 'c', sub: 'c', aud: `${authority.url}/realms/a/oauth2/token` });
    expect(lastForm()).not.toHaveProperty('client_secret');
    await http().output('http.request', get(oauth2({ request: { encoding: 'application/json' }, endpoints: { token: '/auth/token' } })));
    expect(asked().at(-1)).toMatchObject({ path: '/realms/a/auth/token', headers: { 'content-type': 'application/json' } });
    expect(JSON.parse(asked().at(-1)?.body ?? '')).toMatchObject({ grant_type: 'client_credentials', client_id: 'runtime' });
  });

  test('a token of another issuer than those stated is not used', async () => {
    const jwt = (iss: string): string => `e30.${Buffer.from(JSON.stringify({ iss })).toString('base64url')}.sig`;
    issue = () => ({ body: { access_token: jwt('https://evil.example') } });
    const failure = await http().failure('http.request', get(oauth2({ issuers: ['https://good.example'] })));
    expect(failure).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/authentication', status: 401 });
    expect(failure.detail).toContain('https://evil.example is not among the issuers stated');
    issue = () => ({ body: { access_token: jwt('https://good.example') } });
    await http().output('http.request', get(oauth2({ issuers: ['https://good.example'] })));
  });

  test('an authority that refuses is an authentication error, one that is broken a communication error, and neither asks the target', async () => {
    const arrived = target.arrivals.length;
    issue = () => ({ status: 400, body: { error: 'invalid_client', error_description: 'unknown client-secret' } });
    const refused = await http().failure('http.request', get(oauth2()));
    expect(refused).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/authentication', status: 401 });
    expect(refused.detail).toContain('invalid_client: unknown ***');
    issue = () => ({ status: 503 });
    expect(await http().failure('http.request', get(oauth2()))).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: 503 });
    expect(target.arrivals).toHaveLength(arrived);
  });

  test.each<[JsonObject, string]>([
    [{ grant: 'authorization_code' }, 'needs a person at a browser'],
    [{ grant: 'password' }, 'oauth2/username is missing'],
    [{ client: {} }, 'oauth2/client/id is missing'],
  ])('%j is refused with the reason', async (more, reason) => {
    expect(await http().failure('http.request', get(oauth2(more)))).toMatchObject({ status: 400, detail: expect.stringContaining(reason) });
  });
});

describe('oidc', () => {
  test.each(['/realms/a', '/realms/a/.well-known/openid-configuration'])('asks %s for its endpoints, once', async (path) => {
    const before = authority.arrivals.length;
    const runs = http({ secrets: { mine: { authority: `${authority.url}${path}`, grant: 'client_credentials', client: { id: 'runtime', secret: 'client-secret' } } } });
    await runs.output('http.request', get({ kind: 'oidc', secret: 'mine' }));
    await runs.output('http.request', get({ kind: 'oidc', authority: `${authority.url}${path}`, client: { id: 'other', secret: 'client-secret' } }));
    expect(authority.arrivals.slice(before).map((arrival) => arrival.path)).toEqual(['/realms/a/.well-known/openid-configuration', '/realms/a/token', '/realms/a/token']);
    expect(seen()).toBe('Bearer token-number-2');
  });

  test('an authority that names another issuer is not trusted', async () => {
    authority.answerWith(() => ({ body: { issuer: 'https://evil.example', token_endpoint: `${authority.url}/token` } }));
    expect(await http().failure('http.request', get({ kind: 'oidc', authority: `${authority.url}/realms/b`, client: { id: 'c', secret: 'secret-1' } }))).toMatchObject({
      status: 401,
      detail: expect.stringContaining('names the issuer https://evil.example'),
    });
  });
});

describe('handles of secrets in arguments', () => {
  const SEAL = '0123456789abcdef0123456789abcdef';
  const handle = (path: string, seal = SEAL): string => `~secret.${seal}.${path}~`;
  const secrets = { mine: { user: 'someone', key: 'the-secret-key', port: 8443 }, plain: 'plain-secret' };
  const post = (body: JsonValue, names: readonly string[] = ['mine', 'plain']): JsonObject => ({ method: 'post', uri: `${target.url}/h`, body, $secrets: { seal: SEAL, names } });

  test('become values for the request, alone or within a text, and are masked in what comes back', async () => {
    target.answerWith(({ body }) => ({ body: { saw: body } }));
    const output = await http({ secrets }).output('http.request', post({ a: handle('mine.key'), b: `Key ${handle('plain')}!`, c: handle('mine.port'), d: [handle('mine')] }));
    expect(JSON.parse(target.arrivals.at(-1)?.body ?? '')).toEqual({ a: 'the-secret-key', b: 'Key plain-secret!', c: 8443, d: [secrets.mine] });
    expect(JSON.stringify(output)).not.toMatch(/the-secret-key|plain-secret/);
  });

  test('of another seal are texts like any other, and none that a target sends comes through whole', async () => {
    target.answerWith(({ body }) => ({ body: { saw: body, planted: handle('plain') } }));
    const output = await http({ secrets }).output('http.request', post({ a: handle('plain', 'f'.repeat(32)) }));
    expect(target.arrivals.at(-1)?.body).toContain('~secret.ffff');
    expect(JSON.stringify(output)).not.toContain('~secret.');
  });

  test('of secrets that are not declared, not there, or have no such member, are refused', async () => {
    for (const body of [handle('other'), handle('mine.none'), handle('gone')]) {
      const failure = await http({ secrets }).failure('http.request', post(body, ['mine', 'gone']));
      expect(failure).toMatchObject({ type: 'https://serverlessworkflow.io/spec/1.0.0/errors/authorization', status: 403 });
    }
  });
});
