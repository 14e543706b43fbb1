import { createOwnerLinks } from './adapters/owner-streams.ts';
import { accepted, ended, peerClients, refused, settableOwners, startPeer, type Peer } from './testing/orchestrator-peer.ts';
import type { ExecutionEnd, StartOrder } from './ports.ts';
import { UNDECIDED_STARTS_MAX, createStartRouter, type StartRouter } from './start-router.ts';

type Heard =
  | { readonly kind: 'accepted'; readonly existing: boolean }
  | { readonly kind: 'ended'; readonly end: ExecutionEnd }
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string };

const clients = peerClients();
const peers: Peer[] = [];
const routers: StartRouter[] = [];

async function peer(answer: Parameters<typeof startPeer>[0]): Promise<Peer> {
  const started = await startPeer(answer);
  peers.push(started);
  return started;
}

function routerFor(owners: ReturnType<typeof settableOwners>, ownerWaitMs?: number): StartRouter {
  const router = createStartRouter({ owners, links: createOwnerLinks(clients.of), ...(ownerWaitMs === undefined ? {} : { ownerWaitMs }) });
  routers.push(router);
  return router;
}

const order = (execution: string, rest: Partial<StartOrder> = {}): StartOrder => ({
  organisation: 'default',
  execution,
  workflow: 'orders',
  inputJson: '{"n":1}',
  idempotencyKey: '',
  traceparent: '',
  acceptedAtMs: 1,
  wait: true,
  ...rest,
});

/** Starts, and resolves with all that is heard up to the last word. */
function run(router: StartRouter, what: StartOrder): Promise<readonly Heard[]> {
  const heard: Heard[] = [];
  return new Promise((resolve) => {
    router.start(what, {
      accepted(existing) {
        heard.push({ kind: 'accepted', existing });
        if (!what.wait) resolve(heard);
      },
      ended(end) {
        heard.push({ kind: 'ended', end });
        resolve(heard);
      },
      refused(reason, message) {
        heard.push({ kind: 'refused', reason, message });
        resolve(heard);
      },
    });
  });
}

const completed = (outputJson: string): Heard => ({ kind: 'ended', end: { status: 'completed', outputJson, error: undefined } });

afterEach(() => {
  for (const router of routers.splice(0)) router.close();
  for (const started of peers.splice(0)) started.kill();
});
afterAll(() => clients.close());

test('a start goes to the owner of its lane and its end comes back', async () => {
  const owners = settableOwners();
  const owner = await peer((start) => [accepted(start), ended(start, '{"ok":true}')]);
  owners.set({ address: owner.address, epoch: 1 });
  expect(await run(routerFor(owners), order('a1'))).toEqual([{ kind: 'accepted', existing: false }, completed('{"ok":true}')]);
});

test('starts of one turn of the event loop travel as one message', async () => {
  const owners = settableOwners();
  const owner = await peer((start) => [accepted(start)]);
  owners.set({ address: owner.address, epoch: 1 });
  const router = routerFor(owners);
  await run(router, order('first', { wait: false }));
  await Promise.all(Array.from({ length: 500 }, (_, index) => run(router, order(`a${index}`, { wait: false }))));
  expect(owner.starts).toHaveLength(501);
  expect(Math.max(...owner.batches)).toBe(500);
});

test('a start waits for a lane that has no owner yet', async () => {
  const owners = settableOwners();
  const router = routerFor(owners);
  const outcome = run(router, order('a1'));
  expect(router.counts()).toEqual({ undecided: 1, waiting: 0, held: 1 });
  const owner = await peer((start) => [accepted(start), ended(start)]);
  owners.set({ address: owner.address, epoch: 1 });
  expect(await outcome).toEqual([{ kind: 'accepted', existing: false }, completed('{}')]);
});

test('a start is refused once no owner has come for the bounded time', async () => {
  const router = routerFor(settableOwners(), 120);
  expect(await run(router, order('a1'))).toMatchObject([{ kind: 'refused', reason: 'lane-unowned' }]);
  expect(router.counts()).toEqual({ undecided: 0, waiting: 0, held: 0 });
});

test('an unanswered start is sent with the same id to the next owner when its owner dies', async () => {
  const owners = settableOwners();
  const dying = await peer(() => undefined);
  const next = await peer((start) => [accepted(start), ended(start)]);
  owners.set({ address: dying.address, epoch: 1 });
  const outcome = run(routerFor(owners), order('a1', { idempotencyKey: 'k' }));
  await dying.received(1);
  dying.kill();
  owners.set({ address: next.address, epoch: 2 });
  expect(await outcome).toEqual([{ kind: 'accepted', existing: false }, completed('{}')]);
  expect(next.starts).toMatchObject([{ execution: 'a1', attach: false, inputJson: '{"n":1}' }]);
});

