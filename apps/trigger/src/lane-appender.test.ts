import { connectBus, inputStream, type Bus } from '@millrace/bus';
import { decodeLaneInputs, type LaneInput } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { createLaneLog } from './adapters/lane-log.ts';
import { createLaneAppender } from './lane-appender.ts';
import type { LaneLog } from './ports.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bus: Bus;

beforeAll(async () => {
  folder = await temporaryFolder();
  nats = await startNats({ dataDir: folder.path });
  bus = await connectBus({ url: nats.url, name: 'lane-appender-test', logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }) });
});
afterAll(async () => {
  await bus.close();
  await nats.stop();
  await folder.remove();
});

const start = (execution: string): LaneInput => ({ kind: 'start', organisation: 'acme', execution, workflow: 'w', input: { n: 1 }, acceptedAtMs: 1, acceptedBy: 'trigger' });

async function messagesOf(lane: number): Promise<readonly (readonly LaneInput[])[]> {
  const { state } = await bus.manager.streams.info(inputStream(lane));
  const messages: (readonly LaneInput[])[] = [];
  for (let sequence = state.first_seq; sequence <= state.last_seq; sequence += 1) {
    const message = await bus.manager.streams.getMessage(inputStream(lane), { seq: sequence });
    if (message !== null) messages.push(decodeLaneInputs(message.string()).filter((input) => input.kind !== 'event'));
  }
  return messages;
}

test('inputs that come while an append is in flight share the next one', async () => {
  const appender = createLaneAppender({ log: createLaneLog(bus), origin: 'batches' });
  await Promise.all(Array.from({ length: 300 }, (_, index) => appender.append(1, JSON.stringify(start(`e${index}`)))));
  const messages = await messagesOf(1);
  expect(messages.flat().map(({ execution }) => execution)).toEqual(Array.from({ length: 300 }, (_, index) => `e${index}`));
  // The first goes alone; what came in the same turn waits for it.
  expect(messages.map((inputs) => inputs.length)).toEqual([1, 299]);
  expect(appender.queuedBytes()).toBe(0);
});

test('a message that has one input carries its trace as a header too', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const appender = createLaneAppender({ log: createLaneLog(bus), origin: 'traced' });
  await Promise.all([appender.append(8, JSON.stringify(start('alone')), traceparent), appender.append(8, JSON.stringify(start('a')), traceparent), appender.append(8, JSON.stringify(start('b')))]);
  const headersOf = async (seq: number) => (await bus.manager.streams.getMessage(inputStream(8), { seq }))?.header.get('traceparent');
  expect([await headersOf(1), await headersOf(2)]).toEqual([traceparent, '']);
});

test('a message stays below what the log takes', async () => {
  const log = createLaneLog(bus);
  const appender = createLaneAppender({ log: { append: log.append, messageBytesMax: () => 2000 }, origin: 'small' });
  await Promise.all(Array.from({ length: 40 }, (_, index) => appender.append(2, JSON.stringify(start(`e${index}`)))));
  const messages = await messagesOf(2);
  expect(messages.flat()).toHaveLength(40);
  expect(messages.length).toBeGreaterThan(3);
  await expect(appender.append(2, JSON.stringify({ ...start('large'), input: 'x'.repeat(3000) }))).rejects.toMatchObject({ reason: 'payload-too-large' });
});

test('an append whose answer is lost is repeated and lands once', async () => {
  const log = createLaneLog(bus);
  let lost = 0;
  const forgetful: LaneLog = {
    messageBytesMax: log.messageBytesMax,
    async append(lane, message, messageId) {
      await log.append(lane, message, messageId);
      if (lost < 2) {
        lost += 1;
        throw new MillraceError('bus-failed');
      }
    },
  };
  await createLaneAppender({ log: forgetful, origin: 'lossy' }).append(3, JSON.stringify(start('once')));
  expect(lost).toBe(2);
  expect(await messagesOf(3)).toEqual([[start('once')]]);
});

test('a full lane refuses at once and others go on', async () => {
  const appender = createLaneAppender({ log: createLaneLog(bus), origin: 'full' });
  await appender.append(4, JSON.stringify(start('fits')));
  const { config } = await bus.manager.streams.info(inputStream(4));
  await bus.manager.streams.update(inputStream(4), { ...config, max_bytes: 1000 });
  await expect(appender.append(4, JSON.stringify({ ...start('x'), input: 'x'.repeat(2000) }))).rejects.toMatchObject({ reason: 'log-budget-exceeded' });
  await appender.append(5, JSON.stringify(start('other')));
  expect(await messagesOf(5)).toHaveLength(1);
});

test('inputs wait through a restart of the server', async () => {
  const retried: number[] = [];
  const appender = createLaneAppender({ log: createLaneLog(bus), origin: 'restart', onRetry: (lane) => retried.push(lane) });
  await appender.append(6, JSON.stringify(start('before')));
  await nats.kill();
  const outcome = appender.append(6, JSON.stringify(start('during')));
  await nats.restart();
  await outcome;
  expect((await messagesOf(6)).flat().map(({ execution }) => execution)).toEqual(['before', 'during']);
  expect(retried.length).toBeGreaterThan(0);
}, 60_000);

test('what waits when the process stops is refused, not forgotten', async () => {
  const never: LaneLog = { messageBytesMax: () => 1_000_000, append: () => Promise.reject(new MillraceError('bus-failed')) };
  const appender = createLaneAppender({ log: never, origin: 'stop' });
  const outcome = appender.append(7, JSON.stringify(start('a')));
  appender.close();
  await expect(outcome).rejects.toMatchObject({ reason: 'service-draining' });
  await expect(appender.append(7, JSON.stringify(start('b')))).rejects.toMatchObject({ reason: 'service-draining' });
  await appender.idle();
});
