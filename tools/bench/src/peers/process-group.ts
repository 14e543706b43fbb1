/** Processor time and memory of processes with all their descendants, from /proc (Linux). */
import { readFileSync, readdirSync } from 'node:fs';
import { usageOf } from '../process-usage.ts';

export interface GroupUsage {
  readonly cpuSeconds: number;
  /** Memory that is shared counts once (Pss); resident memory where that cannot be read. */
  readonly memoryMiB: number;
}

export function groupUsage(roots: readonly number[]): GroupUsage {
  let cpuSeconds = 0;
  let memoryMiB = 0;
  for (const pid of withDescendants(roots)) {
    const usage = usageOf(pid);
    if (usage === undefined) continue;
    cpuSeconds += usage.cpuSeconds;
    memoryMiB += proportionalMiB(pid) ?? usage.residentMiB;
  }
  return { cpuSeconds, memoryMiB };
}

function withDescendants(roots: readonly number[]): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      // It has ended meanwhile.
    }
  }
  const found = [...roots];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function proportionalMiB(pid: number): number | undefined {
  try {
    const kib = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}
