/**
 * From credentials to what a request carries.
 *
 * Owns the schemes: which headers, and what a refusal is answered with. A digest challenge is answered once, and a
 * token that the target refuses is renewed once; after that the target's 401 stands.
 */
import { randomBytes } from 'node:crypto';
import { DIGEST_CHALLENGES_MAX } from '../limits.ts';
import { LruMap } from '../lru-map.ts';
import type { HttpAnswer, OutboundHttp } from '../outbound/outbound-http.ts';
import type { StepSecrets } from '../secret-handles.ts';
import type { Credentials } from './credentials.ts';
import { digestAuthorization, digestChallenge, type DigestChallenge } from './digest.ts';
import { TokenBook } from './token-book.ts';

export interface AuthorisedRequest {
  readonly organisation: string;
  readonly method: string;
  readonly url: URL;
  readonly body: string | Uint8Array;
  readonly credentials: Credentials;
  readonly secrets: Pick<StepSecrets, 'hide'>;
}

export interface Authenticator {
  /**
   * Headers (names in lower case) that identify the caller. Digest has none: it needs a challenge.
   *
   * @throws AuthorityFailed
   */
  headers(organisation: string, credentials: Credentials, secrets: Pick<StepSecrets, 'hide'>): Promise<Readonly<Record<string, string>>>;
  /** Sends by `attempt`, at most twice, with the headers it is given. @throws AuthorityFailed, and what `attempt` throws */
  exchange(request: AuthorisedRequest, attempt: (headers: Readonly<Record<string, string>>) => Promise<HttpAnswer>): Promise<HttpAnswer>;
}

interface UsedChallenge {
  readonly challenge: DigestChallenge;
  count: number;
}

export function createAuthenticator(http: OutboundHttp): Authenticator {
  const tokens = new TokenBook(http);
  const challenges = new LruMap<string, UsedChallenge>(DIGEST_CHALLENGES_MAX);

  async function tokenHeaders(organisation: string, credentials: Credentials & { readonly kind: 'oauth2' }, secrets: Pick<StepSecrets, 'hide'>, refusedToken?: string) {
    const { accessToken, scheme } = await tokens.tokenFor(organisation, credentials, refusedToken);
    secrets.hide(accessToken);
    return { accessToken, headers: { authorization: `${scheme} ${accessToken}` } };
  }

  async function withDigest(request: AuthorisedRequest & { readonly credentials: { readonly kind: 'digest' } }, attempt: (headers: Readonly<Record<string, string>>) => Promise<HttpAnswer>): Promise<HttpAnswer> {
    const { body, credentials, method, organisation, url } = request;
    const place = JSON.stringify([organisation, url.origin, credentials.username, credentials.password]);
    const answerTo = (used: UsedChallenge): Readonly<Record<string, string>> => {
      used.count += 1;
      const uri = `${url.pathname}${url.search}`;
      return { authorization: digestAuthorization(used.challenge, { method, uri, body, username: credentials.username, password: credentials.password, cnonce: randomBytes(16).toString('hex'), count: used.count }) };
    };
    const known = challenges.get(place);
    const first = await attempt(known === undefined ? {} : answerTo(known));
    if (first.status !== 401) return first;
    const challenge = digestChallenge(first.headers['www-authenticate'] ?? '');
    if (challenge === undefined) return first;
    const used: UsedChallenge = { challenge, count: 0 };
    challenges.set(place, used);
    return attempt(answerTo(used));
  }

  return {
    headers: async (organisation, credentials, secrets) => {
      if (credentials.kind === 'oauth2') return (await tokenHeaders(organisation, credentials, secrets)).headers;
      return plainHeaders(credentials);
    },
    exchange: async (request, attempt) => {
      const { credentials, organisation, secrets } = request;
      if (credentials.kind === 'digest') return withDigest({ ...request, credentials }, attempt);
      if (credentials.kind !== 'oauth2') return attempt(plainHeaders(credentials));
      const first = await tokenHeaders(organisation, credentials, secrets);
      const answer = await attempt(first.headers);
      if (answer.status !== 401) return answer;
      const second = await tokenHeaders(organisation, credentials, secrets, first.accessToken);
      return second.accessToken === first.accessToken ? answer : attempt(second.headers);
    },
  };
}

function plainHeaders(credentials: Exclude<Credentials, { kind: 'oauth2' }>): Readonly<Record<string, string>> {
  switch (credentials.kind) {
    case 'none':
    case 'digest':
      return {};
    case 'basic':
      return { authorization: `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}` };
    case 'bearer':
      return { authorization: `Bearer ${credentials.token}` };
    case 'header':
      return { [credentials.header.toLowerCase()]: credentials.value };
  }
}
