/** Starts the client process and gathers its rounds. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ClientPlan, ClientRound } from './client.ts';
import type { Endings } from './endings.ts';

export interface ClientRun {
  readonly rounds: readonly ClientRound[];
  /** Executions whose end was not seen. */
  readonly left: number;
}

export interface RunClientOptions {
  readonly endings: Endings;
  /** Told of the beginning of each round, with the client's process. */
  readonly onBegin?: (round: number, pid: number) => Promise<void> | void;
  /** Told of the end of each round. */
  readonly onRound?: (round: number) => void;
  /** Awaited before each round, while the load goes on; given, the client waits for it. */
  readonly before?: (round: number) => Promise<void>;
  readonly label?: string;
}

type Line = ({ readonly kind: 'round' } & ClientRound) | { readonly kind: 'begin'; readonly round: number } | { readonly kind: 'end'; readonly left: number };

/** Runs the plan to its end. */
export async function runClient(plan: Omit<ClientPlan, 'stepwise'>, { endings, onBegin, onRound, before, label = 'round' }: RunClientOptions): Promise<ClientRun> {
  const whole: ClientPlan = { ...plan, stepwise: before !== undefined };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('client.ts', import.meta.url)), JSON.stringify(whole)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const forget = endings.add(() => void child.kill('SIGKILL'));
  const rounds: ClientRound[] = [];
  let left = 0;
  const ended = new Promise<number | null>((settle, fail) => {
    child.once('error', fail);
    child.once('exit', settle);
  });
  child.stdin.on('error', () => undefined);
  let failure: unknown;
  const permit = (round: number): void => {
    if (before === undefined || round >= plan.rounds) return;
    before(round).then(
      () => void child.stdin.write('go\n'),
      (error: unknown) => {
        failure = error;
        child.kill('SIGKILL');
      },
    );
  };
  permit(0);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Line;
    switch (message.kind) {
      case 'begin':
        void onBegin?.(message.round, child.pid ?? 0);
        return;
      case 'round':
        rounds.push(message);
        onRound?.(rounds.length - 1);
        process.stderr.write(`  ${label} ${rounds.length}: ${describe(message)}\n`);
        permit(rounds.length);
        return;
      case 'end':
        left = message.left;
    }
  });
  const status = await ended;
  await forget();
  if (failure !== undefined) throw failure;
  if (status !== 0) throw new Error(`the client ended with status ${status}`);
  return { rounds, left };
}

function describe({ executions, steps, seconds, p50Ms, p99Ms, failed, firstFailure }: ClientRound): string {
  const failures = failed > 0 ? `, ${failed} FAILED (${firstFailure})` : '';
  return `${Math.round(executions / seconds)} executions/s, ${Math.round(steps / seconds)} steps/s, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms${failures}`;
}
