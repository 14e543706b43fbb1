/**
 * Requests to a token endpoint and their answers (RFC 6749, RFC 7523, RFC 8693).
 *
 * Pure: what to send, and what an answer says. Does not own sending, nor how long a token is kept.
 */
import { createHmac } from 'node:crypto';
import type { JsonObject, JsonValue } from '../manifest.ts';
import type { OAuth2Credentials } from './credentials.ts';

export interface TokenRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What is needed of the world: the moment, and a nonce for a signed assertion. */
export interface TokenMoment {
  readonly nowMs: number;
  readonly nonce: string;
}

export interface Token {
  readonly accessToken: string;
  /** The scheme of the `Authorization` header. */
  readonly scheme: string;
  /** How long it is good for, milliseconds; nothing where the answer does not say. */
  readonly lifeMs: number | undefined;
  readonly refreshToken: string | undefined;
}

/** An answer that is no token; a sentence without what was sent. */
export class TokenInvalid extends Error {}

/** How long a signed client assertion is good for, seconds. */
const ASSERTION_SECONDS = 60;
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** @param refreshToken uses this one in place of the stated grant. */
export function tokenRequest(credentials: OAuth2Credentials, endpoint: URL, moment: TokenMoment, refreshToken?: string): TokenRequest {
  const { encoding } = credentials;
  const fields: [string, string | readonly string[]][] = [];
  const add = (name: string, value: string | undefined): void => void (value === undefined || fields.push([name, value]));
  grantFields(credentials, refreshToken, add);
  if (credentials.scopes.length > 0) add('scope', credentials.scopes.join(' '));
  if (credentials.audiences.length > 0) fields.push(['audience', credentials.audiences]);
  const authorization = clientFields(credentials, endpoint, moment, add);
  return {
    headers: { accept: 'application/json', 'content-type': encoding, ...(authorization === undefined ? {} : { authorization }) },
    body: encoding === 'application/json' ? JSON.stringify(Object.fromEntries(fields.map(([name, value]) => [name, singled(value)]))) : formOf(fields),
  };
}

function grantFields(credentials: OAuth2Credentials, refreshToken: string | undefined, add: (name: string, value: string | undefined) => void): void {
  if (refreshToken !== undefined || credentials.grant === 'refresh_token') {
    add('grant_type', 'refresh_token');
    return add('refresh_token', refreshToken ?? credentials.refreshToken);
  }
  add('grant_type', credentials.grant);
  if (credentials.grant === 'password') {
    add('username', credentials.username);
    return add('password', credentials.password);
  }
  if (credentials.grant !== 'urn:ietf:params:oauth:grant-type:token-exchange') return;
  add('subject_token', credentials.subject?.token);
  add('subject_token_type', credentials.subject === undefined ? undefined : tokenType(credentials.subject.type));
  add('actor_token', credentials.actor?.token);
  add('actor_token_type', credentials.actor === undefined ? undefined : tokenType(credentials.actor.type));
}

/** RFC 8693 section 3: types are URIs; a short name is taken for one of the registered ones. */
function tokenType(type: string): string {
  return type.includes(':') ? type : `urn:ietf:params:oauth:token-type:${type}`;
}

/** How the client proves itself; yields the header for `client_secret_basic`. */
function clientFields({ client }: OAuth2Credentials, endpoint: URL, moment: TokenMoment, add: (name: string, value: string | undefined) => void): string | undefined {
  switch (client.authentication) {
    case 'client_secret_basic': {
      const encoded = (text: string | undefined): string => encodeURIComponent(text ?? '').replace(/%20/g, '+');
      return `Basic ${Buffer.from(`${encoded(client.id)}:${encoded(client.secret)}`).toString('base64')}`;
    }
    case 'client_secret_post':
      add('client_id', client.id);
      add('client_secret', client.secret);
      return undefined;
    case 'client_secret_jwt':
    case 'private_key_jwt':
      add('client_id', client.id);
      add('client_assertion_type', JWT_BEARER);
      add('client_assertion', client.authentication === 'private_key_jwt' ? client.assertion : signedAssertion(client.id ?? '', client.secret ?? '', endpoint, moment));
      return undefined;
    case 'none':
      add('client_id', client.id);
      return undefined;
  }
}

/** A JWT that the client's secret signs (OpenID Connect Core section 9, `client_secret_jwt`; HS256). */
function signedAssertion(id: string, secret: string, endpoint: URL, { nowMs, nonce }: TokenMoment): string {
  const seconds = Math.floor(nowMs / 1000);
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ iss: id, sub: id, aud: endpoint.href, jti: nonce, iat: seconds, exp: seconds + ASSERTION_SECONDS })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

function singled(value: string | readonly string[]): JsonValue {
  return typeof value !== 'string' && value.length === 1 ? (value[0] ?? '') : value;
}

function formOf(fields: readonly (readonly [string, string | readonly string[]])[]): string {
  const form = new URLSearchParams();
  for (const [name, value] of fields) for (const each of typeof value === 'string' ? [value] : value) form.append(name, each);
  return form.toString();
}

/**
 * The token of a successful answer (RFC 6749 section 5.1).
 *
 * @throws TokenInvalid also when the token is a JWT of an issuer that is not among those stated. An opaque token
 *   says nothing about its issuer, and passes.
 */
export function tokenOf(bytes: Buffer, issuers: readonly string[]): Token {
  let answer: JsonObject;
  try {
    answer = JSON.parse(bytes.toString('utf8')) as JsonObject;
  } catch {
    throw new TokenInvalid('its answer is not JSON');
  }
  const { access_token: accessToken, expires_in: expiresIn, refresh_token: refreshToken, token_type: tokenType } = answer;
  if (typeof accessToken !== 'string' || accessToken === '') throw new TokenInvalid('its answer has no access_token');
  checkIssuer(accessToken, issuers);
  const seconds = Number(expiresIn);
  return {
    accessToken,
    scheme: typeof tokenType === 'string' && !/^(bearer|n_a)$/i.test(tokenType) ? tokenType : 'Bearer',
    lifeMs: expiresIn !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
    refreshToken: typeof refreshToken === 'string' && refreshToken !== '' ? refreshToken : undefined,
  };
}

function checkIssuer(token: string, issuers: readonly string[]): void {
  const claims = token.split('.')[1];
  if (issuers.length === 0 || claims === undefined) return;
  let issuer: unknown;
  try {
    issuer = (JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as JsonObject)['iss'];
  } catch {
    return;
  }
  if (typeof issuer !== 'string' || !issuers.includes(issuer)) throw new TokenInvalid(`the token's issuer ${typeof issuer === 'string' ? issuer : '(none)'} is not among the issuers stated`);
}

/** What an error answer says (RFC 6749 section 5.2), for people. */
export function tokenRefusal(bytes: Buffer): string {
  try {
    const { error, error_description: description } = JSON.parse(bytes.toString('utf8')) as JsonObject;
    if (typeof error === 'string') return typeof description === 'string' ? `${error}: ${description}` : error;
  } catch {
    // Not an OAuth2 answer: its status has to do.
  }
  return '';
}
