/**
 * Reading a durable pull consumer that instances share, until stopped and over every outage.
 *
 * Owns opening it again and what is still being taken. Does not own acknowledgements: `take` gives them.
 */
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Logger } from '@millrace/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from './connection.ts';

/** Between two attempts to read, in milliseconds; the first again once reading has gone on for the most. */
const RETRY_MS = { first: 100, most: 2_000 } as const;

export interface DurableReadingOptions {
  readonly bus: Pick<Bus, 'status'>;
  readonly logger: Logger;
  /** What is read, for the log. */
  readonly what: string;
  /** Messages that are asked for at a time. */
  readonly fetchMax: number;
  /** The consumer, made if it is not there. */
  open(): Promise<Consumer>;
  /** Takes one message; the next one does not wait for it. */
  take(message: JsMsg): void | Promise<void>;
}

export interface DurableReading {
  /** Whether messages are being read. */
  active(): boolean;
  /** Reads no more, and waits for what is being taken. */
  stop(): Promise<void>;
}

export function readDurable({ bus, logger, what, fetchMax, open, take }: DurableReadingOptions): DurableReading {
  const stopping = new AbortController();
  const { signal } = stopping;
  const taking = new Set<Promise<void>>();
  let messages: ConsumerMessages | undefined;

  async function read(): Promise<void> {
    messages = await (await open()).consume({ max_messages: fetchMax });
    // Stopped while it was being opened.
    if (signal.aborted) messages.stop();
    for await (const message of messages) {
      const taken = take(message);
      if (taken === undefined) continue;
      taking.add(taken);
      void taken.finally(() => taking.delete(taken));
    }
  }

  async function loop(): Promise<void> {
    let waitMs: number = RETRY_MS.first;
    while (!signal.aborted) {
      const sinceMs = performance.now();
      try {
        await read();
      } catch (error) {
        if (!signal.aborted) logger.warn(`Reading ${what} was interrupted`, { error });
      }
      messages = undefined;
      if (performance.now() - sinceMs > RETRY_MS.most) waitMs = RETRY_MS.first;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      waitMs = Math.min(2 * waitMs, RETRY_MS.most);
    }
  }
  const ended = loop();

  return {
    active: () => messages !== undefined && bus.status() === 'connected',
    async stop() {
      stopping.abort();
      messages?.stop();
      await ended;
      await Promise.all(taking);
    },
  };
}
