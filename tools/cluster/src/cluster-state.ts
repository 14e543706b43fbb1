/**
 * What runs on a data folder, kept in `state.json` there, so that another process can look at it, stop it, and
 * clean up after a supervisor that was killed.
 *
 * Invariants
 * 1. Only a process whose identity is the recorded one is ever signalled.
 * 2. The file is replaced as a whole: a reader sees one state, never half of one.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identityOf } from './process-identity.ts';

/** How long a left-over process may take to end by itself, in milliseconds; it has lost its servers and can do little. */
const LEFTOVER_STOP_MS = 5_000;
/** Between looks at whether a process has ended, in milliseconds. */
const POLL_MS = 50;

/** A process, and what tells it from a later one of the same number. */
export interface ProcessRecord {
  readonly pid: number;
  readonly identity: string;
}

/** A process of the cluster. */
export interface MemberRecord extends ProcessRecord {
  readonly name: string;
  readonly instance: string;
  readonly addresses: Readonly<Record<string, string>>;
}

export interface ClusterAddresses {
  readonly gatewayHttp: string;
  readonly gatewayGrpc: string;
  readonly triggerHttp: string;
}

export interface ClusterState {
  readonly supervisor: ProcessRecord;
  readonly startedAt: string;
  /** Every process was ready once. */
  readonly ready: boolean;
  readonly addresses: ClusterAddresses;
  readonly processes: readonly MemberRecord[];
}

export function stateFile(dataDir: string): string {
  return path.join(dataDir, 'state.json');
}

/** The state that stands in a data folder; undefined when nothing was started on it, or it was stopped. */
export function readClusterState(dataDir: string): ClusterState | undefined {
  try {
    return JSON.parse(readFileSync(stateFile(dataDir), 'utf8')) as ClusterState;
  } catch {
    return undefined;
  }
}

export function writeClusterState(dataDir: string, state: ClusterState): void {
  const file = stateFile(dataDir);
  const next = `${file}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(state, undefined, 2)}\n`);
  renameSync(next, file);
}

export function removeClusterState(dataDir: string): void {
  rmSync(stateFile(dataDir), { force: true });
}

/** Whether the recorded process, and no other, runs. */
export function isRunning({ pid, identity }: ProcessRecord): boolean {
  return identityOf(pid) === identity;
}

/** The record of a process that runs now; undefined when it has ended already. */
export function recordOf(pid: number): ProcessRecord | undefined {
  const identity = identityOf(pid);
  return identity === undefined ? undefined : { pid, identity };
}

/** Sends a signal; false when the process had ended. */
export function signalProcess(record: ProcessRecord, signal: NodeJS.Signals): boolean {
  if (!isRunning(record)) return false;
  try {
    return process.kill(record.pid, signal);
  } catch {
    return false;
  }
}

/** Waits until the process has ended; false after `timeoutMs`. */
export async function untilEnded(record: ProcessRecord, timeoutMs: number): Promise<boolean> {
  for (const until = performance.now() + timeoutMs; performance.now() < until; await delay(POLL_MS)) {
    if (!isRunning(record)) return true;
  }
  return !isRunning(record);
}

/** Ends what a supervisor that is gone has left: SIGTERM, then SIGKILL. Returns those that it ended. */
export async function endLeftovers(state: ClusterState): Promise<readonly MemberRecord[]> {
  const left = state.processes.filter(isRunning);
  await Promise.all(
    left.map(async (member) => {
      signalProcess(member, 'SIGCONT');
      signalProcess(member, 'SIGTERM');
      if (await untilEnded(member, LEFTOVER_STOP_MS)) return;
      signalProcess(member, 'SIGKILL');
      await untilEnded(member, LEFTOVER_STOP_MS);
    }),
  );
  return left;
}
