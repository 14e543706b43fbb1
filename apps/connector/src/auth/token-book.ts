/**
 * Access tokens in use: asked for once, shared by every step with the same credentials, renewed before they expire.
 *
 * Owns asking authorities, discovery of their endpoints, and how long answers are kept. Tokens are in memory only:
 * another process, or this one after a restart, asks again.
 *
 * B1 However many steps want the same token, one request is under way; it has its own time limit, so that no
 *    cancelled step takes the token from the others.
 */
import { createHash, randomUUID } from 'node:crypto';
import { failure, refused } from '../failure.ts';
import { DISCOVERIES_MAX, DISCOVERY_KEEP_MS, TOKEN_ANSWER_BYTES_MAX, TOKEN_KEEP_MS, TOKEN_MARGIN_MS, TOKEN_REQUEST_MS_MAX, TOKENS_MAX } from '../limits.ts';
import { LruMap } from '../lru-map.ts';
import type { JsonObject, Performed } from '../manifest.ts';
import { brokenExchange, type OutboundHttp } from '../outbound/outbound-http.ts';
import type { OAuth2Credentials } from './credentials.ts';
import { TokenInvalid, tokenOf, tokenRefusal, tokenRequest, type Token } from './token-request.ts';

/** The authority gave no token; `performed` says how the step ends. The target itself was not asked. */
export class AuthorityFailed extends Error {
  readonly performed: Performed;

  constructor(performed: Performed) {
    super(performed.kind === 'failure' ? performed.failure.detail : '');
    this.performed = performed;
  }
}

interface KeptToken extends Token {
  /** On the monotonic clock. */
  readonly renewAtMs: number;
}

interface Entry {
  token: KeptToken | undefined;
  asking: Promise<KeptToken> | undefined;
}

interface KeptEndpoint {
  readonly endpoint: URL;
  readonly goodUntilMs: number;
}

export class TokenBook {
  readonly #http: OutboundHttp;
  readonly #entries = new LruMap<string, Entry>(TOKENS_MAX);
  readonly #endpoints = new LruMap<string, KeptEndpoint>(DISCOVERIES_MAX);

  constructor(http: OutboundHttp) {
    this.#http = http;
  }

  /**
   * A token for these credentials of an organisation.
   *
   * @param refused a token that the target did not take: it is not handed out again.
   * @throws AuthorityFailed
   */
  async tokenFor(organisation: string, credentials: OAuth2Credentials, refusedToken?: string): Promise<Token> {
    const key = createHash('sha256').update(JSON.stringify([organisation, credentials])).digest('base64');
    const entry = this.#entries.get(key) ?? { token: undefined, asking: undefined };
    this.#entries.set(key, entry);
    const { token } = entry;
    if (token !== undefined && token.accessToken !== refusedToken && performance.now() < token.renewAtMs) return token;
    entry.asking ??= this.#renew(credentials, token).then((renewed) => (entry.token = renewed)).finally(() => (entry.asking = undefined));
    return entry.asking;
  }

