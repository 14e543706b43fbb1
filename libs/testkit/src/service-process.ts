/**
 * A service of the product as a real process, with the signals that faults are made of.
 *
 * Owns: the child process and the last lines it printed.
 * Does not own: its configuration; the test passes the environment.
 *
 * Invariants
 * 1. Nothing outlives the test: every child still alive when the parent exits is killed, by its id.
 * 2. A stopped process is continued before it is asked to end, or it never would.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { arrivalLog } from './arrival-log.ts';

/** How long a process may take to become ready or to stop, in milliseconds, unless told. */
export const PROCESS_TIMEOUT_MS = 20_000;
/** Lines shown in an error. */
const LINES_SHOWN = 30;

/** The root of the repository, from where this file stands. */
export const REPOSITORY_ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

export interface ServiceProcessOptions {
  /** For people; `notification-1`, say. */
  readonly name: string;
  /** The program, relative to the root of the repository: `apps/notification/src/main.ts`. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** Added to a minimal environment (PATH, HOME, TMPDIR). */
  readonly environment?: Readonly<Record<string, string>>;
  /** Added before the program: `--inspect`, say. */
  readonly nodeArgs?: readonly string[];
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One printed line, parsed when it is a JSON object. */
export interface PrintedLine {
  readonly text: string;
  readonly stream: 'stdout' | 'stderr';
  readonly record: Readonly<Record<string, unknown>> | undefined;
}

export interface ServiceProcess {
  readonly name: string;
  readonly pid: number;
  readonly lines: readonly PrintedLine[];
  /** Resolves when it has ended, however. */
  readonly exited: Promise<Exit>;
  running(): boolean;
  /** The first line, past or coming, that matches; rejects when the process ends before or after `timeoutMs`. */
  waitForLine(matches: (line: PrintedLine) => boolean, timeoutMs?: number): Promise<PrintedLine>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<Exit>;
  /** SIGSTOP: it keeps its sockets and does nothing. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGTERM, and waits for the end; SIGKILL after `timeoutMs`. */
  stop(timeoutMs?: number): Promise<Exit>;
}

const alive = new Set<ChildProcess>();
let guarded = false;

function guard(): void {
  if (guarded) return;
  guarded = true;
  process.once('exit', () => {
    for (const child of alive) child.kill('SIGKILL');
  });
}

/** Starts `node ENTRY` with the Node that runs the test. It is not ready yet: see `waitUntilReady`. */
export function startService(options: ServiceProcessOptions): ServiceProcess {
  guard();
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), path.resolve(REPOSITORY_ROOT, options.entry), ...(options.args ?? [])], {
    cwd: REPOSITORY_ROOT,
    env: { ...inherited(), ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  alive.add(child);
  const log = arrivalLog<PrintedLine>();
  for (const stream of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[stream] }).on('line', (text) => log.add({ text, stream, record: parseRecord(text) }));
  }
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      alive.delete(child);
      resolve({ code, signal });
    });
    child.once('error', (error) => {
      alive.delete(child);
      log.add({ text: String(error), stream: 'stderr', record: undefined });
      resolve({ code: 127, signal: null });
    });
  });
  const running = (): boolean => child.exitCode === null && child.signalCode === null && child.pid !== undefined;

  const end = (signal: NodeJS.Signals): void => {
    if (!running()) return;
    child.kill('SIGCONT');
    child.kill(signal);
  };

  return {
    name: options.name,
    pid: child.pid ?? -1,
    lines: log.entries,
    exited,
    running,
    waitForLine(matches, timeoutMs = PROCESS_TIMEOUT_MS) {
      const ended = new AbortController();
      void exited.then((exit) => {
        ended.abort(new Error(`${options.name} ended (${exit.signal ?? exit.code}) before the line came\n${lastLines(log.entries)}`));
      });
      return log.waitFor(matches, timeoutMs, ended.signal);
    },
    kill() {
      if (running()) child.kill('SIGKILL');
      return exited;
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async stop(timeoutMs = PROCESS_TIMEOUT_MS) {
      end('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
  };
}

/** Waits until `GET URL` answers 200, such as a service's `/readyz`; fails at once when the process ends. */
export async function waitUntilReady(service: ServiceProcess, url: string, timeoutMs = PROCESS_TIMEOUT_MS): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last = 'no answer yet';
  while (service.running()) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
      const body = await response.text();
      if (response.ok) return;
      last = `${response.status} ${body}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > deadline) {
      throw new Error(`${service.name} was not ready within ${timeoutMs} ms: ${last}\n${lastLines(service.lines)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${service.name} ended before it was ready\n${lastLines(service.lines)}`);
}

function inherited(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

function parseRecord(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function lastLines(lines: readonly PrintedLine[]): string {
  return lines.slice(-LINES_SHOWN).map((line) => `  ${line.text}`).join('\n');
}
