/**
 * How a call identifies itself, as the DSL writes it (DSL reference, Authentication).
 *
 * Owns reading the argument `authentication` of an operation, in place or from a secret. A secret has the same
 * members as the policy that names it. Does not own what is done with credentials.
 */
import { SecretRefused, type StepSecrets } from '../secret-handles.ts';
import type { JsonObject, JsonSchema, JsonValue, OpenAuth } from '../manifest.ts';

export const GRANTS = ['client_credentials', 'password', 'refresh_token', 'authorization_code', 'urn:ietf:params:oauth:grant-type:token-exchange'] as const;
export const CLIENT_AUTHENTICATIONS = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'] as const;

export interface SecurityToken {
  readonly token: string;
  readonly type: string;
}

/** OAuth2 and OpenID Connect (RFC 6749, RFC 8693, OpenID Connect Discovery). */
export interface OAuth2Credentials {
  readonly kind: 'oauth2';
  /** Whether endpoints are asked of the authority rather than stated. */
  readonly discovery: boolean;
  readonly authority: string;
  /** Relative to the authority, or whole. */
  readonly tokenEndpoint: string;
  readonly grant: (typeof GRANTS)[number];
  readonly client: {
    readonly id: string | undefined;
    readonly secret: string | undefined;
    readonly assertion: string | undefined;
    readonly authentication: (typeof CLIENT_AUTHENTICATIONS)[number];
  };
  readonly encoding: 'application/x-www-form-urlencoded' | 'application/json';
  readonly issuers: readonly string[];
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly refreshToken: string | undefined;
  readonly subject: SecurityToken | undefined;
  readonly actor: SecurityToken | undefined;
}

export type Credentials = OpenAuth | { readonly kind: 'digest'; readonly username: string; readonly password: string } | OAuth2Credentials;

/** Why credentials cannot be read; a sentence that names the member, never its value. */
export class CredentialsInvalid extends Error {}

/** The schema of the argument; what a policy must have beyond it is checked when it is read. */
export const authenticationSchema: JsonSchema = {
  type: 'object',
  required: ['kind'],
  properties: { kind: { enum: ['basic', 'bearer', 'digest', 'oauth2', 'oidc'] }, secret: { type: 'string' } },
};

const DISCOVERY_PATH = '/.well-known/openid-configuration';

/** The credentials of the argument `authentication`; kind `none` where there is none. @throws CredentialsInvalid, SecretRefused */
export function readCredentials(argument: JsonValue | undefined, secrets: StepSecrets): Credentials {
  if (argument === undefined || argument === null) return { kind: 'none' };
  const { kind, secret, ...inline } = argument as JsonObject;
  const policy = typeof secret === 'string' ? fromSecret(secret, secrets) : inline;
  const credentials = readPolicy(String(kind), policy);
  hideCredentials(credentials, secrets);
  return credentials;
}

function fromSecret(name: string, secrets: StepSecrets): JsonObject {
  const value = secrets.open(name);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  if (typeof value === 'string') return { token: value };
  throw new SecretRefused(`the secret ${name} is neither an object nor a text`);
}

function readPolicy(kind: string, policy: JsonObject): Credentials {
  const text = (name: string): string => required(policy, name, kind);
  switch (kind) {
    case 'basic':
      return { kind, username: text('username'), password: text('password') };
    case 'digest':
      return { kind, username: text('username'), password: text('password') };
    case 'bearer':
      return { kind, token: text('token') };
    case 'oauth2':
    case 'oidc':
      return readOAuth2(kind, policy);
    default:
      throw new CredentialsInvalid(`authentication/kind is none of basic, bearer, digest, oauth2, oidc`);
  }
}

