/** Resident memory of processes while something happens to them, from /proc; nothing is known where there is no /proc. */
import { readFileSync } from 'node:fs';

/** How often it is read, in milliseconds. */
const SAMPLE_MS = 50;

export interface Watched {
  readonly name: string;
  readonly pid: number;
}

export interface MemoryWatch {
  /** From here on `growth` counts. */
  begin(): void;
  /** The most that each process has grown by since `begin`, in MiB. */
  growth(): ReadonlyMap<string, number>;
  /** The same since the watch began. */
  sinceStart(): ReadonlyMap<string, number>;
  stop(): void;
}

export function watchMemory(processes: readonly Watched[]): MemoryWatch {
  const read = (): ReadonlyMap<string, number> => new Map(processes.map(({ name, pid }) => [name, residentMiB(pid)]));
  const first = read();
  let before = first;
  let highest = new Map<string, number>();
  const ever = new Map<string, number>();
  const sample = (): void => {
    for (const [name, mib] of read()) {
      if (Number.isNaN(mib)) continue;
      highest.set(name, Math.max(highest.get(name) ?? 0, mib - (before.get(name) ?? NaN)));
      ever.set(name, Math.max(ever.get(name) ?? 0, mib - (first.get(name) ?? NaN)));
    }
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    begin() {
      before = read();
      highest = new Map();
    },
    growth() {
      sample();
      return highest;
    },
    sinceStart: () => ever,
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
