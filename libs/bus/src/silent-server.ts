/**
 * Leaves a server of several at which JetStream no longer answers.
 *
 * A server that lost its peers goes on answering pings, so the connection to it stands, and whatever is asked of
 * JetStream over it is answered by nobody. Owns the decision to try another server. Does not own reconnecting.
 *
 * - A server is left only where there is another, and only once JetStream has answered over this connection: an
 *   account that may not ask stays where it is.
 * - While JetStream answers nowhere, as in an election, servers are changed ever more seldom.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '@millrace/telemetry';

/** Between two questions, in milliseconds. */
const ASK_MS = 2_000;
const ANSWER_TIMEOUT_MS = 2_000;
/** Silence after which another server is tried, in milliseconds: longer than most elections, which take four to ten seconds. */
export const SILENT_MS = { first: 12_000, most: 60_000 } as const;

/** Asks until the signal is aborted. */
export async function leaveSilentServers(connection: NatsConnection, connected: () => boolean, logger: Logger, signal: AbortSignal): Promise<void> {
  let answeredMs: number | undefined;
  let patienceMs: number = SILENT_MS.first;
  while (!signal.aborted) {
    if (await answers(connection)) {
      answeredMs = performance.now();
      patienceMs = SILENT_MS.first;
    } else if (answeredMs !== undefined && connected() && performance.now() - answeredMs > patienceMs) {
      logger.warn('JetStream does not answer at this server, trying another', { server: connection.getServer(), silentMs: Math.round(performance.now() - answeredMs) });
      answeredMs = performance.now();
      patienceMs = Math.min(patienceMs * 2, SILENT_MS.most);
      await leave(connection, signal);
    }
    await pause(signal);
  }
}

/** The library's first choice after its first connection is the server it has: that one it has to be told twice. */
async function leave(connection: NatsConnection, signal: AbortSignal): Promise<void> {
  const left = connection.getServer();
  await connection.reconnect().catch(() => undefined);
  await pause(signal);
  if (!signal.aborted && connection.getServer() === left) await connection.reconnect().catch(() => undefined);
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(ASK_MS, undefined, { signal, ref: false }).catch(() => undefined);
}

/** The leader of the cluster answers, if there is one that this server knows. */
async function answers(connection: NatsConnection): Promise<boolean> {
  try {
    const answer = await connection.request('$JS.API.INFO', '', { timeout: ANSWER_TIMEOUT_MS });
    return answer.json<{ readonly error?: unknown }>().error === undefined;
  } catch {
    return false;
  }
}
