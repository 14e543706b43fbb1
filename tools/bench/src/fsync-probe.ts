/**
 * A process of its own that measures what an acknowledged write costs in a folder: 8 KiB and fdatasync, many times.
 *
 * Arguments: the folder, how often. Prints one JSON document with the median and the 99th percentile in
 * milliseconds. Its own process, so that a delay put on the servers' fsync can be put on it too and be seen.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { quantile, round } from './statistics.ts';

const BLOCK_BYTES = 8 * 1024;

const [folder = '.', count = '200'] = process.argv.slice(2);
const inside = mkdtempSync(path.join(folder, 'fsync-'));
try {
  const file = openSync(path.join(inside, 'probe'), 'w');
  const block = Buffer.alloc(BLOCK_BYTES, 7);
  const times: number[] = [];
  for (let index = 0; index < Number(count); index++) {
    writeSync(file, block);
    const since = performance.now();
    fdatasyncSync(file);
    times.push(performance.now() - since);
  }
  closeSync(file);
  times.sort((a, b) => a - b);
  process.stdout.write(`${JSON.stringify({ p50: round(quantile(times, 0.5), 3), p99: round(quantile(times, 0.99), 3) })}\n`);
} finally {
  rmSync(inside, { recursive: true, force: true });
}
