/** Dead letters by the command line, against a cluster of its own. */
import { connectBus, eventSubject, type Bus } from '@millrace/bus';
import { readClusterState } from '@millrace/cluster';
import { createLogger } from '@millrace/telemetry';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { millrace, type CommandEnd } from './testing/command-process.ts';

const START_MS = 120_000;

interface Letters {
  readonly letters: readonly { readonly letter: string; readonly subject: string; readonly reason: string; readonly text: string }[];
}

let folder: TemporaryFolder;
let bus: Bus;
let http: string;
const run = (...words: readonly string[]): Promise<CommandEnd> => millrace(words, { directory: folder.path });
const json = async <T = Record<string, unknown>>(...words: readonly string[]): Promise<T> => {
  const end = await run(...words, '--output', 'json');
  if (end.status !== 0) throw new Error(`millrace ${words.join(' ')} ended with status ${end.status}: ${end.errors}`);
  return end.json() as T;
};
const letters = async (...words: readonly string[]): Promise<Letters['letters']> => (await json<Letters>('dead-letters', 'list', ...words)).letters;
const broken = (type: string): Promise<unknown> => bus.jetstream.publish(eventSubject('default', type), '{"specversion":');
const event = (id: string, type: string): string => JSON.stringify({ specversion: '1.0', id, source: 'urn:test', type, data: { id } });
const countOf = async (): Promise<number> => Number(/^millrace_gateway_dead_letters_count\{[^}]*\} (\d+)$/m.exec(await (await fetch(`${http}/metrics`)).text())?.[1]);

beforeAll(async () => {
  folder = await temporaryFolder('letters');
  await writeFile(path.join(folder.path, 'taken.yaml'), "document:\n  dsl: '1.0.3'\n  namespace: test\n  name: taken\n  version: 1.0.0\ndo:\n  - keep: { set: { id: '${ .data.id }' } }\n");
  await writeFile(path.join(folder.path, 'wants.yaml'), ['broken', 'other'].map((name) => `millrace: v1\nkind: subscription\nname: ${name}\nspec: { type: '${name}.*', workflow: taken }\n`).join('---\n'));
  const up = await json<{ readonly gateway: { readonly http: string } }>('up', '--detach', '--port-base', '0');
  http = up.gateway.http;
  await json('apply', 'taken.yaml', 'wants.yaml');
  const nats = readClusterState(path.join(folder.path, '.millrace'))?.processes.find((each) => each.name === 'nats-server')?.addresses['nats'];
  bus = await connectBus({ url: nats ?? '', name: 'dead-letters-test', logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }) });
}, START_MS);

afterAll(async () => {
  await bus.close();
  await run('down');
  await folder.remove();
}, START_MS);

test('a message that cannot be read is listed and shown, corrected and sent again, and starts its workflow', async () => {
  await broken('broken.one');
  const [letter] = await eventually(async () => {
    const found = await letters();
    return found.length === 1 ? found : undefined;
  });
  const id = letter?.letter ?? '';
  expect((await run('dead-letters')).output).toContain(id);
  expect((await run('dead-letters', 'show', id)).output).toContain('{"specversion":');
  await eventually(async () => (await countOf()) === 1, { timeoutMs: 30_000 });
  // As it is it comes back, as another letter.
  await json('dead-letters', 'requeue', id);
  const [again] = await eventually(async () => {
    const found = await letters();
    return found.length === 1 && found[0]?.letter !== id ? found : undefined;
  });
  await writeFile(path.join(folder.path, 'corrected.json'), event('c1', 'broken.one'));
  expect((await run('dead-letters', 'requeue', again?.letter ?? '', '--text-file', 'corrected.json')).output).toContain(`sent ${again?.letter ?? ''} to `);
  await eventually(async () => ((await json<{ readonly executions: readonly unknown[] }>('list', '--where', 'workflow = taken and status = completed')).executions.length === 1));
  expect(await letters()).toEqual([]);
  expect((await run('dead-letters', 'show', id)).errors).toContain(`There is no dead letter ${id}`);
}, 90_000);

test('all that a subject or a reason means are sent again or removed, and the others stay', async () => {
  for (const type of ['broken.one', 'broken.two', 'other.one']) await broken(type);
  await eventually(async () => (await letters()).length === 3);
  expect(await letters('--subject', 'events.default.broken.*')).toHaveLength(2);
  expect(await letters('--because', 'no such reason')).toEqual([]);
  expect(await json('dead-letters', 'remove', '--all', '--subject', 'events.default.broken.one')).toMatchObject({ letters: [expect.any(String)], failures: [] });
  expect((await letters()).map(({ subject }) => subject)).toEqual(['events.default.broken.two', 'events.default.other.one']);
  const before = (await letters()).map(({ letter }) => letter);
  // Those that come back are new letters, so this ends.
  expect(await json('dead-letters', 'requeue', '--all')).toEqual({ letters: before, failures: [] });
  await eventually(async () => {
    const found = (await letters()).map(({ letter }) => letter);
    return found.length === 2 && !found.some((each) => before.includes(each));
  });
  expect((await run('dead-letters', 'remove', '--all')).output).toBe('removed 2\n');
  expect(await letters()).toEqual([]);
  expect((await run('dead-letters', 'show', '1', '--all')).errors).toContain('--all goes with requeue and remove');
}, 90_000);
