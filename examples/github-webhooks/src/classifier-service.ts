/**
 * An HTTP service as they are: slow, and failing now and then. What it does is decided by a seed, so that a run can
 * be repeated.
 *
 * It honours Idempotency-Key: a key that was answered once gets the same answer again.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Share of requests that fail. */
const FAILURES = 0.15;
/** Time for an answer, in milliseconds. */
const DELAY_MS = { least: 10, most: 200 } as const;
const BODY_BYTES_MAX = 64 * 1024;
const URGENT_EVENTS: ReadonlySet<string> = new Set(['security_advisory', 'code_scanning_alert', 'dependabot_alert', 'repository_vulnerability_alert', 'push', 'release']);

export interface ClassifierService {
  readonly url: string;
  /** Answers with 200, by delivery. */
  readonly answered: ReadonlyMap<string, number>;
  /** Answers with 503. */
  readonly failures: () => number;
  close(): Promise<void>;
}

interface Question {
  readonly delivery: string;
  readonly event: string;
}

export async function startClassifier(seed: string): Promise<ClassifierService> {
  const answered = new Map<string, number>();
  const answers = new Map<string, string>();
  const asked = new Map<string, number>();
  let failures = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { delivery, event } = JSON.parse(await bodyOf(request)) as Question;
    const key = String(request.headers['idempotency-key'] ?? delivery);
    const time = (asked.get(delivery) ?? 0) + 1;
    asked.set(delivery, time);
    const known = answers.get(key);
    if (known !== undefined) return send(response, 200, known);
    const { delayMs, fails } = fateOf(seed, event, delivery, time);
    await new Promise((settle) => setTimeout(settle, delayMs));
    if (fails) {
      failures++;
      return send(response, 503, '{"error":"try again"}');
    }
    const content = JSON.stringify({ priority: URGENT_EVENTS.has(event) ? 'high' : 'normal' });
    answers.set(key, content);
    answered.set(delivery, (answered.get(delivery) ?? 0) + 1);
    send(response, 200, content);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => send(response, 400, JSON.stringify({ error: String(error) })));
  });
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered,
    failures: () => failures,
    close: () =>
      new Promise((settle) => {
        server.close(() => settle());
        server.closeAllConnections();
      }),
  };
}

/** How slow an answer is and whether it fails. The delivery's own id differs from run to run: only its end counts. */
export function fateOf(seed: string, event: string, delivery: string, time: number): { readonly delayMs: number; readonly fails: boolean } {
  const hash = createHash('sha256').update(`${seed}/${event}/${delivery}/${time}`).digest();
  const share = (offset: number): number => hash.readUInt32BE(offset) / 2 ** 32;
  return { delayMs: Math.round(DELAY_MS.least + share(0) ** 2 * (DELAY_MS.most - DELAY_MS.least)), fails: share(4) < FAILURES };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`the body is larger than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, content: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(content);
}
