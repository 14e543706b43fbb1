/** What a figure was measured on. */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { round } from './statistics.ts';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly platform: string;
}

export function machine(): Machine {
  return { cores: os.cpus().length, cpu: os.cpus()[0]?.model.trim() ?? '', memoryGiB: round(os.totalmem() / 1024 ** 3), platform: `${os.platform()} ${os.release()}` };
}

export function versions(natsVersion: string, mongoVersion: string): Readonly<Record<string, string>> {
  return { node: process.version, nats: natsVersion, mongodb: mongoVersion, commit: commit() };
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

/**
 * How long a write of 8 KiB and its fdatasync take in a folder, in milliseconds.
 *
 * @param launcher goes before the probe's command, as it went before the servers'.
 */
export function probeFsync(folder: string, launcher: readonly string[]): { readonly p50: number; readonly p99: number } {
  const [file = process.execPath, ...args] = [...launcher, process.execPath, '--disable-warning=ExperimentalWarning', fileURLToPath(new URL('fsync-probe.ts', import.meta.url)), folder];
  return JSON.parse(execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: PROBE_TIMEOUT_MS })) as { readonly p50: number; readonly p99: number };
}

/** A slow disk with a second added to each of 200 writes. */
const PROBE_TIMEOUT_MS = 300_000;
