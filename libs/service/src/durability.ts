/**
 * Whether the servers are durable enough, asked when a service starts.
 *
 * Owns what follows: with `require` a service does not start, or ends once MongoDB answers, on servers that may lose
 * what they acknowledged; with `warn` it says so once; with `ignore` nobody is asked but NATS for its largest message.
 */
import { busShortfalls, payloadShortfalls, type Bus, type Shortfall } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import type { Store } from '@millrace/store';
import type { Logger } from '@millrace/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a service does about servers that are not durable. */
export const DURABILITY_DEMANDS = ['require', 'warn', 'ignore'] as const;
export type DurabilityDemand = (typeof DURABILITY_DEMANDS)[number];

/** A server that does not answer may be starting: it is asked again after so long, in milliseconds. */
const ASK_AGAIN_MS = 1_000;
/** How long a nats-server may take to start, or its peers to miss it, before a service that requires it gives up, in milliseconds. */
const STARTING_MS = 30_000;

/** @throws MillraceError `durability-insufficient`, with all that is missing, where durability is required. */
export async function checkBus(bus: Bus, demand: DurabilityDemand, monitorUrls: readonly string[], logger: Logger, signal: AbortSignal): Promise<void> {
  const shortfalls = demand === 'ignore' ? payloadShortfalls(bus) : await askBus(bus, monitorUrls, demand === 'require' ? STARTING_MS : 0, signal);
  if (shortfalls.length === 0 || signal.aborted) return;
  if (demand === 'require') throw insufficient(shortfalls.map(({ text }) => text));
  // A frame that NATS refuses stops its lane, so this one is said whatever was asked for.
  for (const { text } of shortfalls.filter(({ kind }) => kind === 'serious')) logger.error('NATS cannot carry what Millrace sends', { problem: text });
  const missing = shortfalls.flatMap(({ kind, text }) => (kind === 'serious' ? [] : [text]));
  if (missing.length > 0) logger.warn('The servers are not durable enough for production', { server: 'NATS', missing });
}

/** What cannot be read may be a server that is starting: it is asked again for `patienceMs`, when nothing else is missing. */
async function askBus(bus: Bus, monitorUrls: readonly string[], patienceMs: number, signal: AbortSignal): Promise<readonly Shortfall[]> {
  for (const until = performance.now() + patienceMs; ; ) {
    const shortfalls = await busShortfalls(bus, monitorUrls);
    if (performance.now() >= until || shortfalls.length === 0 || shortfalls.some(({ kind }) => kind !== 'unread') || signal.aborted) return shortfalls;
    await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Waits for MongoDB as long as it takes; `unfit` is called where durability is required and something is missing. */
export async function checkStore(store: Store, demand: DurabilityDemand, logger: Logger, signal: AbortSignal, unfit: (error: MillraceError) => void): Promise<void> {
  if (demand === 'ignore') return;
  // Loaded with the store itself: the driver costs an eighth of a second.
  const { storeShortfalls } = await import('@millrace/store');
  while (!signal.aborted) {
    const missing = await storeShortfalls(store).catch(() => undefined);
    if (missing !== undefined) {
      if (missing.length > 0 && demand === 'require') unfit(insufficient(missing));
      else if (missing.length > 0) logger.warn('The servers are not durable enough for production', { server: 'MongoDB', missing });
      return;
    }
    await sleep(ASK_AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

function insufficient(missing: readonly string[]): MillraceError {
  return new MillraceError('durability-insufficient', { message: `What is acknowledged could be lost (MILLRACE_DURABILITY=require):\n${missing.map((text) => `  ${text}`).join('\n')}`, details: { missing } });
}
