/**
 * Tells a process from another that got its number later.
 *
 * Owns nothing; reads /proc where there is one, else asks `ps`.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Fields of /proc/PID/stat after the command's name, from 0: the state, and the start in clock ticks since boot. */
const STATE_FIELD = 0;
const START_FIELD = 19;
/** Zombie and dead: there is a number, but nothing runs. */
const ENDED_STATES: ReadonlySet<string> = new Set(['Z', 'X', 'x']);

let boot: string | undefined;

/** Text that no other process of this machine has: when it started. Undefined when no process of that number runs. */
export function identityOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return startFromPs(pid);
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name stands in parentheses and may contain anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (ENDED_STATES.has(fields[STATE_FIELD] ?? '')) return undefined;
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${boot}/${fields[START_FIELD] ?? ''}`;
}

function startFromPs(pid: number): string | undefined {
  const { status, stdout } = spawnSync('ps', ['-o', 'lstart=,stat=', '-p', String(pid)], { encoding: 'utf8' });
  const line = status === 0 ? stdout.trim() : '';
  if (line === '') return undefined;
  const words = line.split(/\s+/);
  return words.at(-1)?.startsWith('Z') === true ? undefined : words.slice(0, -1).join(' ');
}