test('a durable start attaches to its execution at the next owner and is not accepted twice', async () => {
  const owners = settableOwners();
  const dying = await peer((start) => [accepted(start)]);
  const next = await peer((start) => [accepted(start, true), ended(start, '7')]);
  owners.set({ address: dying.address, epoch: 1 });
  const heard: Heard[] = [];
  const end = new Promise<void>((resolve) => {
    const router = routerFor(owners);
    router.start(order('a1'), {
      accepted: (existing) => {
        heard.push({ kind: 'accepted', existing });
        dying.kill();
        owners.set({ address: next.address, epoch: 2 });
      },
      ended: (value) => {
        heard.push({ kind: 'ended', end: value });
        resolve();
      },
      refused: (reason, message) => {
        heard.push({ kind: 'refused', reason, message });
        resolve();
      },
    });
  });
  await end;
  expect(heard).toEqual([{ kind: 'accepted', existing: false }, completed('7')]);
  expect(next.starts).toMatchObject([{ execution: 'a1', attach: true, inputJson: '' }]);
});

test('an owner that says the lane has moved is asked again, or the next one is', async () => {
  const owners = settableOwners();
  let tries = 0;
  const owner = await peer((start) => (++tries < 3 ? [refused(start, 'lane-displaced')] : [accepted(start), ended(start)]));
  owners.set({ address: owner.address, epoch: 1 });
  expect(await run(routerFor(owners), order('a1'))).toEqual([{ kind: 'accepted', existing: false }, completed('{}')]);
  expect(owner.starts.map(({ execution }) => execution)).toEqual(['a1', 'a1', 'a1']);
});

test('a restarted owner that takes its lane again under a higher epoch is sent the start again', async () => {
  const owners = settableOwners();
  let answering = false;
  const owner = await peer((start) => (answering ? [accepted(start), ended(start)] : undefined));
  owners.set({ address: owner.address, epoch: 1 });
  const outcome = run(routerFor(owners), order('a1'));
  await owner.received(1);
  answering = true;
  owners.set({ address: owner.address, epoch: 2 });
  expect(await outcome).toEqual([{ kind: 'accepted', existing: false }, completed('{}')]);
});

test('a refusal for good reaches the caller as it is', async () => {
  const owners = settableOwners();
  const owner = await peer((start) => [refused(start, 'workflow-unknown')]);
  owners.set({ address: owner.address, epoch: 1 });
  expect(await run(routerFor(owners), order('a1'))).toEqual([{ kind: 'refused', reason: 'workflow-unknown', message: 'refused: workflow-unknown' }]);
});

test('the same key started before is told to the caller', async () => {
  const owners = settableOwners();
  const owner = await peer((start) => [accepted(start, true)]);
  owners.set({ address: owner.address, epoch: 1 });
  expect(await run(routerFor(owners), order('k1', { idempotencyKey: 'delivery-7', wait: false }))).toEqual([{ kind: 'accepted', existing: true }]);
});

test('more than the limit of undecided starts is refused, and room is told of', async () => {
  const owners = settableOwners();
  const router = routerFor(owners);
  for (let index = 0; index < UNDECIDED_STARTS_MAX; index += 1) void run(router, order(`a${index}`, { wait: false }));
  expect(router.isFull()).toBe(true);
  expect(await run(router, order('one too many'))).toMatchObject([{ kind: 'refused', reason: 'limit-exceeded' }]);
  const room = new Promise<void>((resolve) => router.onRoom(resolve));
  const owner = await peer((start) => [accepted(start)]);
  owners.set({ address: owner.address, epoch: 1 });
  await room;
  expect(router.isFull()).toBe(false);
});

test('an abandoned start is heard of no more', async () => {
  const owners = settableOwners();
  const router = routerFor(owners);
  const heard: string[] = [];
  const ticket = router.start(order('a1'), { accepted: () => heard.push('accepted'), ended: () => heard.push('ended'), refused: () => heard.push('refused') });
  ticket.abandon();
  const owner = await peer((start) => [accepted(start), ended(start)]);
  owners.set({ address: owner.address, epoch: 1 });
  await run(router, order('a2'));
  expect(heard).toEqual([]);
  expect(router.counts()).toEqual({ undecided: 0, waiting: 0, held: 0 });
});
