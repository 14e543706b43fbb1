/**
 * An orchestrator's public side for tests: a real gRPC server whose answers the test decides.
 *
 * Only tests import it. It keeps what it was asked, so a test can say what arrived where and how often.
 */
import { Server, ServerCredentials, credentials, type ServerDuplexStream, type UntypedServiceImplementation } from '@grpc/grpc-js';
import {
  ExecutionsClient,
  ExecutionsService,
  type Start,
  type StartBatch,
  type Started,
  type StartedBatch,
} from '@millrace/contracts/orchestrator/v1/executions';
import type { LaneOwner, LaneOwners } from '../ports.ts';

export type PeerStream = ServerDuplexStream<StartBatch, StartedBatch>;

export interface Peer {
  readonly address: string;
  readonly starts: Start[];
  readonly batches: number[];
  /** Resolves once that many starts have come, repeats among them. */
  received(count: number): Promise<void>;
  /** Cuts every stream and stops listening. */
  kill(): void;
}

/**
 * @param answer what the peer says to a start; undefined: nothing for now.
 * @param prepare adds what else the peer serves.
 */
export async function startPeer(
  answer: (start: Start, stream: PeerStream) => readonly Started[] | undefined,
  others: { readonly executions?: UntypedServiceImplementation; readonly prepare?: (server: Server) => void } = {},
): Promise<Peer> {
  const server = new Server();
  others.prepare?.(server);
  const starts: Start[] = [];
  const batches: number[] = [];
  const waiters: { readonly count: number; readonly resolve: () => void }[] = [];
  server.addService(ExecutionsService, {
    ...others.executions,
    start(stream: PeerStream) {
      stream.on('error', () => undefined);
      stream.on('data', (batch: StartBatch) => {
        batches.push(batch.starts.length);
        const answers: Started[] = [];
        for (const start of batch.starts) {
          starts.push(start);
          answers.push(...(answer(start, stream) ?? []));
        }
        if (answers.length > 0) stream.write({ answers });
        for (const { count, resolve } of waiters) if (starts.length >= count) resolve();
      });
      stream.on('end', () => stream.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return {
    address: `127.0.0.1:${port}`,
    starts,
    batches,
    received: (count) => new Promise((resolve) => (starts.length >= count ? resolve() : waiters.push({ count, resolve }))),
    kill: () => server.forceShutdown(),
  };
}

export const accepted = (start: Start, existing = false): Started => ({ number: start.number, answer: { $case: 'accepted', value: { execution: start.execution, existing } } });
export const ended = (start: Start, outputJson = '{}'): Started => ({
  number: start.number,
  answer: { $case: 'ended', value: { execution: start.execution, status: 'completed', outputJson, error: undefined } },
});
export const refused = (start: Start, reason: string): Started => ({ number: start.number, answer: { $case: 'refused', value: { reason, message: `refused: ${reason}` } } });

/** Owners that the test sets: one for all executions. */
export function settableOwners(): LaneOwners & { set(owner: LaneOwner | undefined): void } {
  const callbacks = new Set<() => void>();
  let current: LaneOwner | undefined;
  return {
    ownerOf: () => current,
    addresses: () => (current === undefined ? [] : [current.address]),
    onChange(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    set(owner) {
      current = owner;
      for (const callback of callbacks) callback();
    },
  };
}

/** One client for each address, closed together. */
export function peerClients(): { of(address: string): ExecutionsClient; close(): void } {
  const clients = new Map<string, ExecutionsClient>();
  return {
    of(address) {
      const client = clients.get(address) ?? new ExecutionsClient(address, credentials.createInsecure());
      clients.set(address, client);
      return client;
    },
    close() {
      for (const client of clients.values()) client.close();
    },
  };
}
