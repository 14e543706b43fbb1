/**
 * Starts servers again that have died, on the same ports and data.
 *
 * - A server that does not come up is tried again later and later, up to RESTART_MS.most.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Servers } from '@millrace/servers';

/** Between the death of a server and the next start, in milliseconds. */
const RESTART_MS = { first: 250, most: 10_000 } as const;

/** `mongod` where there is one, `mongod-2` for the second of several. */
export function memberName(kind: string, all: readonly unknown[], index: number): string {
  return all.length > 1 ? `${kind}-${index + 1}` : kind;
}

export interface ServerSupervision {
  /** Ends the watch; resolves when no start is under way, so that the servers can be stopped. */
  stop(): Promise<void>;
}

export interface ServerSupervisionOptions {
  /** Told after every start again. */
  readonly onRestart: () => void;
  readonly report?: (line: string) => void;
}

export function superviseServers(servers: Servers, { onRestart, report }: ServerSupervisionOptions): ServerSupervision {
  const stopped = new AbortController();
  const { signal } = stopped;
  const pause = (ms: number): Promise<void> => delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
  const ended = new Promise<void>((settle) => signal.addEventListener('abort', () => settle(), { once: true }));

  async function watch(name: string, server: { readonly exited: Promise<unknown>; restart(): Promise<void> }): Promise<void> {
    let backoffMs: number = RESTART_MS.first;
    while (!signal.aborted) {
      await Promise.race([server.exited, ended]);
      if (signal.aborted) return;
      report?.(`${name} ended, starting again in ${backoffMs} ms`);
      await pause(backoffMs);
      if (signal.aborted) return;
      try {
        await server.restart();
        backoffMs = RESTART_MS.first;
        onRestart();
      } catch (error) {
        backoffMs = Math.min(backoffMs * 2, RESTART_MS.most);
        report?.(`${name} did not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  const watches = [
    ...servers.nats.processes.map((server, index) => watch(memberName('nats-server', servers.nats.processes, index), server)),
    ...servers.mongo.processes.map((server, index) => watch(memberName('mongod', servers.mongo.processes, index), server)),
  ];
  return {
    async stop() {
      stopped.abort();
      await Promise.all(watches);
    },
  };
}
