import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { freePorts } from '@millrace/servers';
import { isRunning, recordOf, untilEnded } from './cluster-state.ts';
import { startSupervised, type Supervised } from './supervised-process.ts';

/** Ready at once, for as long as it runs. */
const PROGRAM = `import { createServer } from 'node:http';
createServer((request, response) => response.end(process.env.MILLRACE_INSTANCE + (process.env.MILLRACE_KEY ?? ''))).listen(Number(process.env.MILLRACE_HTTP_PORT), '127.0.0.1');
`;

let folder: string;
let supervised: Supervised | undefined;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-supervised-'));
  await writeFile(path.join(folder, 'program.mjs'), PROGRAM);
});

afterEach(async () => {
  await supervised?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(restart: boolean, more: { readonly onRestart?: () => void; readonly report?: (line: string) => void } = {}): Promise<Supervised> {
  const [httpPort = 0, grpcPort = 0] = await freePorts(2);
  supervised = startSupervised({ service: 'thing', instance: 'thing-1', program: path.join(folder, 'program.mjs'), environment: {}, logFile: path.join(folder, 'thing.log'), grpcPort, httpPort, restart, ...more });
  await supervised.ready(10_000);
  return supervised;
}

test('a process that dies comes back on the same address, under the same name', async () => {
  let restarted: () => void = () => undefined;
  const again = new Promise<void>((settle) => (restarted = settle));
  const thing = await start(true, { onRestart: () => restarted() });
  const before = thing.pid;
  await thing.kill();
  await again;
  await thing.ready(10_000);
  expect(thing.pid).not.toBe(before);
  expect(thing.restarts).toBe(1);
  expect(await (await fetch(thing.addresses.http)).text()).toBe('thing-1');
});

test('without restart a death is told, and waiting for readiness names the log', async () => {
  const lines: string[] = [];
  const thing = await start(false, { report: (line) => lines.push(line) });
  await thing.kill();
  expect(lines).toEqual(['thing-1 ended (SIGKILL)']);
  await expect(thing.ready(1_000)).rejects.toThrow(/thing-1 ended before it was ready; its log is .*thing\.log/);
});

test('what is meant for the command line alone does not reach the process', async () => {
  process.env['MILLRACE_KEY'] = 'secret';
  try {
    const thing = await start(false);
    expect(await (await fetch(thing.addresses.http)).text()).toBe('thing-1');
  } finally {
    delete process.env['MILLRACE_KEY'];
  }
});

test('a process ends when its supervisor is killed', async () => {
  const [httpPort = 0, grpcPort = 0] = await freePorts(2);
  const supervisor = path.join(folder, 'supervisor.ts');
  const module = path.join(import.meta.dirname, 'supervised-process.ts');
  await writeFile(
    supervisor,
    `const { startSupervised } = await import(${JSON.stringify(module)});
const thing = startSupervised({ service: 'thing', instance: 'thing-1', program: ${JSON.stringify(path.join(folder, 'program.mjs'))}, environment: {}, logFile: ${JSON.stringify(path.join(folder, 'thing.log'))}, grpcPort: ${grpcPort}, httpPort: ${httpPort}, restart: true });
await thing.ready(10_000);
console.log(thing.pid);
`,
  );
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', supervisor], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } });
  const [printed] = (await once(child.stdout, 'data')) as [Buffer];
  const thing = recordOf(Number(String(printed)));
  if (thing === undefined) throw new Error(`no process ${String(printed)}: ${await readFile(path.join(folder, 'thing.log'), 'utf8')}`);
  expect(isRunning(thing)).toBe(true);
  child.kill('SIGKILL');
  expect(await untilEnded(thing, 10_000)).toBe(true);
}, 30_000);
