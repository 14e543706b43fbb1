/**
 * The connection of one service to its own MongoDB database.
 *
 * Owns the settings that decide what a write means and how soon an outage shows. Does not own collections,
 * indexes or documents: each service keeps those in one adapter.
 *
 * - S1  A write that returned is on a majority of the members, in the journal.
 * - S2  Nothing waits for MongoDB at start-up: the client connects when it is there, and again after every
 *       outage. Without MongoDB a command fails within `SELECTION_TIMEOUT_MS`.
 */
import { MongoClient, type Collection, type Db, type Document } from 'mongodb';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

/** A command fails after this time without a server to take it, in milliseconds. */
export const SELECTION_TIMEOUT_MS = 2_000;
/** A server that is gone or back is noticed within about this time, in milliseconds. */
export const MONITOR_INTERVAL_MS = 1_000;
/** A command that was sent fails after this time without an answer, in milliseconds. */
export const SOCKET_TIMEOUT_MS = 30_000;
/** A write fails when the majority has not confirmed it within this time, in milliseconds; it may still be there. */
export const WRITE_CONCERN_TIMEOUT_MS = 10_000;
/** Between two attempts at the first connection, in milliseconds; an attempt takes `SELECTION_TIMEOUT_MS`. */
const CONNECT_RETRY_MS = 100;
/** Connections of a process to a server. */
export const POOL_SIZE_MAX = 20;

export interface StoreOptions {
  readonly url: string;
  readonly database: string;
  readonly logger: Logger;
  /** Shown by MongoDB for the connection; default the database's name. */
  readonly name?: string;
}

export interface Store {
  readonly client: MongoClient;
  readonly db: Db;
  collection<T extends Document = Document>(name: string): Collection<T>;
  /** Whether MongoDB answers a command now; takes `SELECTION_TIMEOUT_MS` at most when it does not. */
  ping(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Opens the store of a service; resolves at once, with or without MongoDB.
 *
 * @throws MillraceError `configuration-invalid` when the URL is none.
 */
export function connectStore({ url, database, logger, name = database }: StoreOptions): Promise<Store> {
  let client: MongoClient;
  try {
    client = new MongoClient(url, {
      appName: name,
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: WRITE_CONCERN_TIMEOUT_MS },
      serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
      connectTimeoutMS: SELECTION_TIMEOUT_MS,
      socketTimeoutMS: SOCKET_TIMEOUT_MS,
      heartbeatFrequencyMS: MONITOR_INTERVAL_MS,
      maxPoolSize: POOL_SIZE_MAX,
      waitQueueTimeoutMS: SELECTION_TIMEOUT_MS,
      // A property that is undefined is absent, as it is in JSON.
      ignoreUndefined: true,
    });
  } catch (error) {
    return Promise.reject(MillraceError.from(error, 'configuration-invalid', { message: `The URL of MongoDB cannot be used: ${messageOf(error)}` }));
  }
  reportAvailability(client, database, logger);
  const closing = new AbortController();
  void connectUntilThere(client, closing.signal);

  const db = client.db(database);
  return Promise.resolve({
    client,
    db,
    collection: <T extends Document>(collection: string) => db.collection<T>(collection),
    ping: () => answers(db),
    close: () => {
      closing.abort();
      return client.close();
    },
  });
}

/**
 * The driver looks after a connection it once had. A first attempt that failed leaves the client closed for all
 * later commands, though, until somebody calls `connect` again.
 */
async function connectUntilThere(client: MongoClient, closing: AbortSignal): Promise<void> {
  while (!closing.aborted) {
    try {
      await client.connect();
      return;
    } catch {
      // Reported by the monitor's events, once an outage.
      await sleep(CONNECT_RETRY_MS, undefined, { ref: false });
    }
  }
}

/** A ping with a bound of its own: a server that was stopped keeps its sockets and answers nothing. */
async function answers(db: Db): Promise<boolean> {
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    limit = setTimeout(() => resolve(false), SELECTION_TIMEOUT_MS);
  });
  const asked = db.command({ ping: 1 }, { timeoutMS: SELECTION_TIMEOUT_MS }).then(
    () => true,
    () => false,
  );
  const answered = await Promise.race([asked, late]);
  clearTimeout(limit);
  return answered;
}

/** One line when MongoDB goes, one when it is back. */
function reportAvailability(client: MongoClient, database: string, logger: Logger): void {
  let available: boolean | undefined;
  client.on('serverHeartbeatSucceeded', () => {
    if (available === false) logger.info('MongoDB is back', { database });
    available = true;
  });
  client.on('serverHeartbeatFailed', ({ failure }) => {
    if (available !== false) logger.warn('MongoDB cannot be reached', { database, error: failure });
    available = false;
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
