/**
 * What keeps NATS, as it runs, from being durable enough for production.
 *
 * Owns the questions and what they need; believes no setting where a server can be asked. Does not own what follows
 * from an answer: a service that may not start (see @millrace/service).
 *
 * What cannot be read counts as missing: a server that nobody named may be the one that acknowledges before it syncs.
 */
import { StorageType, type StreamConfig } from '@nats-io/jetstream';
import type { Bus } from './connection.ts';
import { messageOf } from './retry.ts';

/** The largest message that servers have to take, in bytes: frames and batches of inputs exceed NATS' default of 1 MiB. */
export const MAX_PAYLOAD_BYTES_NEEDED = 8 * 1024 * 1024;
/** Copies of every stream and bucket in production. */
export const PRODUCTION_REPLICAS = 3;
/** How long a server's monitoring has to answer, in milliseconds. */
const MONITOR_TIMEOUT_MS = 5_000;
/** Streams that are named in a sentence before the rest is counted. */
const NAMED_MAX = 5;

/**
 * `serious` keeps the product from working, `durability` from being safe when a disk or a machine fails; `unread` may
 * be either, or a server that is starting.
 */
export interface Shortfall {
  readonly kind: 'serious' | 'durability' | 'unread';
  /** What is missing, where, and what to do. */
  readonly text: string;
}

/** What a server says of itself at `/varz`. */
interface Varz {
  readonly server_name?: string;
  readonly jetstream?: {
    readonly config?: { readonly sync_always?: boolean; readonly sync_interval?: number };
    readonly meta?: { readonly leader?: string; readonly cluster_size?: number; readonly replicas?: readonly { readonly name: string; readonly current?: boolean }[] };
  };
}

/**
 * Asks the server this process is connected to, every monitoring address, and JetStream for the streams there are.
 *
 * @param monitorUrls `http://HOST:8222` of every server
 */
export async function busShortfalls(bus: Bus, monitorUrls: readonly string[]): Promise<readonly Shortfall[]> {
  const [monitored, streams] = await Promise.all([monitorShortfalls(monitorUrls), streamShortfalls(bus)]);
  return [...payloadShortfalls(bus), ...monitored, ...replicaShortfalls(bus), ...streams];
}

/** The one thing that stops lanes whatever the mode: a frame that the server does not take. */
export function payloadShortfalls(bus: Bus): readonly Shortfall[] {
  const allowed = bus.connection.info?.max_payload;
  if (allowed !== undefined && allowed >= MAX_PAYLOAD_BYTES_NEEDED) return [];
  return [{ kind: 'serious', text: `NATS takes messages of up to ${allowed ?? 'unknown'} bytes, and ${MAX_PAYLOAD_BYTES_NEEDED} are needed: set max_payload: ${MAX_PAYLOAD_BYTES_NEEDED} in the configuration of every nats-server` }];
}

function replicaShortfalls({ replicas }: Bus): readonly Shortfall[] {
  if (replicas >= PRODUCTION_REPLICAS) return [];
  return [{ kind: 'durability', text: `Streams are made with ${copies(replicas)}: set MILLRACE_NATS_REPLICAS=${PRODUCTION_REPLICAS}, with at least as many nats-servers` }];
}

async function monitorShortfalls(urls: readonly string[]): Promise<readonly Shortfall[]> {
  if (urls.length === 0) return [{ kind: 'durability', text: 'Whether nats-servers sync before they acknowledge cannot be read: name the monitoring address of each in MILLRACE_NATS_MONITOR_URL' }];
  const silent: Shortfall[] = [];
  const shortfalls: Shortfall[] = [];
  const names = new Set<string>();
  const behind = new Set<string>();
  let clusterSize = 1;
  for (const answer of await Promise.all(urls.map(askMonitor))) {
    if (answer.kind === 'silent') {
      silent.push({ kind: 'unread', text: `The nats-server monitored at ${answer.url} cannot be asked whether it syncs: ${answer.why}` });
      continue;
    }
    const { server_name: name = answer.url, jetstream } = answer.varz;
    names.add(name);
    clusterSize = Math.max(clusterSize, jetstream?.meta?.cluster_size ?? 1);
    if (jetstream?.meta?.leader === name) for (const peer of jetstream.meta.replicas ?? []) if (peer.current === false) behind.add(peer.name);
    if (jetstream?.config === undefined) shortfalls.push({ kind: 'durability', text: `The nats-server ${name} has no JetStream: switch it on` });
    else if (jetstream.config.sync_always !== true) shortfalls.push({ kind: 'durability', text: `The nats-server ${name} acknowledges before it syncs: set sync_interval: always in its jetstream block` });
  }
  // One that the leader misses acknowledges nothing: with two of three a service can start.
  if (silent.length > behind.size) shortfalls.push(...silent);
  else if (names.size + behind.size < clusterSize) shortfalls.push({ kind: 'durability', text: `${names.size} of ${clusterSize} nats-servers could be asked whether they sync: name the monitoring address of each in MILLRACE_NATS_MONITOR_URL` });
  return shortfalls;
}

type MonitorAnswer = { readonly kind: 'varz'; readonly url: string; readonly varz: Varz } | { readonly kind: 'silent'; readonly url: string; readonly why: string };

async function askMonitor(url: string): Promise<MonitorAnswer> {
  try {
    const answer = await fetch(new URL('/varz', url), { signal: AbortSignal.timeout(MONITOR_TIMEOUT_MS) });
    return { kind: 'varz', url, varz: (await answer.json()) as Varz };
  } catch (error) {
    return { kind: 'silent', url, why: messageOf(error) };
  }
}

async function streamShortfalls(bus: Bus): Promise<readonly Shortfall[]> {
  const few: string[] = [];
  const inMemory: string[] = [];
  const unsynced: string[] = [];
  try {
    for await (const { config } of bus.manager.streams.list()) {
      if (config.num_replicas < PRODUCTION_REPLICAS) few.push(config.name);
      if (config.storage !== StorageType.File) inMemory.push(config.name);
      if (isAsynchronous(config)) unsynced.push(config.name);
    }
  } catch (error) {
    return [{ kind: 'unread', text: `The streams cannot be asked for their copies: ${messageOf(error)}` }];
  }
  const sentences: readonly (readonly [readonly string[], string])[] = [
    [few, `have fewer than ${PRODUCTION_REPLICAS} copies: nats stream edit NAME --replicas ${PRODUCTION_REPLICAS}`],
    [inMemory, 'are kept in memory: make them anew, on disk'],
    [unsynced, 'acknowledge before they write (persist_mode: async): make them anew without it'],
  ];
  return sentences.flatMap(([names, text]) => (names.length === 0 ? [] : [{ kind: 'durability', text: `The streams ${listed(names)} ${text}` }]));
}

/** Since 2.12; the library does not know it yet. */
function isAsynchronous(config: StreamConfig): boolean {
  return (config as { readonly persist_mode?: string }).persist_mode === 'async';
}

function listed(names: readonly string[]): string {
  const rest = names.length - NAMED_MAX;
  return rest > 0 ? `${names.slice(0, NAMED_MAX).join(', ')} and ${rest} more` : names.join(', ');
}

function copies(count: number): string {
  return count === 1 ? 'one copy' : `${count} copies`;
}
