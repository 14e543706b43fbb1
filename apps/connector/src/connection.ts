/**
 * A connection: where a target is and how an organisation identifies itself there.
 *
 * Owns its checks and its sealed form, which is what the database and the bucket hold. Secrets are open only
 * between `seal` and the caller, and between `open` and a running step.
 */
import { MillraceError } from '@millrace/errors';
import type { SecretBox } from '@millrace/store';
import { CONNECTION_SECRETS_MAX, SECRET_CHARACTERS_MAX } from './limits.ts';
import type { ConnectorManifest, JsonValue, OpenAuth, OpenConnection } from './manifest.ts';

/** How a connection identifies itself; secrets by name. */
export type ConnectionAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly passwordSecret: string }
  | { readonly kind: 'bearer'; readonly tokenSecret: string }
  | { readonly kind: 'header'; readonly header: string; readonly valueSecret: string };

/** A connection as it is stored: every secret sealed. */
export interface SealedConnection {
  readonly organisation: string;
  readonly name: string;
  readonly connector: string;
  readonly baseUrl: string;
  readonly auth: ConnectionAuth;
  readonly secrets: Readonly<Record<string, string>>;
  /** Grows with every change. */
  readonly revision: number;
}

/** A connection as it is given. */
export interface ConnectionRequest {
  readonly organisation: string;
  readonly name: string;
  readonly connector: string;
  readonly baseUrl: string;
  readonly authJson: string;
  readonly secrets: Readonly<Record<string, string>>;
}

const NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9_-]{0,62})$/;

/** Secrets of workflows (`use.secrets`) are kept as connections of this connector, whose one secret is the value as JSON. */
export const SECRET_CONNECTOR = 'secret';
const SECRET_VALUE = 'value';

/** The name under which a secret is kept: one that no connection can have. */
export function secretPlaceName(name: string): string {
  return `${SECRET_CONNECTOR}.${name}`;
}

/**
 * Checks a connection and seals its secrets.
 *
 * @throws MillraceError `resource-invalid` with every problem; no message contains a secret.
 */
export function sealConnection(request: ConnectionRequest, connectors: ReadonlyMap<string, Pick<ConnectorManifest, 'auth'>>, box: SecretBox): Omit<SealedConnection, 'revision'> {
  const { organisation, name, connector, baseUrl, secrets } = request;
  const problems: string[] = [];
  if (!NAME.test(organisation)) problems.push('organisation is not a name (letters, digits, - and _, at most 63)');
  const ownName = connector === SECRET_CONNECTOR && name.startsWith(secretPlaceName('')) ? name.slice(secretPlaceName('').length) : name;
  if (!NAME.test(ownName)) problems.push('name is not a name (letters, digits, - and _, at most 63)');
  const manifest = connector === SECRET_CONNECTOR ? { auth: ['none'] as const } : connectors.get(connector);
  if (connector === SECRET_CONNECTOR && !isJson(secrets[SECRET_VALUE])) problems.push('spec.value is not JSON');
  if (manifest === undefined) problems.push(`spec.connector: there is no connector ${connector}; there are ${[...connectors.keys()].join(', ')}`);
  if (baseUrl !== '' && !URL.canParse(baseUrl)) problems.push('spec.baseUrl is not a URL');
  else if (baseUrl !== '' && (new URL(baseUrl).password !== '' || new URL(baseUrl).username !== '')) problems.push('spec.baseUrl has credentials; put them in spec.auth and spec.secrets');
  const auth = readAuth(request.authJson, problems);
  if (manifest !== undefined && !manifest.auth.some((kind) => kind === auth.kind)) problems.push(`spec.auth.kind: connector ${connector} takes ${manifest.auth.join(', ')}, not ${auth.kind}`);
  const used = secretNameOf(auth);
  if (used !== undefined && secrets[used] === undefined) problems.push(`spec.secrets has no ${used}, which spec.auth names`);
  if (Object.keys(secrets).length > CONNECTION_SECRETS_MAX) problems.push(`spec.secrets has more than ${CONNECTION_SECRETS_MAX} members`);
  for (const [secret, value] of Object.entries(secrets)) {
    if (value.length > SECRET_CHARACTERS_MAX) problems.push(`spec.secrets.${secret} is longer than ${SECRET_CHARACTERS_MAX} characters`);
  }
  if (problems.length > 0) {
    throw new MillraceError('resource-invalid', { message: `connection ${name} of ${organisation}: ${problems.join('; ')}`, details: { problems } });
  }
  const sealed = Object.fromEntries(Object.entries(secrets).map(([secret, value]) => [secret, box.seal(value, placeOf(organisation, name, secret))]));
  return { organisation, name, connector, baseUrl, auth, secrets: sealed };
}

