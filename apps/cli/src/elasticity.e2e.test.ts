/** More and other processes while work goes on: what the command line changes of a cluster that serves. */
import { readFile, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { readClusterState } from '@millrace/cluster';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import type { ProcessDocument } from './status.ts';
import { millrace } from './testing/command-process.ts';

const START_MS = 300_000;
const SERVICES = ['throttle', 'orchestrator', 'connector', 'notification', 'trigger', 'gateway'];
const ECHOES = ['one', 'two', 'three'].map((name) => `  - ${name}:\n      call: millrace.echo:1.0.0@default\n      with: { n: '\${ .n + 1 }' }\n`).join('');

let folder: TemporaryFolder;
let load: Load;
const json = async (...words: readonly string[]): Promise<Record<string, unknown>> => {
  const end = await millrace([...words, '--output', 'json'], { directory: folder.path });
  if (end.status !== 0) throw new Error(`millrace ${words.join(' ')} ended with status ${end.status}: ${end.errors}`);
  return end.json();
};
const processes = async (): Promise<readonly ProcessDocument[]> => (await json('status'))['processes'] as readonly ProcessDocument[];
const orchestrators = async (): Promise<readonly ProcessDocument[]> => (await processes()).filter(({ name }) => name === 'orchestrator');

interface Load {
  /** Outputs of those that completed; whatever else became of a request, in words. */
  readonly ended: string[];
  /** Resolves once so many more have ended. */
  more(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts executions over REST and waits for each, so many at a time; a request is sent once and never again. */
function startLoad(url: string, key: string, atOnce: number): Load {
  const ended: string[] = [];
  let stopped = false;
  const loops = Array.from({ length: atOnce }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!stopped) ended.push(await postOnce(url, key, agent).catch((error: unknown) => String(error)));
    agent.destroy();
  });
  return {
    ended,
    more: (count) => {
      const from = ended.length;
      return eventually(() => ended.length >= from + count, { timeoutMs: 60_000 }).then(() => undefined);
    },
    async stop() {
      stopped = true;
      await Promise.all(loops);
    },
  };
}

function postOnce(url: string, key: string, agent: Agent): Promise<string> {
  const body = JSON.stringify({ workflow: 'echoes', input: { n: 0 } });
  return new Promise((settle, fail) => {
    const sending = request(`${url}/v1/executions?wait=60s`, { method: 'POST', agent, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.once('end', () => settle(response.statusCode === 200 ? JSON.stringify((JSON.parse(text) as { readonly output?: unknown }).output) : `${response.statusCode} ${text}`));
      response.once('error', fail);
    });
    sending.once('error', fail);
    sending.end(body);
  });
}

beforeAll(async () => {
  folder = await temporaryFolder('elastic');
  await writeFile(path.join(folder.path, 'echoes.yaml'), `document: { dsl: '1.0.3', namespace: test, name: echoes, version: 1.0.0 }\ndo:\n${ECHOES}`);
  await json('up', '--detach', '--port-base', '0');
  await json('apply', 'echoes.yaml');
  const dataDir = path.join(folder.path, '.millrace');
  load = startLoad(readClusterState(dataDir)?.addresses.gatewayHttp ?? '', (await readFile(path.join(dataDir, 'key'), 'utf8')).trim(), 8);
  await load.more(20);
}, START_MS);

afterAll(async () => {
  await load.stop();
  await millrace(['down'], { directory: folder.path });
  await folder.remove();
}, START_MS);

test('up --scale orchestrator=3 gives each of three orchestrators a lane of its own while work goes on', async () => {
  await json('up', '--scale', 'orchestrator=3');
  await eventually(async () => {
    const owned = (await orchestrators()).map(({ lanes }) => lanes);
    return owned.length === 3 && owned.every(({ length }) => length === 1) && new Set(owned.flat()).size === 3;
  }, { timeoutMs: 60_000 });
  await load.more(20);
}, START_MS);

test('scale lanes adds lanes, and says so when the slots are balanced', async () => {
  const { lanes } = (await json('scale', 'lanes', '5')) as { readonly lanes: readonly { readonly owner: string; readonly slots: number }[] };
  expect(lanes).toHaveLength(5);
  for (const { owner, slots } of lanes) {
    expect(owner).toMatch(/^orchestrator-/);
    expect(slots).toBeGreaterThanOrEqual(Math.floor(4_096 / 5));
  }
  await load.more(20);
}, START_MS);

test('restart replaces every process, and every request has been answered with what its execution came to', async () => {
  const before = await processes();
  await json('restart');
  const after = await processes();
  for (const service of SERVICES) {
    const named = (list: readonly ProcessDocument[]) => list.filter(({ name }) => name === service);
    expect(named(after)).toHaveLength(named(before).length);
    expect(named(after).every(({ instance, pid, ready }) => ready && instance.endsWith('-g2') && before.every((each) => each.pid !== pid))).toBe(true);
  }
  await load.more(20);
  await load.stop();
  expect(load.ended.filter((text) => text !== '{"n":3}')).toEqual([]);
}, START_MS);
