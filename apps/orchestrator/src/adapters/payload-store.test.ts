import { connectBus, type Bus } from '@millrace/bus';
import { Defect } from '@millrace/errors';
import { startNats, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { openPayloadStore } from './payload-store.ts';

let folder: TemporaryFolder;
let nats: NatsServer;
let bus: Bus;

beforeAll(async () => {
  folder = await temporaryFolder('payload-store');
  nats = await startNats({ dataDir: folder.path });
  bus = await connectBus({ url: nats.url, name: 'test', logger: createLogger({ service: 'test', instance: 'test-1', level: 'silent' }) });
}, 60_000);

afterAll(async () => {
  await bus.close();
  await nats.stop();
  await folder.remove();
});

test('a payload of many chunks comes back as it was, an empty one too, and the second of a name takes the place of the first', async () => {
  const store = await openPayloadStore(bus);
  const large = 'é'.repeat(900_000);
  await store.put([{ name: 'large', text: large }, { name: 'empty', text: '' }, { name: 'twice', text: 'first' }, { name: 'twice', text: 'second' }]);
  expect(await store.get('large')).toBe(large);
  expect(await store.get('empty')).toBe('');
  expect(await store.get('twice')).toBe('second');
});

test('a payload that a frame names and nobody has is a defect', async () => {
  await expect((await openPayloadStore(bus)).get('nowhere')).rejects.toThrow(Defect);
});

test('a lane whose log names more payloads than a stream may have consumers can be taken', async () => {
  const store = await openPayloadStore(bus);
  await store.put([{ name: 'one', text: 'x'.repeat(70_000) }]);
  // A consumer for each read is forgotten minutes later: 1,000 reads within that were all that a server allowed.
  for (let read = 0; read < 1_200; read++) if ((await store.get('one')).length !== 70_000) throw new Error(`read ${read} is cut`);
}, 60_000);
