/**
 * `up --detach`: starts the supervisor as a process of its own session and waits until it says that all is ready.
 *
 * The supervisor tells this process over the channel between parent and child; afterwards they part.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MillraceError, REASONS, type Reason } from '@millrace/errors';
import type { UpDocument } from './supervise.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

export type SupervisorMessage =
  | { readonly kind: 'report'; readonly line: string }
  | { readonly kind: 'ready'; readonly up: UpDocument }
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string };

export interface DetachOptions {
  readonly dataDir: string;
  /** The Node that runs this process. */
  readonly node: string;
  /** What follows `up` on the command line, without `--detach`. */
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** @throws MillraceError with what the supervisor failed of. */
export async function detach(options: DetachOptions): Promise<UpDocument> {
  const { dataDir, signal } = options;
  const logFile = path.join(dataDir, 'logs', 'supervisor.log');
  mkdirSync(path.dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const child = spawn(options.node, ['--disable-warning=ExperimentalWarning', MAIN, 'supervise', ...options.words], {
    cwd: dataDir,
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...options.environment },
  });
  closeSync(log);
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await answerOf(child, logFile, options.report);
  } finally {
    signal.removeEventListener('abort', stop);
    if (child.connected) child.disconnect();
    child.unref();
  }
}

function answerOf(child: ChildProcess, logFile: string, report: (line: string) => void): Promise<UpDocument> {
  return new Promise((resolve, reject) => {
    let failure: MillraceError | undefined;
    child.on('message', (message: SupervisorMessage) => {
      switch (message.kind) {
        case 'report':
          report(message.line);
          break;
        case 'ready':
          resolve(message.up);
          break;
        case 'failed':
          failure = new MillraceError(message.reason in REASONS ? (message.reason as Reason) : 'internal', { message: message.message });
          break;
      }
    });
    child.once('error', (error) => reject(MillraceError.from(error)));
    child.once('exit', (code, signal) => reject(failure ?? new MillraceError('service-unavailable', { message: `The supervisor ended (${signal ?? `status ${code}`}); see ${logFile}` })));
  });
}
