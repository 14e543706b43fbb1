/** `npm start -- --once`, as a user calls it. */
import { spawn } from 'node:child_process';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const LIMIT_MS = 5 * 60_000;

test('all deliveries and mails arrive exactly once, and the run ends with status 0', async () => {
  const child = spawn(process.execPath, [path.join(ROOT, 'tools/setup/start.mjs'), '--once'], { cwd: ROOT, env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const status = await new Promise((settle) => child.once('close', settle));
  expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('Every delivery ended in exactly one completed execution, every mail arrived once') });
  expect(output).toMatch(/^all +329 /m);
}, LIMIT_MS);
