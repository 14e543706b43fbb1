/**
 * The threads that run SQL statements, so that none ever holds up the event loop.
 *
 * - A file always goes to the same thread, which runs one statement at a time: this process never waits for its
 *   own locks.
 * - A statement that is aborted before its turn was not run. One that runs cannot be stopped from outside: its
 *   thread is given up, at most `SQL_THREADS_LOST_MAX` at once, and another one takes its place.
 */
import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { SQL_QUEUE_MAX, SQL_THREADS, SQL_THREADS_LOST_MAX } from '../../limits.ts';
import type { SqlJob, SqlReply } from './sql-job.ts';

/** How a job ended, as far as this side can know. */
export type SqlAnswer =
  | Exclude<SqlReply, { kind: 'problem' }>
  | Extract<SqlReply, { kind: 'problem' }>
  /** It was not run: aborted in the queue, or the queue is full. */
  | { readonly kind: 'not-run'; readonly reason: 'aborted' | 'full' }
  /** It was running when it was aborted, or when its thread died. */
  | { readonly kind: 'lost' };

interface Waiting {
  readonly job: SqlJob;
  readonly resolve: (answer: SqlAnswer) => void;
  readonly release: () => void;
}

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './sql-thread.ts' : './sql-thread.js', import.meta.url);

export class SqlThreads {
  readonly #lanes: ThreadLane[];
  readonly #lost = new Set<Worker>();
  #number = 0;

  constructor(threads: number = SQL_THREADS) {
    this.#lanes = Array.from({ length: threads }, () => new ThreadLane(this.#lost));
  }

  run(job: Omit<SqlJob, 'number'>, signal: AbortSignal): Promise<SqlAnswer> {
    const index = createHash('sha256').update(job.file).digest().readUInt32BE(0) % this.#lanes.length;
    const lane = this.#lanes[index];
    if (lane === undefined) throw new RangeError(`there is no thread ${index}`);
    this.#number += 1;
    return lane.run({ ...job, number: this.#number }, signal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}

class ThreadLane {
  readonly #lost: Set<Worker>;
  readonly #queue: Waiting[] = [];
  #worker: Worker | undefined;
  #current: Waiting | undefined;

  constructor(lost: Set<Worker>) {
    this.#lost = lost;
  }

  run(job: SqlJob, signal: AbortSignal): Promise<SqlAnswer> {
    if (signal.aborted) return Promise.resolve({ kind: 'not-run', reason: 'aborted' });
    if (this.#queue.length >= SQL_QUEUE_MAX || this.#lost.size >= SQL_THREADS_LOST_MAX) return Promise.resolve({ kind: 'not-run', reason: 'full' });
    return new Promise((resolve) => {
      const abort = (): void => this.#abort(waiting);
      const waiting: Waiting = { job, resolve, release: () => signal.removeEventListener('abort', abort) };
      signal.addEventListener('abort', abort, { once: true });
      this.#queue.push(waiting);
      this.#next();
    });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#current = next;
    this.#worker ??= this.#start();
    this.#worker.postMessage(next.job);
  }

  #start(): Worker {
    const worker = new Worker(ENTRY);
    worker.unref();
    worker.on('message', (reply: SqlReply) => {
      if (this.#worker === worker && this.#current?.job.number === reply.number) this.#settle(reply);
    });
    const gone = (): void => {
      this.#lost.delete(worker);
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#settle({ kind: 'lost' });
    };
    worker.on('error', gone);
    worker.on('exit', gone);
    return worker;
  }

  #settle(answer: SqlAnswer): void {
    const ended = this.#current;
    this.#current = undefined;
    ended?.release();
    ended?.resolve(answer);
    this.#next();
  }

  #abort(waiting: Waiting): void {
    if (waiting !== this.#current) {
      const index = this.#queue.indexOf(waiting);
      if (index >= 0) this.#queue.splice(index, 1);
      waiting.resolve({ kind: 'not-run', reason: 'aborted' });
      return;
    }
    const stuck = this.#worker;
    this.#worker = undefined;
    if (stuck !== undefined) {
      this.#lost.add(stuck);
      void stuck.terminate();
    }
    this.#settle({ kind: 'lost' });
  }
}
