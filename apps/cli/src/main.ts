/** The `millrace` command: the process around the command line. */
import { createInterface } from 'node:readline/promises';
import { runCommandLine } from './command-line.ts';
import type { Terminal } from './terminal.ts';

const COLUMNS_DEFAULT = 140;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // The second one ends it at once.
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort();
  });
}
// A reader that has gone, `head` say, ends the command in silence.
process.stdout.on('error', () => process.exit(0));
// A supervisor outlives the process that started it.
process.on('disconnect', () => undefined);

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question, { signal: interrupted.signal });
  } finally {
    lines.close();
  }
}

const terminal: Terminal = {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  readInput,
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
  environment: process.env,
  directory: process.cwd(),
  columns: process.stdout.columns ?? COLUMNS_DEFAULT,
  node: process.execPath,
  nodeVersion: process.versions.node,
  pid: process.pid,
  interrupted: interrupted.signal,
  ...(process.send === undefined ? {} : { tellParent: (message) => void (process.connected && process.send?.(message)) }),
};

process.exitCode = await runCommandLine(process.argv.slice(2), terminal);
// Nothing may hold up the end; what was written goes out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit()));
