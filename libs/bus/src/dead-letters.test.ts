import { startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { connectBus, type Bus } from './connection.ts';
import { createDeadLetters, DEAD_LETTER_TEXT_BYTES_MAX, type DeadLetters, type UnreadableMessage } from './dead-letters.ts';
import { ensureStream } from './stream.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bus: Bus;
let letters: DeadLetters;

beforeAll(async () => {
  folder = await temporaryFolder('dead-letters');
  nats = await startNats({ dataDir: folder.path });
  bus = await connectBus({ url: nats.url, name: 'test', logger: createLogger({ service: 'bus', instance: 'test', level: 'silent' }) });
  await ensureStream(bus, { name: 'SOURCE', subjects: ['source.*'] });
  letters = createDeadLetters(bus);
}, 60_000);

afterAll(async () => {
  await bus.close();
  await nats.stop();
  await folder.remove();
});

const unreadable = (sequence: number, text: string, reason = 'no JSON'): UnreadableMessage => ({ stream: 'SOURCE', sequence, subject: 'source.acme', data: Buffer.from(text), reason });

test('where no letter was ever kept there are none', async () => {
  expect(await letters.count()).toBe(0);
});

test('what is kept is there page by page, the oldest first, for its own organisation alone, and once', async () => {
  for (let sequence = 1; sequence <= 5; sequence++) await letters.keep('acme', unreadable(sequence, `text ${sequence}`));
  await letters.keep('acme', unreadable(5, 'text 5'));
  await letters.keep('other', unreadable(6, 'theirs'));
  await letters.keep(undefined, unreadable(7, 'nobody’s', 'not réadable\nat all'));
  const first = await letters.list('acme', '', 3);
  const rest = await letters.list('acme', first.cursor, 3);
  expect([...first.letters, ...rest.letters].map(({ text }) => text)).toEqual([1, 2, 3, 4, 5].map((sequence) => `text ${sequence}`));
  expect(rest.cursor).toBe('');
  expect(first.letters[0]).toMatchObject({ stream: 'SOURCE', subject: 'source.acme', reason: 'no JSON' });
  expect(await letters.count()).toBe(7);
  const own = await letters.list(undefined, '', 10);
  expect(own.letters).toMatchObject([{ text: 'nobody’s', reason: 'not r adable at all' }]);
  const [ofAcme, ofNobody] = [first.letters[0]?.id ?? '', own.letters[0]?.id ?? ''];
  for (const each of [() => letters.get('other', ofAcme), () => letters.remove('acme', ofNobody), () => letters.get('acme', '99'), () => letters.get('acme', 'x')]) await expect(each()).rejects.toMatchObject({ reason: 'resource-unknown' });
});

test('one is sent where it came from, with another text if wanted, and is gone then; one that is refused stays', async () => {
  const [same, edited, third] = (await letters.list('acme', '', 10)).letters as readonly [{ id: string }, { id: string }, { id: string }, ...unknown[]];
  await letters.requeue('acme', same.id);
  await letters.requeue('acme', edited.id, 'better');
  await letters.keep('acme', { ...unreadable(8, ''), data: Buffer.from([0xff, 0x00]) });
  const bytes = (await letters.list('acme', '', 10)).letters.at(-1) as { id: string };
  await letters.requeue('acme', bytes.id);
  expect([...((await bus.manager.streams.getMessage('SOURCE', { seq: 3 }))?.data ?? [])]).toEqual([0xff, 0x00]);
  const texts = await Promise.all([1, 2].map(async (seq) => Buffer.from((await bus.manager.streams.getMessage('SOURCE', { seq }))?.data ?? []).toString()));
  expect(texts).toEqual(['text 1', 'better']);
  await expect(letters.requeue('acme', same.id)).rejects.toMatchObject({ reason: 'resource-unknown' });
  await expect(letters.requeue('acme', third.id, 'x'.repeat(DEAD_LETTER_TEXT_BYTES_MAX + 1))).rejects.toMatchObject({ reason: 'payload-too-large' });
  await letters.remove('acme', third.id);
  expect((await letters.list('acme', '', 10)).letters.map(({ text }) => text)).toEqual(['text 4', 'text 5']);
});

test('a page is bounded by the text that it has', async () => {
  for (let sequence = 20; sequence < 23; sequence++) await letters.keep('large', unreadable(sequence, 'x'.repeat(700_000)));
  const first = await letters.list('large', '', 10);
  expect(first.letters).toHaveLength(1);
  expect((await letters.list('large', first.cursor, 10)).letters).toHaveLength(1);
});

test('one whose stream is gone stays', async () => {
  await letters.keep('acme', { ...unreadable(1, 'lost'), stream: 'GONE', subject: 'gone.acme' });
  const last = (await letters.list('acme', '', 10)).letters.at(-1) as { id: string };
  await expect(letters.requeue('acme', last.id)).rejects.toMatchObject({ reason: 'bus-failed' });
  expect(await letters.get('acme', last.id)).toMatchObject({ text: 'lost' });
});
