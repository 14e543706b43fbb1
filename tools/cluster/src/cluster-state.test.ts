import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { endLeftovers, isRunning, readClusterState, recordOf, removeClusterState, signalProcess, stateFile, untilEnded, writeClusterState, type ClusterState, type MemberRecord } from './cluster-state.ts';
import { startCluster } from './cluster.ts';
import { identityOf } from './process-identity.ts';

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-state-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** A process that only waits; with `deaf` it does not end on SIGTERM. */
async function sleeper(deaf = false): Promise<MemberRecord> {
  const child = spawn(process.execPath, ['-e', `${deaf ? 'process.on("SIGTERM", () => {});' : ''} process.stdout.write("up"); setInterval(() => {}, 1000)`], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  const record = recordOf(child.pid as number);
  if (record === undefined) throw new Error('the process has ended already');
  return { ...record, name: 'sleeper', instance: `sleeper-${record.pid}`, addresses: {} };
}

function stateOf(supervisor: MemberRecord, processes: readonly MemberRecord[]): ClusterState {
  return { supervisor, startedAt: new Date(0).toISOString(), ready: true, addresses: { gatewayHttp: '', gatewayGrpc: '', triggerHttp: '' }, processes };
}

test('the identity of a process stays the same while it runs, and there is none afterwards', async () => {
  const record = await sleeper();
  expect(identityOf(record.pid)).toBe(record.identity);
  expect(isRunning(record)).toBe(true);
  expect(signalProcess(record, 'SIGKILL')).toBe(true);
  expect(await untilEnded(record, 5_000)).toBe(true);
  expect(identityOf(record.pid)).toBeUndefined();
});

test('two processes that started at different times differ', async () => {
  const first = await sleeper();
  const second = await sleeper();
  expect(first.identity).not.toBe(second.identity);
});

test('a process that has got the number of a recorded one is never signalled', async () => {
  const stranger = await sleeper();
  const recorded = { ...stranger, identity: 'somebody before' };
  expect(signalProcess(recorded, 'SIGKILL')).toBe(false);
  expect(await endLeftovers(stateOf(recorded, [recorded]))).toEqual([]);
  expect(isRunning(stranger)).toBe(true);
});

test('what is left over is ended, also when it does not listen', async () => {
  const [polite, deaf] = [await sleeper(), await sleeper(true)];
  const ended = await endLeftovers(stateOf(polite, [polite, deaf]));
  expect(ended.map((each) => each.pid).sort()).toEqual([polite.pid, deaf.pid].sort());
  expect([isRunning(polite), isRunning(deaf)]).toEqual([false, false]);
}, 20_000);

test('a state is read as it was written, and gone when it is removed', async () => {
  const state = stateOf(await sleeper(), []);
  writeClusterState(folder, state);
  expect(readClusterState(folder)).toEqual(state);
  removeClusterState(folder);
  expect(readClusterState(folder)).toBeUndefined();
});

test('a state that cannot be read counts as none', async () => {
  await writeFile(stateFile(folder), '{"supervisor":');
  expect(readClusterState(folder)).toBeUndefined();
});

test('a second supervisor on a folder is refused, and ends nothing', async () => {
  const supervisor = await sleeper();
  const member = await sleeper();
  writeClusterState(folder, stateOf(supervisor, [member]));
  await expect(startCluster({ dataDir: folder })).rejects.toThrow(`A cluster is up on ${folder} already, started by process ${supervisor.pid}`);
  expect(isRunning(member)).toBe(true);
});
