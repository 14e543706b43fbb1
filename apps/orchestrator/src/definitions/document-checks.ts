/**
 * Checks documents without holding up the lanes of this process: large ones on a thread, one at a time.
 *
 * E6 A document of a megabyte takes seconds to read and check; here that costs the event loop only what it takes to
 * make the program of it.
 */
import { Worker } from 'node:worker_threads';
import { DEFINITION_BYTES_MAX } from '@millrace/dsl';
import { MillraceError } from '@millrace/errors';
import { checkDocument, type DocumentAnswer, type DocumentJob } from './document-thread.ts';

/** Longer documents are checked on the thread, in characters. */
const INLINE_CHARACTERS_MAX = 16 * 1024;
/** How long one check may take, in milliseconds. */
const CHECK_MS_MAX = 30_000;
/** Documents that may wait for the thread. */
const WAITING_MAX = 16;
/** An idle thread ends after this time, in milliseconds: its memory is needed for the next document alone. */
const IDLE_MS = 10_000;
/** Memory of the thread's heap, in MiB. */
const HEAP_MIB_MAX = 192;
const ENTRY = new URL('./document-thread.ts', import.meta.url);

export interface DocumentChecks {
  /** @throws MillraceError `payload-too-large`, `limit-exceeded`, `deadline-exceeded`, `internal`. */
  check(job: DocumentJob): Promise<DocumentAnswer>;
  /** Ends the thread; the next check begins another. */
  close(): void;
}

interface Waiting {
  readonly job: DocumentJob;
  settle(answer: DocumentAnswer): void;
  fail(error: MillraceError): void;
}

export function createDocumentChecks(): DocumentChecks {
  const queue: Waiting[] = [];
  let current: Waiting | undefined;
  let worker: Worker | undefined;
  let timer: NodeJS.Timeout | undefined;

  function next(): void {
    clearTimeout(timer);
    current = queue.shift();
    if (current === undefined) {
      timer = setTimeout(end, IDLE_MS).unref();
      return;
    }
    const { fileName } = current.job;
    worker ??= begin();
    worker.postMessage(current.job);
    timer = setTimeout(() => {
      end();
      finish((each) => each.fail(new MillraceError('deadline-exceeded', { message: `Checking ${fileName} took longer than ${CHECK_MS_MAX} ms; divide the workflow` })));
    }, CHECK_MS_MAX);
  }

  function begin(): Worker {
    const started = new Worker(ENTRY, { resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX } });
    started.unref();
    started.on('message', (answer: DocumentAnswer) => {
      if (worker === started) finish((each) => each.settle(answer));
    });
    started.on('error', (cause) => {
      if (worker !== started) return;
      worker = undefined;
      finish((each) => each.fail(new MillraceError('payload-too-large', { message: `${each.job.fileName} cannot be checked within ${HEAP_MIB_MAX} MiB of memory; divide the workflow`, cause })));
    });
    return started;
  }

  function end(): void {
    void worker?.terminate();
    worker = undefined;
  }

  function finish(tell: (waiting: Waiting) => void): void {
    const ended = current;
    current = undefined;
    if (ended !== undefined) tell(ended);
    next();
  }

  return {
    close: end,
    check(job) {
      const { text, fileName } = job;
      if (text.length > DEFINITION_BYTES_MAX) return Promise.reject(new MillraceError('payload-too-large', { message: `${fileName} has ${text.length} characters; a definition has at most ${DEFINITION_BYTES_MAX} bytes` }));
      if (text.length <= INLINE_CHARACTERS_MAX) return Promise.resolve(job).then(checkDocument);
      if (queue.length >= WAITING_MAX) return Promise.reject(new MillraceError('limit-exceeded', { message: `${WAITING_MAX} large documents are waiting to be checked; try again` }));
      return new Promise((settle, fail) => {
        queue.push({ job, settle, fail });
        if (current === undefined) next();
      });
    },
  };
}
