/** What a figure was measured on. */
import { execFileSync } from 'node:child_process';
import { openSync, closeSync, fdatasyncSync, writeSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { quantile, round } from './statistics.ts';

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

/** How long a write of 8 KiB and its fdatasync take in a folder, in milliseconds. */
export function probeFsync(folder: string, count = 200): { readonly p50: number; readonly p99: number } {
  const inside = mkdtempSync(path.join(folder, 'fsync-'));
  const file = openSync(path.join(inside, 'probe'), 'w');
  const block = Buffer.alloc(8 * 1024, 7);
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    writeSync(file, block);
    const since = performance.now();
    fdatasyncSync(file);
    times.push(performance.now() - since);
  }
  closeSync(file);
  rmSync(inside, { recursive: true });
  times.sort((a, b) => a - b);
  return { p50: round(quantile(times, 0.5), 3), p99: round(quantile(times, 0.99), 3) };
}
