/**
 * One command as a process of this machine, within limits of time and output.
 *
 * The process gets the environment that the workflow states and nothing of this service's; it and whatever it has
 * started are ended together when its time is over.
 */
import { spawn } from 'node:child_process';
// eslint-disable-next-line no-restricted-imports -- a signal to a group of processes is sent by nothing else; no setting is read here
import { kill } from 'node:process';

export interface ShellJob {
  /** The program, looked for in the folders of PATH, and its arguments. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly folder: string;
  readonly outputCharactersMax: number;
}

export type ShellAnswer =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'stopped'; readonly reason: 'aborted' | 'output' }
  | { readonly kind: 'unstarted'; readonly detail: string };

/** What a shell needs to find programs; a workflow may state another. */
const PATH = '/usr/local/bin:/usr/bin:/bin';

export function runShell(job: ShellJob, signal: AbortSignal): Promise<ShellAnswer> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve({ kind: 'stopped', reason: 'aborted' });
      return;
    }
    // A process group of its own, so that what it starts ends with it.
    const [program = 'false', ...given] = job.argv;
    const child = spawn(program, given, { cwd: job.folder, env: { PATH, ...job.environment }, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    const written = { stdout: '', stderr: '' };
    let stopped: 'aborted' | 'output' | undefined;
    const stop = (reason: 'aborted' | 'output'): void => {
      stopped ??= reason;
      if (child.pid === undefined) return;
      try {
        kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself meanwhile.
      }
    };
    const abort = (): void => stop('aborted');
    signal.addEventListener('abort', abort, { once: true });
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        written[name] += text;
        if (written.stdout.length + written.stderr.length > job.outputCharactersMax) stop('output');
      });
    }
    // A command that does not read its input closes it early.
    child.stdin.on('error', () => undefined).end(job.stdin);
    child.on('error', (error) => resolve({ kind: 'unstarted', detail: error.message }));
    child.on('close', (code, ended) => {
      signal.removeEventListener('abort', abort);
      resolve(stopped === undefined ? { kind: 'exited', code: code ?? (ended === null ? 1 : 128), ...written } : { kind: 'stopped', reason: stopped });
    });
  });
}
