/** The `millrace` command as a user calls it: `bin/millrace.js` in a process of its own. */
import { spawn } from 'node:child_process';
import path from 'node:path';

const COMMAND = path.resolve(import.meta.dirname, '../../bin/millrace.js');

export interface CommandEnd {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
  /** The output as the one JSON document that it is. */
  json(): Record<string, unknown>;
}

export interface CommandOptions {
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export function millrace(words: readonly string[], { directory, environment = {}, input }: CommandOptions): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND, ...words], { cwd: directory, env: { ...process.env, NODE_OPTIONS: '', ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
    child.stdin.end(input ?? '');
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output, errors, json: () => JSON.parse(output) as Record<string, unknown> }));
  });
}