function readOAuth2(kind: 'oauth2' | 'oidc', policy: JsonObject): OAuth2Credentials {
  const authority = required(policy, 'authority', kind);
  const client = objectAt(policy, 'client');
  const grant = oneOf(policy['grant'] ?? 'client_credentials', GRANTS, `${kind}/grant`);
  const subject = tokenAt(policy, 'subject');
  const authentication = oneOf(client['authentication'] ?? 'client_secret_post', CLIENT_AUTHENTICATIONS, `${kind}/client/authentication`);
  const credentials: OAuth2Credentials = {
    kind: 'oauth2',
    discovery: kind === 'oidc' || authority.endsWith(DISCOVERY_PATH),
    authority: authority.endsWith(DISCOVERY_PATH) ? authority.slice(0, -DISCOVERY_PATH.length) : authority.replace(/\/+$/, ''),
    tokenEndpoint: optional(objectAt(policy, 'endpoints'), 'token') ?? '/oauth2/token',
    grant,
    client: { id: optional(client, 'id'), secret: optional(client, 'secret'), assertion: optional(client, 'assertion'), authentication },
    encoding: oneOf(objectAt(policy, 'request')['encoding'] ?? 'application/x-www-form-urlencoded', ['application/x-www-form-urlencoded', 'application/json'] as const, `${kind}/request/encoding`),
    issuers: textsAt(policy, 'issuers'),
    scopes: textsAt(policy, 'scopes'),
    audiences: textsAt(policy, 'audiences'),
    username: optional(policy, 'username'),
    password: optional(policy, 'password'),
    refreshToken: optional(policy, 'refreshToken') ?? optional(policy, 'refresh_token') ?? (grant === 'refresh_token' ? subject?.token : undefined),
    subject,
    actor: tokenAt(policy, 'actor'),
  };
  checkGrant(credentials, kind);
  return credentials;
}

/** What a grant or a method of authentication cannot do without. */
function checkGrant({ grant, client, username, password, refreshToken, subject }: OAuth2Credentials, kind: string): void {
  const need = (value: unknown, name: string, why: string): void => {
    if (value === undefined) throw new CredentialsInvalid(`${kind}/${name} is missing; ${why} needs it`);
  };
  if (client.authentication !== 'none') need(client.id, 'client/id', `client authentication ${client.authentication}`);
  if (client.authentication === 'private_key_jwt') need(client.assertion, 'client/assertion', 'private_key_jwt');
  if (client.authentication === 'client_secret_basic' || client.authentication === 'client_secret_jwt') need(client.secret, 'client/secret', client.authentication);
  switch (grant) {
    case 'password':
      need(username, 'username', 'the grant password');
      return need(password, 'password', 'the grant password');
    case 'refresh_token':
      return need(refreshToken, 'subject', 'the grant refresh_token (the refresh token is the subject\'s token)');
    case 'urn:ietf:params:oauth:grant-type:token-exchange':
      return need(subject, 'subject', 'the grant token-exchange');
    case 'authorization_code':
      throw new CredentialsInvalid(`${kind}/grant authorization_code needs a person at a browser, and a running step has none; get a refresh token once and use the grant refresh_token`);
    case 'client_credentials':
      return;
  }
}

/** Every part that identifies somebody is kept out of what leaves the worker. */
export function hideCredentials(credentials: Credentials, secrets: Pick<StepSecrets, 'hide'>): void {
  const hide = (text: string | undefined): void => void (text === undefined || text === '' || secrets.hide(text));
  switch (credentials.kind) {
    case 'none':
      return;
    case 'basic':
    case 'digest':
      hide(credentials.password);
      return hide(Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64'));
    case 'bearer':
      return hide(credentials.token);
    case 'header':
      return hide(credentials.value);
    case 'oauth2':
      for (const text of [credentials.client.secret, credentials.client.assertion, credentials.password, credentials.refreshToken, credentials.subject?.token, credentials.actor?.token]) hide(text);
  }
}

function required(policy: JsonObject, name: string, kind: string): string {
  const value = optional(policy, name);
  if (value === undefined) throw new CredentialsInvalid(`authentication/${kind}/${name} is missing`);
  return value;
}

function optional(policy: JsonObject, name: string): string | undefined {
  const value = policy[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new CredentialsInvalid(`authentication/${name} is not a text`);
}

function objectAt(policy: JsonObject, name: string): JsonObject {
  const value = policy[name];
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as JsonObject;
  throw new CredentialsInvalid(`authentication/${name} is not an object`);
}

function textsAt(policy: JsonObject, name: string): readonly string[] {
  const value = policy[name];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map(String);
  throw new CredentialsInvalid(`authentication/${name} is not a list`);
}

function tokenAt(policy: JsonObject, name: string): SecurityToken | undefined {
  if (policy[name] === undefined || policy[name] === null) return undefined;
  const given = objectAt(policy, name);
  return { token: required(given, 'token', name), type: required(given, 'type', name) };
}

function oneOf<T extends string>(value: JsonValue, allowed: readonly T[], place: string): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new CredentialsInvalid(`authentication/${place} is none of ${allowed.join(', ')}`);
  return found;
}
