/** Runs a TypeScript file on the pinned Node 24 in place of this process: same streams, signals passed on, same end. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { node24, root } from './ensure.mjs';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Environment for children: the pinned Node first on PATH, so that `#!/usr/bin/env node` finds it too. */
export function pinnedEnvironment(extra = {}) {
  const bin = path.join(root, 'node_modules/.bin');
  return { ...process.env, PATH: [path.dirname(node24), bin, process.env.PATH].join(path.delimiter), ...extra };
}

/** Starts `file` with `args` and sets this process's exit status when it ends; `extra` goes into its environment. */
export async function handOver(file, args, extra = {}) {
  const child = spawn(node24, ['--disable-warning=ExperimentalWarning', path.resolve(root, file), ...args], {
    stdio: 'inherit',
    env: pinnedEnvironment(extra),
  });
  // A terminal sends Ctrl-C to the whole foreground group: the child has it already, a second one would mean "now".
  const forward = (signal) => {
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  const [status, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (...end) => resolve(end));
  });
  for (const name of FORWARDED) process.off(name, forward);
  if (signal !== null) process.kill(process.pid, signal);
  process.exitCode = status ?? 1;
}
