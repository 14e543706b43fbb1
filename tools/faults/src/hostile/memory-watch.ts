/** Resident memory of processes while something happens to them, from /proc; nothing is known where there is no /proc. */
import { readFileSync } from 'node:fs';

/** How often it is read, in milliseconds. */
const SAMPLE_MS = 50;

export interface Watched {
  readonly name: string;
  readonly pid: number;
}

export interface MemoryWatch {
  /** The most that each process has grown by since `begin`, in MiB; NaN where nothing is known. */
  growth(): ReadonlyMap<string, number>;
  /** The growth since `begin` that was highest since the last call of `window`. */
  window(): ReadonlyMap<string, number>;
  stop(): void;
}

export function watchMemory(processes: readonly Watched[]): MemoryWatch {
  const before = new Map(processes.map(({ name, pid }) => [name, residentMiB(pid)]));
  let highest = new Map<string, number>();
  const most = new Map<string, number>();
  const sample = (): void => {
    for (const { name, pid } of processes) {
      const grown = residentMiB(pid) - (before.get(name) ?? NaN);
      if (Number.isNaN(grown)) continue;
      highest.set(name, Math.max(highest.get(name) ?? 0, grown));
      most.set(name, Math.max(most.get(name) ?? 0, grown));
    }
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    growth: () => most,
    window() {
      sample();
      const seen = highest;
      highest = new Map();
      return seen;
    },
    stop: () => clearInterval(timer),
  };
}

function residentMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN) / 1024;
  } catch {
    return NaN;
  }
}
