/** A process of a peer: started, waited for, ended with the run. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { endWithThisProcess } from '@millrace/servers';
import type { Endings } from '../endings.ts';
import { groupUsage } from './process-group.ts';
import { STEPS_OF, type MeasurePlan, type Measurement } from './engine.ts';

/** The folder of the peers' programs. */
export const PROGRAMS = path.resolve(import.meta.dirname, '../../peers');
/** How long a peer may take until it is ready, and until it has ended by itself, in milliseconds. */
const READY_MS = 90_000;
const STOP_MS = 10_000;
const POLL_MS = 100;
/** Quoted of the log of a peer that did not start. */
const TAIL_CHARACTERS = 1_500;

export interface PeerProcess {
  readonly pid: number;
  stop(): Promise<void>;
}

export interface PeerProcessOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly endings: Endings;
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Asked again until it is true. */
  readonly ready: () => Promise<boolean> | boolean;
  /** `SIGTERM` where absent. */
  readonly stopSignal?: NodeJS.Signals;
}

/** @throws Error that quotes the end of its log when it is not ready in time. */
export async function startPeerProcess({ file, args, logFile, endings, environment = {}, cwd, ready, stopSignal = 'SIGTERM' }: PeerProcessOptions): Promise<PeerProcess> {
  const output = openSync(logFile, 'a');
  const child = spawn(file, [...args], { stdio: ['ignore', output, output], detached: true, env: { ...process.env, ...environment }, ...(cwd === undefined ? {} : { cwd }) });
  closeSync(output);
  let running = true;
  const exited = new Promise<void>((settle) => {
    for (const event of ['exit', 'error'] as const) {
      child.once(event, () => {
        running = false;
        settle();
      });
    }
  });
  if (child.pid !== undefined) endWithThisProcess(child.pid, exited);
  const stop = endings.add(async () => {
    if (!running) return;
    child.kill(stopSignal);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(late);
  });
  for (const until = performance.now() + READY_MS; performance.now() < until && running; await delay(POLL_MS)) {
    if (await Promise.resolve(ready()).catch(() => false)) return { pid: child.pid ?? 0, stop };
  }
  await stop();
  throw new Error(`${path.basename(file)} was not ready: ${readFileSync(logFile, 'utf8').slice(-TAIL_CHARACTERS).trim()}`);
}

/** Whether a log has the line that a program of ours prints when it is ready. */
export function saysReady(logFile: string): () => boolean {
  return () => /^ready$/m.test(readFileSync(logFile, 'utf8'));
}

export async function answers(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
  await answer.arrayBuffer();
  return answer.ok;
}

export interface PeerClient {
  /** Below PROGRAMS. */
  readonly program: string;
  /** Where the peer's packages are. */
  readonly folder: string;
  /** What the program gets beside the plan. */
  readonly more: Readonly<Record<string, unknown>>;
  readonly endings: Endings;
  /** Processes to measure, by name; the client is added. */
  readonly groups: Readonly<Record<string, readonly number[]>>;
}

interface Round {
  readonly executions: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
  readonly firstFailure: string;
}

/** Runs a client program of ours to its end, and measures everybody's processor time in its round. */
export async function runPeerClient(plan: MeasurePlan, { program, folder, more, endings, groups }: PeerClient): Promise<Measurement> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path.join(PROGRAMS, program), JSON.stringify({ ...plan, ...more })], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PEER_FOLDER: folder } });
  const forget = endings.add(() => void child.kill('SIGKILL'));
  const all = { ...groups, client: [child.pid ?? 0] };
  let before = usages(all);
  let processes: Measurement['processes'] = [];
  let round: Round | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    const message = JSON.parse(line) as { readonly kind?: string } & Round;
    if (message.kind === 'begin') before = usages(all);
    if (message.kind === 'round') round = message;
    if (message.kind !== 'measured') return;
    const after = usages(all);
    processes = Object.keys(all).map((name) => ({ name, cpuSeconds: (after[name]?.cpuSeconds ?? 0) - (before[name]?.cpuSeconds ?? 0), memoryMiB: after[name]?.memoryMiB ?? 0 }));
  });
  const status = await new Promise<number | null>((settle, fail) => {
    child.once('error', fail);
    child.once('exit', settle);
  });
  await forget();
  if (round === undefined) throw new Error(`the client ${program} ended with status ${status} and no figures`);
  return measurementOf(plan, round, processes);
}

export function measurementOf(plan: MeasurePlan, round: Round, processes: Measurement['processes']): Measurement {
  const executionsPerSecond = round.executions / round.seconds;
  return { executionsPerSecond, stepsPerSecond: executionsPerSecond * STEPS_OF[plan.work], p50Ms: round.p50Ms, p99Ms: round.p99Ms, failed: round.failed, firstFailure: round.firstFailure, processes };
}

function usages(groups: Readonly<Record<string, readonly number[]>>): Readonly<Record<string, ReturnType<typeof groupUsage>>> {
  return Object.fromEntries(Object.entries(groups).map(([name, pids]) => [name, groupUsage(pids)]));
}
