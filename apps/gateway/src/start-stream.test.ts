import { createOwnerLinks } from './adapters/owner-streams.ts';
import type { StartOrder } from './ports.ts';
import { UNDECIDED_STARTS_MAX, createStartRouter, type StartRouter } from './start-router.ts';
import { STREAM_UNDECIDED_MAX, WAITING_ANSWERS_MAX, createStartStream, type StreamedAnswer, type StreamedStart } from './start-stream.ts';
import { accepted, ended, peerClients, refused, settableOwners, startPeer, type Peer } from './testing/orchestrator-peer.ts';

const clients = peerClients();
let owners: ReturnType<typeof settableOwners>;
let router: StartRouter;
let peer: Peer | undefined;

beforeEach(() => {
  owners = settableOwners();
  router = createStartRouter({ owners, links: createOwnerLinks(clients.of) });
});
afterEach(() => {
  router.close();
  peer?.kill();
});
afterAll(() => clients.close());

/** A client's side that keeps what it is told; `slow` takes nothing until it says so. */
function client(slow = false) {
  const answers: StreamedAnswer[] = [];
  const waiters: { readonly count: number; readonly resolve: () => void }[] = [];
  const told: string[] = [];
  let ended: () => void = () => undefined;
  const over = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const look = (): void => {
    for (const { count, resolve } of waiters) if (answers.length >= count) resolve();
  };
  return {
    answers,
    told,
    over,
    received: (count: number) =>
      new Promise<void>((resolve) => {
        waiters.push({ count, resolve });
        look();
      }),
    transport: {
      write(batch: readonly StreamedAnswer[]) {
        answers.push(...batch);
        told.push('write');
        look();
        return !slow;
      },
      pause: () => void told.push('pause'),
      resume: () => void told.push('resume'),
      end() {
        told.push('end');
        ended();
      },
    },
  };
}

const start = (number: number, rest: Partial<StreamedStart> = {}): StreamedStart => ({ number, workflow: 'w', inputJson: '1', idempotencyKey: '', wait: true, acknowledge: false, organisation: '', traceparent: '', ...rest });
const orderOf = (streamed: StreamedStart) => {
  const order: StartOrder = { organisation: 'default', execution: `e${streamed.number}`, workflow: streamed.workflow, inputJson: streamed.inputJson, idempotencyKey: '', traceparent: '', acceptedAtMs: 1, wait: streamed.wait };
  return { kind: 'order', order } as const;
};

test('answers of one turn of the event loop are one message', async () => {
  peer = await startPeer((each) => [accepted(each), ended(each)]);
  owners.set({ address: peer.address, epoch: 1 });
  const side = client();
  const stream = createStartStream(router, side.transport, orderOf);
  stream.receive(Array.from({ length: 400 }, (_, index) => start(index)));
  stream.finish();
  await side.over;
  expect(side.answers).toHaveLength(400);
  expect(side.told).toEqual(['write', 'end']);
});

test('a refusal is an answer like any other', async () => {
  peer = await startPeer((each) => [refused(each, 'workflow-unknown')]);
  owners.set({ address: peer.address, epoch: 1 });
  const side = client();
  const stream = createStartStream(router, side.transport, (streamed) => (streamed.number === 1 ? { kind: 'refused', reason: 'argument-invalid', message: 'no' } : orderOf(streamed)));
  stream.receive([start(1), start(2)]);
  stream.finish();
  await side.over;
  expect(side.answers.map(({ number, status, reason, execution }) => [number, status, reason, execution])).toEqual([
    [1, 'refused', 'argument-invalid', ''],
    [2, 'refused', 'workflow-unknown', 'e2'],
  ]);
});

test('a stream is not read while the router is full, and read again when there is room', async () => {
  const side = client();
  const stream = createStartStream(router, side.transport, orderOf);
  stream.receive(Array.from({ length: UNDECIDED_STARTS_MAX }, (_, index) => start(index, { wait: false })));
  expect(side.told).toEqual(['pause']);
  peer = await startPeer((each) => [accepted(each)]);
  owners.set({ address: peer.address, epoch: 1 });
  await side.received(UNDECIDED_STARTS_MAX);
  expect(side.told).toContain('resume');
});

test('a client that takes no answers is not read from, and gets all of them in the end', async () => {
  peer = await startPeer((each) => [ended(each)]);
  owners.set({ address: peer.address, epoch: 1 });
  const side = client(true);
  const stream = createStartStream(router, side.transport, orderOf);
  stream.receive([start(0)]);
  await side.received(1);
  const count = WAITING_ANSWERS_MAX + 500;
  stream.receive(Array.from({ length: count }, (_, index) => start(index + 1)));
  await peer.received(count + 1);
  while (router.counts().undecided > 0) await new Promise((resolve) => setImmediate(resolve));
  stream.receive([start(count + 1)]);
  expect(side.answers).toHaveLength(1);
  expect(side.told).toEqual(['write', 'pause']);
  while (side.answers.length < count + 2) {
    stream.drained();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(side.told).toContain('resume');
});

test('a client that has gone leaves nothing behind', async () => {
  const side = client();
  const stream = createStartStream(router, side.transport, orderOf);
  stream.receive([start(1), start(2)]);
  expect(router.counts()).toMatchObject({ undecided: 2 });
  stream.abandon();
  expect(router.counts()).toEqual({ undecided: 0, waiting: 0, held: 0 });
  stream.receive([start(3)]);
  expect(router.counts()).toMatchObject({ undecided: 0 });
});

test('a flood over one stream stands before others with a bounded number of starts, and all of it is taken in the end (T2)', async () => {
  const flood = 20 * STREAM_UNDECIDED_MAX;
  const order: string[] = [];
  peer = await startPeer((each) => {
    order.push(each.workflow);
    return [accepted(each), ended(each)];
  });
  owners.set({ address: peer.address, epoch: 1 });
  const noisy = client();
  const other = client();
  const flooding = createStartStream(router, noisy.transport, orderOf);
  const calm = createStartStream(router, other.transport, orderOf);
  flooding.receive(Array.from({ length: flood }, (_, index) => start(index, { workflow: 'noisy' })));
  calm.receive([start(flood + 1, { workflow: 'calm' })]);
  calm.finish();
  await other.over;
  expect(order.indexOf('calm')).toBeLessThanOrEqual(STREAM_UNDECIDED_MAX);
  expect(noisy.told).toContain('pause');
  flooding.finish();
  await noisy.over;
  expect(noisy.answers.filter(({ status }) => status === 'completed')).toHaveLength(flood);
});
