/**
 * Commands under which a server is started: they become the server, so that its process is still the one that is
 * signalled.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PROBE_TIMEOUT_MS = 5_000;

/** What to start: the binary itself, or the launcher with the binary behind it. */
export function launched(launcher: readonly string[] | undefined, file: string, args: readonly string[]): { readonly file: string; readonly args: readonly string[] } {
  const [first, ...rest] = launcher ?? [];
  return first === undefined ? { file, args } : { file: first, args: [...rest, file, ...args] };
}

/**
 * A launcher under which every fsync and fdatasync of the server takes `delayMs` longer, as on a slow disk; strace
 * makes them wait after the kernel has done them.
 *
 * @returns undefined where there is no strace, or it may not trace (a Debian package; Linux alone has it).
 */
export async function slowFsyncLauncher(delayMs: number): Promise<readonly string[] | undefined> {
  // -D: the tracer stands aside and the server is the process that was started; with seccomp it stops at no other call.
  const launcher = ['strace', '-D', '-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', `inject=fsync,fdatasync:delay_exit=${Math.round(delayMs * 1_000)}`];
  try {
    await run('strace', [...launcher.slice(1), 'true'], { timeout: PROBE_TIMEOUT_MS });
    return launcher;
  } catch {
    return undefined;
  }
}
