/**
 * An HTTP server on loopback that records every arrival: the witness of what really went out.
 *
 * Owns: the record, in order of arrival, kept even when the answer is an error or never comes.
 * Does not own: what to answer (the test says), and what repeats mean (see `repeatsByKey`).
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { arrivalLog, type Await } from './arrival-log.ts';

/** Largest body that is kept, in bytes; a longer one is answered with 413. */
export const TARGET_BODY_BYTES_MAX = 16 * 1024 * 1024;

/** One request as it came. */
export interface Arrival {
  /** From 0, in order of the request's head. */
  readonly index: number;
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Wall clock when the body was complete, milliseconds since the Unix epoch. */
  readonly atMs: number;
  /** The `Idempotency-Key` header. */
  readonly key: string | undefined;
}

/** What to answer. Fields that are missing: 200, no headers, `{}`, at once. */
export interface TargetAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly delayMs?: number;
  /** Resets the connection in place of an answer. */
  readonly reset?: boolean;
}

export interface HttpTargetOptions {
  /** 0 takes a free one. */
  readonly port?: number;
  readonly answer?: (arrival: Arrival) => TargetAnswer | Promise<TargetAnswer>;
  /** Told when an arrival has been answered, or its connection is gone before; wall clock in milliseconds. */
  readonly ended?: (arrival: Arrival, atMs: number) => void;
}

export interface HttpTarget {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly arrivals: readonly Arrival[];
  /** Resolves with the first arrival, past or coming, that matches. */
  readonly waitFor: Await<Arrival>;
  /** Changes what is answered from now on. */
  answerWith(answer: (arrival: Arrival) => TargetAnswer | Promise<TargetAnswer>): void;
  /** Arrivals of each `Idempotency-Key` that came more than once. */
  repeatsByKey(): ReadonlyMap<string, readonly Arrival[]>;
  close(): Promise<void>;
}

/** Starts the target on 127.0.0.1. */
export async function startHttpTarget(options: HttpTargetOptions = {}): Promise<HttpTarget> {
  const log = arrivalLog<Arrival>();
  let answer = options.answer ?? ((): TargetAnswer => ({}));
  let heads = 0;

  const server = createServer({ keepAlive: true }, (request, response) => {
    const index = heads++;
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= TARGET_BODY_BYTES_MAX) chunks.push(chunk);
    });
    request.once('error', () => undefined);
    request.once('end', () => {
      const key = request.headers['idempotency-key'];
      const arrival: Arrival = {
        index,
        method: request.method ?? 'GET',
        path: request.url ?? '/',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
        atMs: Date.now(),
        key: Array.isArray(key) ? key[0] : key,
      };
      if (bytes > TARGET_BODY_BYTES_MAX) {
        response.writeHead(413).end();
        return;
      }
      log.add(arrival);
      const { ended } = options;
      if (ended !== undefined) {
        let told = false;
        const tell = (): void => {
          if (!told) ended(arrival, Date.now());
          told = true;
        };
        // Handed to the system, or never to be.
        response.once('finish', tell).once('close', tell);
      }
      void respond(arrival);
    });

    const respond = async (arrival: Arrival): Promise<void> => {
      const { status = 200, headers = {}, body = {}, delayMs = 0, reset = false } = await answer(arrival);
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (reset) {
        request.socket.resetAndDestroy();
        return;
      }
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
      response.writeHead(status, { 'content-type': type, ...headers }).end(text);
    };
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    arrivals: log.entries,
    waitFor: log.waitFor,
    answerWith(next) {
      answer = next;
    },
    repeatsByKey() {
      const keyed = new Map<string, Arrival[]>();
      for (const arrival of log.entries) {
        if (arrival.key !== undefined) keyed.set(arrival.key, [...(keyed.get(arrival.key) ?? []), arrival]);
      }
      return new Map([...keyed].filter(([, arrivals]) => arrivals.length > 1));
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
