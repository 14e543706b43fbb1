/** What the registry knows of a process, and how that is written in the bucket `instances`. */
import { decodeJson, encodeJson } from './bucket.ts';

/** Addresses by protocol: `grpc` as `host:port`, `http` as a URL. */
export type Addresses = Readonly<Record<string, string>> & { readonly grpc?: string; readonly http?: string };

export interface Instance {
  readonly service: string;
  /** Stable over restarts, unique among the instances of a service. */
  readonly instance: string;
  /** Differs for every process that has run under that name. */
  readonly incarnation: string;
  readonly version: string;
  readonly addresses: Addresses;
  /** Finishing what it has; gets nothing new. */
  readonly draining: boolean;
  /** Unix milliseconds, by the process's own clock. */
  readonly startedAtMs: number;
  /** What the service wants others to know. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** The key of an instance in the bucket. */
export function instanceKey(service: string, instance: string): string {
  return `${service}.${instance}`;
}

/** The value of an instance in the bucket. */
export function encodeInstance(instance: Instance): Uint8Array {
  return encodeJson(instance);
}

/** Reads a value of the bucket; undefined when it is none of ours, a later release's shape for one. */
export function decodeInstance(value: Uint8Array): Instance | undefined {
  let parsed: unknown;
  try {
    parsed = decodeJson(value);
  } catch {
    return undefined;
  }
  if (!isRecord(parsed)) return undefined;
  const { service, instance, incarnation, version, addresses, draining, startedAtMs, attributes } = parsed;
  if (typeof service !== 'string' || typeof instance !== 'string' || typeof incarnation !== 'string') return undefined;
  if (typeof version !== 'string' || typeof draining !== 'boolean' || typeof startedAtMs !== 'number') return undefined;
  if (!isRecord(addresses) || !isRecord(attributes)) return undefined;
  const written: Record<string, string> = {};
  for (const [protocol, address] of Object.entries(addresses)) {
    if (typeof address !== 'string') return undefined;
    written[protocol] = address;
  }
  return { service, instance, incarnation, version, addresses: written, draining, startedAtMs, attributes };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
