/**
 * One service process: started, watched for readiness, started again when it dies.
 *
 * - Its ports stay the same over a restart, and so does its instance name.
 * - It has a process group of its own, so that Ctrl-C in a terminal reaches whoever stops it in order, and it ends
 *   when this process does.
 * - A process that dies soon after its start is started again later and later, up to RESTART_MS.most.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors';
import { endWithThisProcess } from '@millrace/servers';

/** Between the death of a process and the next start, in milliseconds. */
const RESTART_MS = { first: 100, most: 10_000 } as const;
/** A process that lived so long begins with the first backoff again, in milliseconds. */
const STEADY_MS = 10_000;
/** How long a process may take to end by itself, in milliseconds. */
const STOP_MS = 15_000;
const POLL_MS = 50;
const PROBE_TIMEOUT_MS = 1_000;

export interface SupervisedOptions {
  readonly service: string;
  readonly instance: string;
  readonly program: string;
  readonly nodeArgs?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly restart: boolean;
  /** The process takes connections that this one has accepted for it. */
  readonly handed?: boolean;
  /** Told of starts and deaths, for people. */
  readonly report?: (line: string) => void;
  /** Called when a new process stands for the one that died. */
  readonly onRestart?: () => void;
}

/** What is spoken over a connection that is handed to a process. */
export type Protocol = 'http' | 'grpc';

export interface Supervised {
  readonly service: string;
  readonly instance: string;
  readonly addresses: { readonly grpc: string; readonly http: string };
  readonly pid: number | undefined;
  readonly restarts: number;
  /** Ready, as far as is known, and not told to end: connections may be handed to it. */
  readonly takes: boolean;
  /** Hands a connection over; false when the process cannot take it. */
  hand(protocol: Protocol, connection: Socket): boolean;
  /** Gives it no more connections: it will be stopped soon. */
  retire(): void;
  isReady(): Promise<boolean>;
  /** Resolves when ready; rejects after `timeoutMs`, or when the process ended and is not started again. */
  ready(timeoutMs: number): Promise<void>;
  /** SIGKILL; a supervised process comes back. */
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Ends it for good: SIGTERM, then SIGKILL. */
  stop(): Promise<void>;
  /** Starts it when it does not run. */
  start(): void;
}

/** Those that run; they go with this process when it ends by itself. */
const children = new Set<ChildProcess>();
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

export function startSupervised(options: SupervisedOptions): Supervised {
  const { service, instance, report } = options;
  let child: ChildProcess | undefined;
  let restarts = 0;
  let wanted = true;
  let backoffMs: number = RESTART_MS.first;
  let exited: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let takes = false;
  let retired = false;

  function start(): void {
    if (child !== undefined) return;
    wanted = true;
    clearTimeout(timer);
    const output = openSync(options.logFile, 'a');
    const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...(options.nodeArgs ?? []), options.program], {
      env: { ...inherited(), ...options.environment, MILLRACE_INSTANCE: instance, MILLRACE_GRPC_PORT: String(options.grpcPort), MILLRACE_HTTP_PORT: String(options.httpPort) },
      stdio: options.handed === true ? ['ignore', output, output, 'ipc'] : ['ignore', output, output],
      detached: true,
    });
    closeSync(output);
    const since = performance.now();
    child = started;
    children.add(started);
    if (options.handed === true) void untilTakes(started);
    exited = new Promise((settle) => {
      started.once('exit', (code, signal) => {
        child = undefined;
        takes = false;
        children.delete(started);
        settle();
        if (!wanted) return;
        report?.(`${instance} ended (${signal ?? `status ${code}`})${options.restart ? `, starting again in ${backoffMs} ms` : ''}`);
        if (!options.restart) return;
        if (performance.now() - since > STEADY_MS) backoffMs = RESTART_MS.first;
        timer = setTimeout(() => {
          restarts++;
          start();
          options.onRestart?.();
        }, backoffMs);
        backoffMs = Math.min(backoffMs * 2, RESTART_MS.most);
      });
    });
    if (started.pid !== undefined) endWithThisProcess(started.pid, exited);
  }

  async function untilTakes(started: ChildProcess): Promise<void> {
    while (child === started && !retired) {
      if (await isReady()) {
        takes = child === started && !retired;
        return;
      }
      await delay(POLL_MS);
    }
  }

  async function isReady(): Promise<boolean> {
    try {
      const answer = await fetch(`http://127.0.0.1:${options.httpPort}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  }

  start();
  return {
    service,
    instance,
    addresses: { grpc: `127.0.0.1:${options.grpcPort}`, http: `http://127.0.0.1:${options.httpPort}` },
    get pid() {
      return child?.pid;
    },
    get restarts() {
      return restarts;
    },
    get takes() {
      return takes;
    },
    hand(protocol, connection) {
      if (child === undefined || !child.connected || !takes) return false;
      child.send({ take: protocol }, connection, (error) => {
        if (error !== null) connection.destroy();
      });
      return true;
    },
    retire() {
      retired = true;
      takes = false;
    },
    isReady,
    async ready(timeoutMs) {
      for (const until = performance.now() + timeoutMs; performance.now() < until; await delay(POLL_MS)) {
        if (await isReady()) return;
        if (child === undefined && !options.restart) throw new MillraceError('service-unavailable', { message: `${instance} ended before it was ready; its log is ${options.logFile}` });
      }
      throw new MillraceError('deadline-exceeded', { message: `${instance} was not ready within ${timeoutMs} ms; its log is ${options.logFile}` });
    },
    async kill() {
      child?.kill('SIGKILL');
      await exited;
    },
    signal(name) {
      child?.kill(name);
    },
    async stop() {
      wanted = false;
      takes = false;
      clearTimeout(timer);
      const running = child;
      if (running === undefined) return;
      running.kill('SIGCONT');
      running.kill('SIGTERM');
      const late = setTimeout(() => running.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(late);
    },
    start,
  };
}

/** Meant for this process alone, or for the command line. */
const OWN_VARIABLES: ReadonlySet<string> = new Set(['NODE_OPTIONS', 'MILLRACE_KEY', 'MILLRACE_GATEWAY', 'MILLRACE_INSTANCE', 'MILLRACE_CACHE']);

/** The environment that a service gets besides its own settings. */
function inherited(): Record<string, string> {
  const names = Object.keys(process.env).filter((name) => /^(PATH|HOME|TMPDIR|LANG|TZ|NODE_|OTEL_|MILLRACE_)/.test(name) && !OWN_VARIABLES.has(name));
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? '']));
}
