/** Starts clients that offer executions at a rate, and asks them what became of them. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Endings } from './endings.ts';
import type { OfferedFigures, OfferedPlan } from './offered-client.ts';

export interface Offering {
  /** Figures since the mark before. */
  mark(): Promise<OfferedFigures>;
  stop(): Promise<void>;
}

export async function startOffering(plan: OfferedPlan, endings: Endings): Promise<Offering> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('offered-client.ts', import.meta.url)), JSON.stringify(plan)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const forget = endings.add(() => void child.kill('SIGKILL'));
  child.stdin.on('error', () => undefined);
  const exited = new Promise<number | null>((settle) => child.once('exit', settle).once('error', () => settle(null)));
  const lines: unknown[] = [];
  let arrived: () => void = () => undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line));
    arrived();
  });
  const next = async (): Promise<unknown> => {
    while (lines.length === 0) {
      const status = await Promise.race([new Promise<undefined>((settle) => { arrived = () => settle(undefined); }), exited]);
      if (lines.length === 0 && status !== undefined) throw new Error(`a client ended with status ${status}`);
    }
    return lines.shift();
  };
  await next();
  return {
    async mark() {
      child.stdin.write('mark\n');
      return (await next()) as OfferedFigures;
    },
    async stop() {
      child.stdin.write('end\n');
      await exited;
      await forget();
    },
  };
}
