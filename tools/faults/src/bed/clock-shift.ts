/**
 * Loaded into a service before its program (`node --import`): moves its wall clock on SIGUSR2 to what a file says.
 *
 * What it moves: `Date.now()`, `new Date()` and `Date()` in this process, from then on and over its restarts. What it
 * leaves: `performance.now()` and timers, as a real jump of the wall clock does, and the clocks of NATS, of MongoDB
 * and of every other process.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

/** The folder in which a file of the instance's name holds the shift in milliseconds. */
export const CLOCK_FOLDER_VARIABLE = 'MILLRACE_FAULTS_CLOCKS';

const folder = process.env[CLOCK_FOLDER_VARIABLE];
if (folder !== undefined) shiftClock(path.join(folder, process.env['MILLRACE_INSTANCE'] ?? ''));

function shiftClock(file: string): void {
  const realNow = Date.now.bind(Date);
  let shiftMs = readShift(file);
  const now = (): number => realNow() + shiftMs;
  process.on('SIGUSR2', () => {
    shiftMs = readShift(file);
    // For whoever moves it: what this process takes for the time now.
    writeFileSync(`${file}.seen`, String(new Date().getTime()));
  });
  globalThis.Date = new Proxy(Date, {
    construct: (target, args: readonly unknown[], newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    apply: () => new Date().toString(),
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  });
}

function readShift(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    return 0;
  }
}