  /** With a refresh token first; when the authority does not take it, by the grant that was stated. */
  async #renew(credentials: OAuth2Credentials, expired: KeptToken | undefined): Promise<KeptToken> {
    const endpoint = await this.#endpointOf(credentials);
    if (expired?.refreshToken !== undefined) {
      try {
        return await this.#request(credentials, endpoint, expired.refreshToken);
      } catch (error) {
        if (!(error instanceof AuthorityFailed)) throw error;
      }
    }
    return this.#request(credentials, endpoint);
  }

  async #request(credentials: OAuth2Credentials, endpoint: URL, refreshToken?: string): Promise<KeptToken> {
    const { body, headers } = tokenRequest(credentials, endpoint, { nowMs: Date.now(), nonce: randomUUID() }, refreshToken);
    const what = `the token endpoint POST ${endpoint.origin}${endpoint.pathname}`;
    const askedAtMs = performance.now();
    const answer = await this.#ask('POST', endpoint, what, headers, body);
    if (answer.status < 200 || answer.status > 299) {
      const said = tokenRefusal(answer.bytes);
      throw new AuthorityFailed(
        answer.status >= 500 || answer.status === 429
          ? refused(failure('communication', answer.status, `${what} answered ${answer.status}${said === '' ? '' : `: ${said}`}`))
          : refused(failure('authentication', 401, `${what} refused the credentials with ${answer.status}${said === '' ? '' : `: ${said}`}`)),
      );
    }
    try {
      const token = tokenOf(answer.bytes, credentials.issuers);
      const lifeMs = token.lifeMs ?? TOKEN_KEEP_MS;
      // A short life gets a margin that is a share of it, so that the token is used at all.
      return { ...token, refreshToken: token.refreshToken ?? refreshToken, renewAtMs: askedAtMs + lifeMs - Math.min(TOKEN_MARGIN_MS, lifeMs / 5) };
    } catch (error) {
      if (error instanceof TokenInvalid) throw new AuthorityFailed(refused(failure('authentication', 401, `${what}: ${error.message}`)));
      throw error;
    }
  }

  async #endpointOf({ authority, discovery, tokenEndpoint }: OAuth2Credentials): Promise<URL> {
    if (!discovery) return endpointUrl(/^https?:/i.test(tokenEndpoint) ? tokenEndpoint : `${authority}/${tokenEndpoint.replace(/^\/+/, '')}`);
    const kept = this.#endpoints.get(authority);
    if (kept !== undefined && performance.now() < kept.goodUntilMs) return kept.endpoint;
    const endpoint = await this.#discover(authority);
    this.#endpoints.set(authority, { endpoint, goodUntilMs: performance.now() + DISCOVERY_KEEP_MS });
    return endpoint;
  }

  /** OpenID Connect Discovery 1.0, section 4; the issuer has to be the one that was asked (section 4.3). */
  async #discover(authority: string): Promise<URL> {
    const url = endpointUrl(`${authority}/.well-known/openid-configuration`);
    const what = `the discovery of ${authority}`;
    const answer = await this.#ask('GET', url, what, { accept: 'application/json' });
    if (answer.status !== 200) throw new AuthorityFailed(refused(failure('communication', answer.status, `${what} answered ${answer.status}`)));
    let metadata: JsonObject;
    try {
      metadata = JSON.parse(answer.bytes.toString('utf8')) as JsonObject;
    } catch {
      throw authorityUnusable(`${what} did not answer with JSON`);
    }
    const { issuer, token_endpoint: endpoint } = metadata;
    if (typeof issuer !== 'string' || issuer.replace(/\/+$/, '') !== authority.replace(/\/+$/, '')) throw authorityUnusable(`${what} names the issuer ${String(issuer)}, not the authority that was asked`);
    if (typeof endpoint !== 'string') throw authorityUnusable(`${what} names no token_endpoint`);
    return endpointUrl(endpoint);
  }

  async #ask(method: string, url: URL, what: string, headers: Readonly<Record<string, string>>, body?: string) {
    try {
      return await this.#http.ask({ method, url, headers, body, signal: AbortSignal.timeout(TOKEN_REQUEST_MS_MAX), bytesMax: TOKEN_ANSWER_BYTES_MAX });
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError') throw new AuthorityFailed(refused(failure('timeout', 408, `${what} did not answer within ${TOKEN_REQUEST_MS_MAX} ms`)));
      const broken = brokenExchange(error, what);
      throw new AuthorityFailed(broken.kind === 'failure' ? refused(broken.failure) : broken);
    }
  }
}

function endpointUrl(text: string): URL {
  if (!URL.canParse(text) || !/^https?:/i.test(text)) throw authorityUnusable(`the authority's endpoint ${text.slice(0, 200)} is no http: or https: address`);
  return new URL(text);
}

function authorityUnusable(detail: string): AuthorityFailed {
  return new AuthorityFailed(refused(failure('authentication', 401, detail)));
}
