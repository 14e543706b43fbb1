import { tmpdir } from 'node:os';
import { command } from './command.ts';

const shell = (script: string, timeoutMs = 10_000) => command('/bin/sh', ['-c', script], { cwd: tmpdir(), timeoutMs });

describe('running a program', () => {
  test('keeps both streams and the exit status', async () => {
    expect(await shell('echo out; echo err >&2; exit 3')).toEqual({ status: 3, output: 'out\nerr\n' });
  });

  test('kills it with its children when the time is up', async () => {
    const start = performance.now();
    const { status, output } = await shell('sleep 60 & echo started; wait', 300);
    expect({ status, output }).toEqual({ status: 1, output: 'started\n\nkilled after 0.3 s' });
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test('a program that is not there is a failure, not an exception', async () => {
    expect(await command('/nowhere/at-all', [], { cwd: tmpdir(), timeoutMs: 1_000 })).toEqual({ status: 127, output: expect.stringContaining('ENOENT') });
  });
});
