/** Calls the `millrace` command as a user does. */
import { spawn } from 'node:child_process';
import path from 'node:path';

/** The repository's root. */
export const ROOT = path.resolve(import.meta.dirname, '../../..');
const COMMAND = path.join(ROOT, 'apps/cli/bin/millrace.js');

export interface CommandEnd {
  readonly status: number;
  readonly output: string;
}

export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Let it print to this terminal rather than keep its output. */
  readonly show?: boolean;
}

/** Its messages on standard error are always shown. */
export function millrace(words: readonly string[], { environment = {}, show = false }: CommandOptions = {}): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    // A group of its own: Ctrl-C is for the example, which stops things in order.
    const child = spawn(process.execPath, [COMMAND, ...words], { stdio: ['ignore', show ? 'inherit' : 'pipe', 'inherit'], env: { ...process.env, ...environment }, detached: true });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

/** @throws Error when the command does not succeed; it has said why. */
export async function requireMillrace(words: readonly string[], options?: CommandOptions): Promise<string> {
  const { status, output } = await millrace(words, options);
  if (status !== 0) throw new Error(`\`millrace ${words.join(' ')}\` ended with status ${status}`);
  return output;
}
