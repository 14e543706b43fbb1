/** Runs a program to its end and keeps what it printed. */
import { spawn } from 'node:child_process';

/** How a program ended and what it said. */
export interface Ending {
  readonly status: number;
  /** Standard output and error in the order they came, the last OUTPUT_BYTES_MAX bytes. */
  readonly output: string;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Most output that is kept of one program, in bytes. */
const OUTPUT_BYTES_MAX = 1024 * 1024;

/** Runs `file`; when the time is up, kills it with everything in its process group. Never rejects for a failing program. */
export async function command(file: string, args: readonly string[], options: CommandOptions): Promise<Ending> {
  const child = spawn(file, [...args], {
    cwd: options.cwd,
    // Plain text: what is printed is searched and quoted.
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = Buffer.alloc(0);
  const keep = (chunk: Buffer): void => {
    output = Buffer.concat([output, chunk]).subarray(-OUTPUT_BYTES_MAX);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);

  const killGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group has ended by itself.
    }
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup();
  }, options.timeoutMs);
  // The program has a group of its own, so whoever ends this process must not leave it behind.
  process.once('exit', killGroup);
  const status = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      keep(Buffer.from(`${error.message}\n`));
      resolve(127);
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
  clearTimeout(timer);
  process.off('exit', killGroup);
  const note = late ? `\nkilled after ${options.timeoutMs / 1000} s` : '';
  return { status: late ? 1 : status, output: output.toString('utf8') + note };
}
