/**
 * External resources (DSL reference, External Resource): documents that a call is described by, fetched and kept.
 *
 * Owns fetching within limits, how long a resource is kept, and what has been made of it (`read`), so that a document
 * is parsed once. Does not own what is in it.
 *
 * R1 What one organisation fetched with its credentials is seen by no other.
 * R2 `file:` addresses are read only below the folder that the operator has named.
 */
import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Authenticator } from './auth/authenticator.ts';
import { CredentialsInvalid, readCredentials, type Credentials } from './auth/credentials.ts';
import { AuthorityFailed } from './auth/token-book.ts';
import { failure, refused } from './failure.ts';
import { RESOURCE_BYTES_MAX, RESOURCE_FETCH_MS_MAX, RESOURCE_KEEP_MS, RESOURCES_MAX } from './limits.ts';
import { LruMap } from './lru-map.ts';
import type { JsonObject, JsonValue, OperationCall, Performed } from './manifest.ts';
import { brokenExchange, type OutboundHttp } from './outbound/outbound-http.ts';
import { SecretRefused } from './secret-handles.ts';

/** The resource could not be had; `performed` says how the step ends. */
export class ResourceFailed extends Error {
  readonly performed: Performed;

  constructor(performed: Performed) {
    super(performed.kind === 'failure' ? performed.failure.detail : '');
    this.performed = performed;
  }
}

export interface Resource {
  /** Where it was found; relative references in it start here. */
  readonly url: URL;
  readonly contentType: string;
  readonly text: string;
  /** What `make` makes of it, made once and kept as long as the resource. */
  read<T>(make: (resource: Resource) => T): T;
}

/** An argument that names a resource: an address, or an address with credentials. */
export const resourceSchema = {
  type: 'object',
  required: ['uri'],
  properties: { uri: { type: 'string', minLength: 1 }, authentication: { type: 'object' } },
  additionalProperties: false,
} as const;

export interface ResourceStore {
  /** The resource of an argument `{uri, authentication?}`. @throws ResourceFailed */
  get(argument: JsonValue | undefined, call: OperationCall): Promise<Resource>;
  /** Another resource, named within one, with the same credentials where it is of the same origin. @throws ResourceFailed */
  beside(resource: Resource, reference: string, argument: JsonValue | undefined, call: OperationCall): Promise<Resource>;
}

interface Kept {
  readonly resource: Promise<Resource>;
  readonly goodUntilMs: number;
}

export interface ResourceStoreOptions {
  readonly http: OutboundHttp;
  readonly authenticator: Authenticator;
  /** R2; without it no file is read. */
  readonly fileRoot: string | undefined;
  readonly bytesMax?: number;
  readonly keepMs?: number;
}

