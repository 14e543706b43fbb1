/**
 * How other commands change a cluster that runs: the supervisor listens on loopback and says where, and under which
 * token, in the data folder's `control`, which its owner alone can read.
 *
 * One line of JSON an event: reports while it goes on, then `done` or `failed`.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { isServiceName, type Cluster, type ServiceName } from '@millrace/cluster';
import { MillraceError } from '@millrace/errors';
import type { Scale } from './scale-option.ts';

/** Longest request, in bytes. */
const REQUEST_BYTES_MAX = 64 * 1024;

/** What is asked of a supervisor. */
export type ControlRequest = { readonly kind: 'scale'; readonly scale: Scale } | { readonly kind: 'restart'; readonly services: readonly ServiceName[] };

export type ControlEvent =
  | { readonly kind: 'report'; readonly line: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string };

/** Where a supervisor listens. */
export interface ControlAddress {
  readonly port: number;
  readonly token: string;
}

export function controlFile(dataDir: string): string {
  return path.join(dataDir, 'control');
}

export interface ControlServer {
  /** Tells whoever waits for a change what goes on. */
  report(line: string): void;
  close(): void;
}

export async function serveControl(dataDir: string, cluster: Pick<Cluster, 'scale' | 'restart'>): Promise<ControlServer> {
  const token = randomBytes(32).toString('base64url');
  const waiting = new Set<ServerResponse>();
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const given = Buffer.from(request.headers.authorization ?? '');
    const wanted = Buffer.from(`Bearer ${token}`);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      response.writeHead(401).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    waiting.add(response);
    try {
      await carryOut(cluster, await read(request));
      tell(response, { kind: 'done' });
    } catch (error) {
      const { reason, message } = MillraceError.from(error);
      tell(response, { kind: 'failed', reason, message });
    } finally {
      waiting.delete(response);
      response.end();
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const address: ControlAddress = { port: (server.address() as AddressInfo).port, token };
  // Made anew, so that nobody has it open from before.
  rmSync(controlFile(dataDir), { force: true });
  writeFileSync(controlFile(dataDir), JSON.stringify(address), { mode: 0o600, flag: 'wx' });
  return {
    report: (line) => waiting.forEach((response) => tell(response, { kind: 'report', line })),
    close() {
      rmSync(controlFile(dataDir), { force: true });
      server.close();
      server.closeAllConnections();
    },
  };
}

function tell(response: ServerResponse, event: ControlEvent): void {
  response.write(`${JSON.stringify(event)}\n`);
}

async function read(request: IncomingMessage): Promise<ControlRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) throw new MillraceError('payload-too-large');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as ControlRequest;
}

async function carryOut(cluster: Pick<Cluster, 'scale' | 'restart'>, request: ControlRequest): Promise<void> {
  if (request.kind === 'restart') {
    await cluster.restart(request.services.filter(isServiceName));
    return;
  }
  for (const [service, count] of Object.entries(request.scale)) if (isServiceName(service)) await cluster.scale(service, count);
}
