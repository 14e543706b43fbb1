/**
 * HTTP digest access authentication (RFC 7616), the client's side: from a challenge to an answer.
 *
 * Pure apart from the client's nonce, which is given. Knows MD5, SHA-256 and SHA-512-256, each also as `-sess`, and
 * the protections `auth`, `auth-int` and none (RFC 2069).
 */
import { createHash } from 'node:crypto';

export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  readonly algorithm: string;
  /** What was chosen of the protections offered; nothing where none was. */
  readonly qop: 'auth' | 'auth-int' | undefined;
  readonly userhash: boolean;
}

export interface DigestRequest {
  readonly method: string;
  /** The request target: path and query. */
  readonly uri: string;
  readonly body: string | Uint8Array;
  readonly username: string;
  readonly password: string;
  readonly cnonce: string;
  /** How many requests have used this nonce of the server, this one included. */
  readonly count: number;
}

const HASHES: Readonly<Record<string, string>> = { 'MD5': 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512-256' };

/** The strongest challenge that this side understands, of a `WWW-Authenticate` header; nothing when there is none. */
export function digestChallenge(header: string): DigestChallenge | undefined {
  const challenges = challengesOf(header).filter(({ scheme }) => scheme === 'digest').map(({ parameters }) => read(parameters));
  const strength = (found: DigestChallenge): number => Object.keys(HASHES).indexOf(hashNameOf(found.algorithm));
  return challenges.filter((found): found is DigestChallenge => found !== undefined && strength(found) >= 0).sort((a, b) => strength(b) - strength(a))[0];
}

function read(parameters: ReadonlyMap<string, string>): DigestChallenge | undefined {
  const nonce = parameters.get('nonce');
  const realm = parameters.get('realm');
  if (nonce === undefined || realm === undefined) return undefined;
  const offered = parameters.get('qop')?.split(',').map((each) => each.trim().toLowerCase());
  const qop = offered === undefined ? undefined : offered.includes('auth') ? 'auth' : offered.includes('auth-int') ? 'auth-int' : undefined;
  if (offered !== undefined && qop === undefined) return undefined;
  return { realm, nonce, opaque: parameters.get('opaque'), algorithm: parameters.get('algorithm') ?? 'MD5', qop, userhash: parameters.get('userhash')?.toLowerCase() === 'true' };
}

/** The `Authorization` header that answers a challenge (RFC 7616 section 3.4). */
export function digestAuthorization(challenge: DigestChallenge, request: DigestRequest): string {
  const { algorithm, nonce, opaque, qop, realm, userhash } = challenge;
  const { body, cnonce, count, method, password, uri, username } = request;
  const hash = (text: string | Uint8Array): string => createHash(HASHES[hashNameOf(algorithm)] ?? 'md5').update(text).digest('hex');
  const secret = hash(`${username}:${realm}:${password}`);
  const a1 = /-sess$/i.test(algorithm) ? hash(`${secret}:${nonce}:${cnonce}`) : secret;
  const a2 = hash(qop === 'auth-int' ? `${method}:${uri}:${hash(body)}` : `${method}:${uri}`);
  const nc = count.toString(16).padStart(8, '0');
  const response = hash(qop === undefined ? `${a1}:${nonce}:${a2}` : `${a1}:${nonce}:${nc}:${cnonce}:${qop}:${a2}`);
  const parts = [
    `username=${quoted(userhash ? hash(`${username}:${realm}`) : username)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(uri)}`,
    `response="${response}"`,
    `algorithm=${algorithm}`,
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
    ...(qop === undefined ? [] : [`qop=${qop}`, `nc=${nc}`, `cnonce=${quoted(cnonce)}`]),
    ...(userhash ? ['userhash=true'] : []),
  ];
  return `Digest ${parts.join(', ')}`;
}

function hashNameOf(algorithm: string): string {
  return algorithm.toUpperCase().replace(/-SESS$/, '');
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Several challenges may stand in one header, parted by the same comma as their parameters (RFC 9110, 11.6.1). */
function challengesOf(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const token = /\s*,?\s*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?=\s|$|,))/gy;
  for (let match = token.exec(header); match !== null; match = token.exec(header)) {
    const [, name, quotedValue, plainValue, scheme] = match;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    else if (name !== undefined) challenges.at(-1)?.parameters.set(name.toLowerCase(), quotedValue?.replace(/\\(.)/g, '$1') ?? plainValue ?? '');
  }
  return challenges;
}
