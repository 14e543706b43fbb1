/**
 * The threads that run scripts, a few for each language, so that none ever holds up the event loop.
 *
 * - A thread runs one script at a time. One whose script is aborted, or does not end in its time, is taken away
 *   with whatever it is doing, and another takes its place.
 * - A Python thread runs one script and goes; a fresh one is got ready meanwhile. No script finds what another left.
 */
import { Worker } from 'node:worker_threads';
import { SCRIPT_GRACE_MS, SCRIPT_QUEUE_MAX, SCRIPT_START_MS_MAX, SCRIPT_THREADS } from '../../limits.ts';
import type { ScriptJob, ScriptLanguage, ScriptReply, ScriptThreadReady } from './script-job.ts';

/** How a script ended, as far as this side can know. */
export type ScriptAnswer =
  | ScriptReply
  /** It was not run: aborted in the queue, or the queue is full. */
  | { readonly kind: 'not-run'; readonly reason: 'aborted' | 'full' }
  /** Its thread was taken away: aborted, or it would not end. */
  | { readonly kind: 'ended'; readonly reason: 'aborted' | 'time' }
  /** Its thread died. */
  | { readonly kind: 'lost'; readonly detail: string };

interface Waiting {
  readonly job: ScriptJob;
  readonly settle: (answer: ScriptAnswer) => void;
}

interface Thread {
  readonly worker: Worker;
  isReady: boolean;
  waiting: Waiting | undefined;
  timer: NodeJS.Timeout | undefined;
}

export interface ScriptThreads {
  run(job: Omit<ScriptJob, 'number'>, signal: AbortSignal): Promise<ScriptAnswer>;
  close(): Promise<void>;
}

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

export function createScriptThreads(language: ScriptLanguage, threadsMax: number = SCRIPT_THREADS): ScriptThreads {
  const entry = new URL(`./${language}-thread.${extension}`, import.meta.url);
  const isFreshEachTime = language === 'python';
  const threads = new Set<Thread>();
  const queue: Waiting[] = [];
  let jobs = 0;
  let closed = false;

  function next(): void {
    if (closed) return;
    for (const thread of threads) {
      if (queue.length === 0) return;
      if (thread.isReady && thread.waiting === undefined) give(thread, queue.shift() as Waiting);
    }
    const starting = [...threads].filter((thread) => !thread.isReady).length;
    for (let missing = queue.length - starting; missing > 0 && threads.size < threadsMax; missing--) begin();
  }

  function begin(): void {
    // Nothing of this process is handed on: no environment, no arguments, no standard input.
    const worker = new Worker(entry, { env: {}, argv: [], stdin: false });
    worker.unref();
    const thread: Thread = { worker, isReady: false, waiting: undefined, timer: undefined };
    threads.add(thread);
    thread.timer = setTimeout(() => remove(thread, { kind: 'lost', detail: `the interpreter did not start within ${SCRIPT_START_MS_MAX} ms` }), SCRIPT_START_MS_MAX).unref();
    worker.on('message', (message: ScriptReply | ScriptThreadReady) => {
      if (!threads.has(thread)) return;
      if (message.kind === 'ready') {
        clearTimeout(thread.timer);
        thread.isReady = true;
        next();
      } else if (thread.waiting?.job.number === message.number) ended(thread, message);
    });
    worker.on('error', (error) => remove(thread, { kind: 'lost', detail: error instanceof Error ? error.message : String(error) }));
    worker.on('exit', () => remove(thread, { kind: 'lost', detail: 'its thread ended' }));
  }

  function give(thread: Thread, waiting: Waiting): void {
    thread.waiting = waiting;
    thread.timer = setTimeout(() => remove(thread, { kind: 'ended', reason: 'time' }), waiting.job.limits.timeMsMax + SCRIPT_GRACE_MS).unref();
    thread.worker.postMessage(waiting.job);
  }

  function ended(thread: Thread, reply: ScriptReply): void {
    const { waiting } = thread;
    clearTimeout(thread.timer);
    thread.waiting = undefined;
    if (isFreshEachTime) {
      remove(thread, { kind: 'lost', detail: '' });
      if (threads.size === 0) begin();
    }
    waiting?.settle(reply);
    next();
  }

  function remove(thread: Thread, answer: ScriptAnswer): void {
    if (!threads.delete(thread)) return;
    clearTimeout(thread.timer);
    void thread.worker.terminate();
    thread.waiting?.settle(answer);
    // A thread that cannot even start must not be tried for ever on behalf of the same scripts.
    if (!thread.isReady && thread.waiting === undefined) queue.shift()?.settle(answer);
    next();
  }

  return {
    run(given, signal) {
      if (signal.aborted) return Promise.resolve({ kind: 'not-run', reason: 'aborted' });
      if (queue.length >= SCRIPT_QUEUE_MAX || closed) return Promise.resolve({ kind: 'not-run', reason: 'full' });
      return new Promise((resolve) => {
        const abort = (): void => {
          const index = queue.indexOf(waiting);
          if (index >= 0) {
            queue.splice(index, 1);
            waiting.settle({ kind: 'not-run', reason: 'aborted' });
            return;
          }
          for (const thread of threads) if (thread.waiting === waiting) remove(thread, { kind: 'ended', reason: 'aborted' });
        };
        const waiting: Waiting = {
          job: { ...given, number: (jobs += 1) },
          settle: (answer) => {
            signal.removeEventListener('abort', abort);
            resolve(answer);
          },
        };
        signal.addEventListener('abort', abort, { once: true });
        queue.push(waiting);
        next();
      });
    },
    async close() {
      closed = true;
      for (const waiting of queue.splice(0)) waiting.settle({ kind: 'not-run', reason: 'aborted' });
      await Promise.all([...threads].map((thread) => {
        remove(thread, { kind: 'ended', reason: 'aborted' });
        return thread.worker.terminate();
      }));
    },
  };
}
