/** Starts the client process and gathers its rounds. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ClientPlan, ClientRound } from './client.ts';

export interface ClientRun {
  readonly rounds: readonly ClientRound[];
  /** Executions whose end was not seen. */
  readonly left: number;
}

/** `onRound` hears of the beginning of the first round and of the end of each. */
export function runClient(plan: ClientPlan, onRound: (event: 'begin' | 'round', pid: number) => void): Promise<ClientRun> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('client.ts', import.meta.url)), JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const rounds: ClientRound[] = [];
  let left = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as { readonly kind: 'begin' | 'round' | 'end'; readonly left?: number } & ClientRound;
    if (message.kind === 'round') {
      rounds.push(message);
      process.stderr.write(`  round ${rounds.length}: ${Math.round(message.executions / message.seconds)} executions/s, p50 ${message.p50Ms.toFixed(1)} ms, p99 ${message.p99Ms.toFixed(1)} ms${message.failed > 0 ? `, ${message.failed} FAILED (${message.firstFailure})` : ''}\n`);
    }
    if (message.kind === 'end') left = message.left ?? 0;
    else onRound(message.kind, child.pid ?? 0);
  });
  return new Promise((settle, fail) => {
    child.once('error', fail);
    child.once('exit', (code) => (code === 0 ? settle({ rounds, left }) : fail(new Error(`the client ended with status ${code}`))));
  });
}