/** Opens what a step needs. @throws MillraceError `resource-invalid` */
export function openConnection(sealed: SealedConnection, box: SecretBox): OpenConnection {
  const { name, connector, baseUrl, auth } = sealed;
  return { name, connector, baseUrl, auth: openAuth(auth, (id) => openSecret(sealed, id, box)) };
}

/** The value of a workflow's secret. @throws MillraceError `resource-invalid` */
export function openSecretValue(sealed: SealedConnection, box: SecretBox): JsonValue {
  return JSON.parse(openSecret(sealed, SECRET_VALUE, box)) as JsonValue;
}

function openSecret(sealed: SealedConnection, id: string, box: SecretBox): string {
  const { organisation, name } = sealed;
  try {
    return box.open(sealed.secrets[id] ?? '', placeOf(organisation, name, id));
  } catch (error) {
    throw new MillraceError('resource-invalid', {
      message: `secret ${id} of connection ${name} cannot be opened with this worker's key; apply the connection again`,
      cause: error,
    });
  }
}

function isJson(text: string | undefined): boolean {
  try {
    JSON.parse(text ?? '');
    return true;
  } catch {
    return false;
  }
}

function openAuth(auth: ConnectionAuth, secret: (id: string) => string): OpenAuth {
  switch (auth.kind) {
    case 'none':
      return auth;
    case 'basic':
      return { kind: 'basic', username: auth.username, password: secret(auth.passwordSecret) };
    case 'bearer':
      return { kind: 'bearer', token: secret(auth.tokenSecret) };
    case 'header':
      return { kind: 'header', header: auth.header, value: secret(auth.valueSecret) };
  }
}

function placeOf(organisation: string, name: string, secret: string): string {
  return `connection/${organisation}/${name}/${secret}`;
}

function secretNameOf(auth: ConnectionAuth): string | undefined {
  switch (auth.kind) {
    case 'none':
      return undefined;
    case 'basic':
      return auth.passwordSecret;
    case 'bearer':
      return auth.tokenSecret;
    case 'header':
      return auth.valueSecret;
  }
}

const SHAPES: Readonly<Record<ConnectionAuth['kind'], readonly string[]>> = {
  none: [],
  basic: ['username', 'passwordSecret'],
  bearer: ['tokenSecret'],
  header: ['header', 'valueSecret'],
};

function readAuth(json: string, problems: string[]): ConnectionAuth {
  if (json === '') return { kind: 'none' };
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  if (typeof kind !== 'string' || !Object.hasOwn(SHAPES, kind)) {
    problems.push(`spec.auth.kind is none of ${Object.keys(SHAPES).join(', ')}`);
    return { kind: 'none' };
  }
  const given = value as Readonly<Record<string, unknown>>;
  const members = SHAPES[kind as ConnectionAuth['kind']];
  for (const member of members) if (typeof given[member] !== 'string' || given[member] === '') problems.push(`spec.auth.${member} is missing; kind ${kind} needs it`);
  for (const member of Object.keys(given)) {
    if (member !== 'kind' && !members.includes(member)) problems.push(`spec.auth.${member} is not known for kind ${kind}`);
  }
  return Object.fromEntries([['kind', kind], ...members.map((member) => [member, given[member]])]) as unknown as ConnectionAuth;
}
