/**
 * What stands in the key-value bucket `limits`: each organisation's limits, and which process is the authority.
 *
 * Owns keys and formats, for the throttle service that writes them and the owners that read them. The bucket
 * is how limits stay known while the throttle service or its database is away. No entry means no limit.
 */
import { decodeJson, encodeJson } from '@millrace/bus';
import type { Limits } from '@millrace/fairness';

/** Keys of organisations begin so. */
export const ORGANISATION_PREFIX = 'organisation.';
/** The key of the authority. */
export const AUTHORITY_KEY = 'authority';

/** Limits as stored, with the revision that grows with every change. */
export interface StoredLimits extends Limits {
  readonly revision: number;
}

/** The process that divides limits over owners. */
export interface AuthorityEntry {
  readonly instance: string;
  /** Differs for every process that has run under that name. */
  readonly incarnation: string;
  /** Its gRPC address, `host:port`. */
  readonly address: string;
  /** Grows with every change of the authority. */
  readonly epoch: number;
  /** Grows with every renewal, so that each writes another value. */
  readonly renewal: number;
  /** It has stopped granting and another may take over at once. */
  readonly released: boolean;
}

/** The key of an organisation's limits. */
export function limitsKey(organisation: string): string {
  return `${ORGANISATION_PREFIX}${organisation}`;
}

/** The value of an organisation's limits; a limit left out is none. */
export function encodeLimits({ concurrency, startsPerSecond, weight, strict, revision }: StoredLimits): Uint8Array {
  return encodeJson({
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(startsPerSecond === undefined ? {} : { startsPerSecond }),
    weight,
    ...(strict ? { strict } : {}),
    revision,
  });
}

/** Reads a value of an organisation's key; undefined when it is not of a shape that this release knows. */
export function decodeLimits(value: Uint8Array): StoredLimits | undefined {
  const parsed = recordOf(value);
  if (parsed === undefined) return undefined;
  const { concurrency, startsPerSecond, weight, strict, revision } = parsed;
  if (!isLimit(concurrency) || !isLimit(startsPerSecond) || typeof weight !== 'number' || typeof revision !== 'number') return undefined;
  return { concurrency, startsPerSecond, weight, strict: strict === true, revision };
}

export function encodeAuthority(entry: AuthorityEntry): Uint8Array {
  return encodeJson(entry);
}

/** Reads the value of the authority's key; undefined when it is not of a shape that this release knows. */
export function decodeAuthority(value: Uint8Array): AuthorityEntry | undefined {
  const parsed = recordOf(value);
  if (parsed === undefined) return undefined;
  const { instance, incarnation, address, epoch, renewal, released } = parsed;
  if (typeof instance !== 'string' || typeof incarnation !== 'string' || typeof address !== 'string') return undefined;
  if (typeof epoch !== 'number' || typeof renewal !== 'number') return undefined;
  return { instance, incarnation, address, epoch, renewal, released: released === true };
}

function isLimit(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && value > 0);
}

function recordOf(value: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed = decodeJson(value);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