export function createResourceStore({ http, authenticator, fileRoot, bytesMax = RESOURCE_BYTES_MAX, keepMs = RESOURCE_KEEP_MS }: ResourceStoreOptions): ResourceStore {
  const kept = new LruMap<string, Kept>(RESOURCES_MAX);

  async function fetchHttp(url: URL, credentials: Credentials, call: OperationCall): Promise<Resource> {
    const what = `the resource ${url.origin}${url.pathname}`;
    const headers = { accept: 'application/json, application/yaml, text/yaml, */*;q=0.5', 'user-agent': 'millrace' };
    try {
      const answer = await authenticator.exchange({ organisation: call.step.organisation, method: 'GET', url, body: '', credentials, secrets: call.secrets }, (own) =>
        http.ask({ method: 'GET', url, headers: { ...headers, ...own }, signal: AbortSignal.timeout(RESOURCE_FETCH_MS_MAX), bytesMax }),
      );
      if (answer.status !== 200) throw new ResourceFailed(refused(failure('communication', answer.status, `${what} answered ${answer.status}`), answer.status >= 500 ? 'down' : 'up'));
      return resourceOf(url, answer.headers['content-type'] ?? '', answer.bytes.toString('utf8'));
    } catch (error) {
      if (error instanceof ResourceFailed) throw error;
      if (error instanceof AuthorityFailed) throw new ResourceFailed(error.performed);
      const broken = brokenExchange(error, what);
      // Nothing was asked of the call's own target yet, whatever happened to the resource.
      throw new ResourceFailed(broken.kind === 'failure' ? refused(broken.failure) : broken);
    }
  }

  async function fetched(uri: string, credentials: Credentials, call: OperationCall): Promise<Resource> {
    if (!URL.canParse(uri)) throw resourceInvalid(`${uri.slice(0, 200)} is not an absolute address`);
    const url = new URL(uri);
    if (url.protocol === 'file:') return readLocal(uri, url, fileRoot, bytesMax);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw resourceInvalid(`${url.protocol} resources are not fetched; use https:, http: or file:`);
    if (url.username !== '' || url.password !== '') throw resourceInvalid('the address has credentials; give them in `authentication`');
    return fetchHttp(url, credentials, call);
  }

  async function find(uri: string, argument: JsonObject, call: OperationCall): Promise<Resource> {
    const key = createHash('sha256').update(JSON.stringify([call.step.organisation, uri, argument['authentication'] ?? null])).digest('base64');
    const found = kept.get(key);
    if (found !== undefined && performance.now() < found.goodUntilMs) return found.resource;
    const resource = fetched(uri, readCredentials(argument['authentication'], call.secrets), call);
    kept.set(key, { resource, goodUntilMs: performance.now() + keepMs });
    // One that failed is asked for again by the next step.
    resource.catch(() => kept.delete(key));
    return resource;
  }

  return {
    get: async (argument, call) => {
      const named = typeof argument === 'string' ? { uri: argument } : ((argument ?? {}) as JsonObject);
      try {
        return await find(String(named['uri'] ?? ''), named, call);
      } catch (error) {
        if (error instanceof CredentialsInvalid) throw resourceInvalid(error.message);
        if (error instanceof SecretRefused) throw new ResourceFailed(refused(failure('authorization', 403, error.message)));
        throw error;
      }
    },
    beside: async (resource, reference, argument, call) => {
      if (!URL.canParse(reference, resource.url.href)) throw resourceInvalid(`${reference.slice(0, 200)}, named in ${resource.url.href}, is no address`);
      const url = new URL(reference, resource.url);
      const named = typeof argument === 'string' ? {} : ((argument ?? {}) as JsonObject);
      return find(url.href, url.origin === resource.url.origin ? named : {}, call);
    },
  };
}

function resourceOf(url: URL, contentType: string, text: string): Resource {
  const made = new Map<unknown, unknown>();
  const resource: Resource = {
    url,
    contentType,
    text,
    read: (make) => {
      if (!made.has(make)) made.set(make, make(resource));
      return made.get(make) as never;
    },
  };
  return resource;
}

/** `file:///a/b` and `file://a/b` are the same place below the root, as the reference's own example writes it. */
async function readLocal(uri: string, url: URL, root: string | undefined, bytesMax: number): Promise<Resource> {
  if (root === undefined) throw new ResourceFailed(refused(failure('authorization', 403, 'file: resources are read only below a folder that the operator names in MILLRACE_RESOURCE_ROOT, and none is named; serve the file over HTTP')));
  const base = await realpath(root);
  const wanted = path.join(base, decodeURIComponent(url.host), decodeURIComponent(url.pathname)).replace(/\/+$/, '');
  const real = await realpath(wanted).catch(() => undefined);
  if (real === undefined) throw new ResourceFailed(refused(failure('communication', 404, `the resource ${uri} is not there`)));
  if (real !== base && !real.startsWith(`${base}${path.sep}`)) throw new ResourceFailed(refused(failure('authorization', 403, `the resource ${uri} is not below the folder that the operator has named`)));
  if ((await stat(real)).size > bytesMax) throw resourceInvalid(`the resource ${uri} is larger than ${bytesMax} bytes`);
  return resourceOf(url, '', await readFile(real, 'utf8'));
}

function resourceInvalid(detail: string): ResourceFailed {
  return new ResourceFailed(refused(failure('configuration', 400, detail)));
}
