/**
 * One child process of a server: started, watched, stopped.
 *
 * Invariants
 * 1. Unless `detached`, the server ends when this process does, however this process ends: a guard process waits on a
 *    pipe that the kernel closes.
 * 2. The server has a process group of its own, so Ctrl-C in a terminal reaches the one who stops it in order first.
 * 3. Only the process started here is ever signalled, never one that got its number later.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';

/** How a process ended. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running child process. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Whether the process has not ended yet. */
  readonly running: () => boolean;
  /** Sends a signal (SIGTERM by default), and SIGKILL when the process is still there after STOP_TIMEOUT_MS. */
  stop(signal?: NodeJS.Signals): Promise<ExitStatus>;
  /** SIGKILL, for crash tests. */
  kill(): Promise<ExitStatus>;
}

/** How to start one. */
export interface ProcessOptions {
  readonly file: string;
  readonly args: readonly string[];
  /** Standard output and error are appended here. */
  readonly outputFile: string;
  /** Leaves the server running when this process ends. */
  readonly detached: boolean;
}

/** How long a server may take to end by itself before it is killed, in milliseconds. */
export const STOP_TIMEOUT_MS = 20_000;
/** How much of the output's end is quoted when a server does not start, in bytes. */
const TAIL_BYTES = 4096;
/** How many lines of it. */
const TAIL_LINES = 6;

/** The guard reads until its pipe closes, then asks the server to end, and after five seconds no longer asks. */
const GUARD = 'read -r _; kill -TERM "$1" 2>/dev/null || exit 0; sleep 5; kill -KILL "$1" 2>/dev/null';

/** Starts a server's binary. */
export async function startProcess(options: ProcessOptions): Promise<ServerProcess> {
  const output = openSync(options.outputFile, 'a');
  let child: ChildProcess;
  try {
    child = spawn(options.file, [...options.args], { detached: true, stdio: ['ignore', output, output] });
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  } finally {
    closeSync(output);
  }
  let ended = false;
  const exited = new Promise<ExitStatus>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = true;
      resolve({ code, signal });
    });
  });
  const pid = child.pid as number;
  if (options.detached) child.unref();
  else endWithThisProcess(pid, exited);

  const signal = (name: NodeJS.Signals): void => {
    if (!ended) child.kill(name);
  };
  return {
    pid,
    exited,
    running: () => !ended,
    async stop(name = 'SIGTERM') {
      signal(name);
      const timer = setTimeout(() => signal('SIGKILL'), STOP_TIMEOUT_MS);
      const status = await exited;
      clearTimeout(timer);
      return status;
    },
    async kill() {
      signal('SIGKILL');
      return exited;
    },
  };
}

/** Has the process `pid` ended when this process is gone, however it went; `exited` takes the guard away again. */
export function endWithThisProcess(pid: number, exited: Promise<unknown>): void {
  const watcher = spawn('/bin/sh', ['-c', GUARD, 'guard', String(pid)], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  watcher.on('error', () => {});
  watcher.stdin.on('error', () => {});
  watcher.unref();
  (watcher.stdin as unknown as { unref?: () => void }).unref?.();
  void exited.then(() => watcher.kill('SIGKILL'));
}

/** The last lines of a log file, for the message of a server that did not start. */
export async function tailOf(file: string): Promise<string> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return '';
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, Math.max(0, size - TAIL_BYTES));
    return buffer.subarray(0, bytesRead).toString('utf8').trim().split('\n').slice(-TAIL_LINES).join('\n');
  } finally {
    await handle.close();
  }
}
