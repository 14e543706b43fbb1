import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from '@millrace/servers';
import { startService, waitUntilReady } from './service-process.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

const PROGRAM = `
import { createServer } from 'node:http';
const server = createServer((request, response) => response.end('ready'));
server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log(JSON.stringify({ msg: 'listening', pid: process.pid })));
process.on('SIGTERM', () => { console.log('draining'); process.exit(0); });
`;

let folder: TemporaryFolder;
let entry: string;
beforeAll(async () => {
  folder = await temporaryFolder('testkit');
  entry = path.join(folder.path, 'service.mjs');
  await writeFile(entry, PROGRAM);
});
afterAll(() => folder.remove());

test('a service is awaited by a line and by its readiness, and stops orderly', async () => {
  const port = await freePort();
  const service = startService({ name: 'demo', entry, environment: { PORT: String(port) } });
  const line = await service.waitForLine(({ record }) => record?.['msg'] === 'listening');
  expect(line.record?.['pid']).toBe(service.pid);
  await waitUntilReady(service, `http://127.0.0.1:${port}/readyz`);
  expect(await service.stop()).toEqual({ code: 0, signal: null });
  expect(service.lines.at(-1)?.text).toBe('draining');
});

test('a paused service answers nothing until it is resumed, and a killed one ends by SIGKILL', async () => {
  const port = await freePort();
  const service = startService({ name: 'demo', entry, environment: { PORT: String(port) } });
  const url = `http://127.0.0.1:${port}/`;
  await waitUntilReady(service, url);
  service.pause();
  await expect(fetch(url, { signal: AbortSignal.timeout(150) })).rejects.toThrow();
  service.resume();
  await eventually(async () => (await fetch(url)).ok);
  expect(await service.kill()).toEqual({ code: null, signal: 'SIGKILL' });
  expect(service.running()).toBe(false);
});

test('a service that ends before it is ready is reported with what it printed', async () => {
  const broken = path.join(folder.path, 'broken.mjs');
  await writeFile(broken, "console.error('no configuration'); process.exit(3);");
  const service = startService({ name: 'broken', entry: broken });
  await expect(waitUntilReady(service, 'http://127.0.0.1:9/')).rejects.toThrow(/broken ended before it was ready[\s\S]*no configuration/);
  await expect(service.waitForLine(() => false)).rejects.toThrow('broken ended (3)');
});
