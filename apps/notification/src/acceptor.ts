/**
 * Takes requests off the bus and stores them, in groups.
 *
 * Owns: what is acknowledged when. Does not own: the consumer, and what happens to a stored delivery.
 *
 * Invariants
 * N1 A request is acknowledged only after its delivery is stored by a majority, on disk; or is stored already.
 * N2 While the store is away requests wait, here (bounded by the consumer's own limit) and in the stream.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeDeliveryRequest } from '@millrace/delivery';
import type { Logger } from '@millrace/telemetry';
import { invalidRecord, recordOf } from './delivery-record.ts';
import type { DeliveryRecord, DeliveryStore, IncomingRequest } from './ports.ts';

/** Requests stored by one write. */
export const ACCEPT_BATCH_MAX = 500;
/** Waits between two attempts to store, in milliseconds. */
export const ACCEPT_RETRY_MIN_MS = 100;
export const ACCEPT_RETRY_MAX_MS = 2_000;
/** How long a request of a later version rests before another instance gets it, in milliseconds. */
export const LATER_VERSION_DELAY_MS = 15_000;

export interface AcceptorOptions {
  readonly store: DeliveryStore;
  readonly logger: Logger;
  readonly now: () => number;
  /** Domain of the Message-IDs. */
  readonly domain: string;
  readonly signal: AbortSignal;
  onStored(records: readonly DeliveryRecord[]): void;
  onRepeated(count: number): void;
  onDiscarded(): void;
}

export interface Acceptor {
  /** Takes one request; it is acknowledged later. */
  take(request: IncomingRequest): void;
  /** Requests taken and not yet acknowledged or given back. */
  pending(): number;
  /** Resolves when nothing is pending. */
  idle(): Promise<void>;
}

export function createAcceptor(options: AcceptorOptions): Acceptor {
  const waiting: IncomingRequest[] = [];
  let underWay = 0;
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, ACCEPT_BATCH_MAX);
      underWay = batch.length;
      await acceptBatch(batch, options);
      underWay = 0;
    }
    running = undefined;
  };

  return {
    take(request) {
      waiting.push(request);
      // What arrives in the same turn of the loop is stored together.
      running ??= new Promise<void>((resolve) => setImmediate(resolve)).then(run);
    },
    pending: () => waiting.length + underWay,
    async idle() {
      while (running !== undefined) await running;
    },
  };
}

async function acceptBatch(batch: readonly IncomingRequest[], options: AcceptorOptions): Promise<void> {
  const readable: { readonly request: IncomingRequest; readonly record: DeliveryRecord }[] = [];
  for (const request of batch) {
    const record = read(request, options);
    if (record !== undefined) readable.push({ request, record });
  }
  if (readable.length === 0) return;
  const done = await storeUntilDone(readable, options);
  if (done === undefined) {
    for (const { request } of readable) request.returnAfter(0);
    return;
  }
  for (const { request } of readable) request.acknowledge();
  if (done.repeated > 0) options.onRepeated(done.repeated);
  if (done.stored.length > 0) options.onStored(done.stored);
}

/** The record, or undefined when the request was given back or discarded. */
function read(request: IncomingRequest, { logger, now, domain, onDiscarded }: AcceptorOptions): DeliveryRecord | undefined {
  const decoding = decodeDeliveryRequest(request.text);
  switch (decoding.kind) {
    case 'request':
      if (decoding.request.organisation === request.organisation) return recordOf(decoding.request, domain, now());
      // The subject is what permissions are given for; nobody may speak for another organisation.
      return discard('the organisation is not the one of the subject', { organisation: request.organisation });
    case 'later-version':
      logger.warn('A delivery request of a later version waits for a later release', { version: decoding.version });
      request.returnAfter(LATER_VERSION_DELAY_MS);
      return undefined;
    case 'invalid':
      if (decoding.key !== undefined && decoding.organisation === request.organisation) {
        return invalidRecord(decoding.organisation, decoding.key, decoding.detail, domain, now());
      }
      return discard(decoding.detail, { organisation: request.organisation });
  }

  function discard(detail: string, attributes: Readonly<Record<string, unknown>>): undefined {
    logger.error('A delivery request becomes a dead letter', { detail, ...attributes });
    onDiscarded();
    request.discard(detail);
    return undefined;
  }
}

/** Undefined when the service stops before the store is back: nothing of it is acknowledged then. */
async function storeUntilDone(
  readable: readonly { readonly request: IncomingRequest; readonly record: DeliveryRecord }[],
  { store, logger, signal }: AcceptorOptions,
): Promise<Awaited<ReturnType<DeliveryStore['accept']>> | undefined> {
  let waitMs = ACCEPT_RETRY_MIN_MS;
  let told = false;
  for (;;) {
    try {
      return await store.accept(readable.map(({ record }) => record));
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!told) logger.warn('Delivery requests wait for the database', { requests: readable.length, error });
      told = true;
      for (const { request } of readable) request.extend();
    }
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(2 * waitMs, ACCEPT_RETRY_MAX_MS);
  }
}
