/**
 * Two releases side by side: this one, and a second build that adds a kind of record. Under load throughout; every
 * start that was accepted ends once, whatever is replaced by what.
 */
import { BUCKETS, inputSubject, laneStream, newExecutionId, openBucket, unpackFrame } from '@millrace/bus';
import { encodeLaneInputs, FORMAT_NEWEST, FORMAT_OLDEST } from '@millrace/engine';
import { SETTLE_MS } from '@millrace/lane';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { applyWorkflow, openProcessBed, type Build, type Orchestrator, type ProcessBed } from './testing/process-bed.ts';
import { buildSecond } from './testing/second-build.ts';

const LANES = 2;
const IN_FLIGHT = 30;
const NEXT = FORMAT_NEWEST + 1;
/** A latch may follow the start of the last process that allows it by this much, in milliseconds. */
const LATCH_MS = SETTLE_MS + 15_000;
const CHAIN = ['a', 'b', 'c'].map((name) => `  - ${name}:\n      call: millrace.echo:1.0.0@default\n      with:\n        n: \${ .n + 1 }\n`).join('');
const FORK = `  - both:\n      fork:\n        branches:\n          - one:\n              set: { a: 1 }\n          - two:\n              set: { b: 2 }\n`;

let folder: TemporaryFolder;
let bed: ProcessBed;
let second: Build;

beforeAll(async () => {
  folder = await temporaryFolder('second-build');
  second = { entry: await buildSecond(folder.path) };
}, 60_000);

afterAll(() => folder.remove());

beforeEach(async () => {
  bed = await openProcessBed(LANES);
}, 60_000);

afterEach(() => bed.close(), 30_000);

/** Executions in flight without a pause; `end` stops them and says what was not as it should be. */
function startLoad(): { readonly done: () => number; end(): Promise<readonly string[]> } {
  const wrong: string[] = [];
  const ids: string[] = [];
  let running = true;
  let done = 0;
  const runOne = async (n: number): Promise<void> => {
    const { id, ended } = bed.starts.start({ workflow: 'chain', input: { n } });
    ids.push(id);
    const { status, outputJson } = await ended.catch((error: Error) => ({ status: error.message, outputJson: '' }));
    if (status !== 'completed' || outputJson !== `{"n":${n + 3}}`) wrong.push(`${id} ended as ${status} ${outputJson}`);
    done++;
  };
  const workers = Array.from({ length: IN_FLIGHT }, async (_, worker) => {
    for (let turn = 0; running; turn++) await runOne(worker * 1_000_000 + turn);
  });
  return {
    done: () => done,
    async end() {
      running = false;
      await Promise.all(workers);
      // Each is in the history once, as `_id` has it; none is missing there.
      const history = bed.database.collection<{ readonly _id: string }>('history');
      await eventually(async () => (await history.countDocuments({ _id: { $in: ids } })) === ids.length, { timeoutMs: 20_000, what: `${ids.length} executions in the history` }).catch((error: Error) => wrong.push(error.message));
      return wrong;
    },
  };
}

/** Replaces a process by another under the same name, as a rolling release does, while the load goes on. */
async function replace(old: Orchestrator, build: Build, load: { readonly done: () => number }): Promise<Orchestrator> {
  expect((await old.process.stop()).code).toBe(0);
  const started = await bed.orchestrator(old.instance, build);
  await owns(started.instance);
  const before = load.done();
  await eventually(() => load.done() > before + IN_FLIGHT, { timeoutMs: 20_000, what: 'work after a replacement' });
  return started;
}

const owns = (instance: string): Promise<unknown> => eventually(() => (bed.lanes()[instance] ?? 0) > 0, { timeoutMs: 20_000, what: `a lane of ${instance}` });
const agreed = async (): Promise<number> => ((await (await openBucket(bed.bus, BUCKETS.lanes)).getJson('format'))?.value as { readonly format: number } | undefined)?.format ?? FORMAT_OLDEST;

/** The formats of all frames that are kept, and whether the second build's record is in one. */
async function logs(): Promise<{ readonly formats: ReadonlySet<number>; readonly noted: boolean }> {
  const formats = new Set<number>();
  let noted = false;
  for (let lane = 0; lane < LANES; lane++) {
    const { state } = await bed.bus.manager.streams.info(laneStream(lane));
    for (let sequence = state.first_seq; sequence <= state.last_seq; sequence++) {
      const message = await bed.bus.manager.streams.getMessage(laneStream(lane), { seq: sequence }).catch(() => null);
      if (message === null) continue;
      const text = unpackFrame(message.data);
      formats.add((JSON.parse(text) as { readonly v: number }).v);
      noted ||= text.includes('"k":"noted.1"');
    }
  }
  return { formats, noted };
}

test('together they write what both read, also when a change is taken back; all new they go on to the new format, and what is old stays out', async () => {
  let [one, two] = await Promise.all([bed.orchestrator('orchestrator-1'), bed.orchestrator('orchestrator-2')]);
  await applyWorkflow(one, 'chain', CHAIN);
  expect(await agreed()).toBe(FORMAT_NEWEST);
  const load = startLoad();

  // One new beside one old, and back again before the other follows.
  two = await replace(two, second, load);
  expect(await agreed()).toBe(FORMAT_NEWEST);
  two = await replace(two, {}, load);
  expect(await agreed()).toBe(FORMAT_NEWEST);
  expect(await logs()).toEqual({ formats: new Set([FORMAT_NEWEST]), noted: false });

  // All new.
  two = await replace(two, second, load);
  one = await replace(one, second, load);
  await eventually(async () => (await agreed()) === NEXT, { timeoutMs: LATCH_MS, what: `agreement on format ${NEXT}` });
  await eventually(async () => (await logs()).noted, { timeoutMs: 10_000, what: 'a record of the new kind' });

  // An old one comes back.
  expect((await two.process.stop()).code).toBe(0);
  const old = bed.launch('orchestrator-2');
  const refusal = await old.waitForLine(({ record }) => record?.['msg'] === 'The service did not start');
  expect(JSON.stringify(refusal.record)).toContain(`The orchestrators have agreed on record format ${NEXT}; this release reads formats ${FORMAT_OLDEST} to ${FORMAT_NEWEST} and takes no lane`);
  expect((await old.exited).code).toBe(1);
  expect(bed.lanes()['orchestrator-2']).toBeUndefined();
  two = await bed.orchestrator('orchestrator-2', second);
  await owns('orchestrator-2');
  const before = load.done();
  await eventually(() => load.done() > before + IN_FLIGHT);
  expect(await load.end()).toEqual([]);
  expect(load.done()).toBeGreaterThan(10 * IN_FLIGHT);
}, 180_000);

test('a format that an operator holds back is not agreed: its workflows are refused with a reason, by webhook they end with it, and later they start', async () => {
  const held: Build = { environment: { MILLRACE_FORMAT_MAX: String(FORMAT_OLDEST) } };
  const one = await bed.orchestrator('orchestrator-1', held);
  await applyWorkflow(one, 'both', FORK);
  expect(await agreed()).toBe(FORMAT_OLDEST);
  await expect(bed.starts.start({ workflow: 'both', input: null }).accepted).rejects.toThrow('format-not-agreed');
  const byWebhook = newExecutionId();
  await bed.bus.jetstream.publish(inputSubject(bed.directory.laneOf(byWebhook) ?? 0), encodeLaneInputs([{ kind: 'start', organisation: 'acme', execution: byWebhook, workflow: 'both', input: null, acceptedAtMs: Date.now(), acceptedBy: 'trigger' }]));
  const ended = await eventually(() => bed.database.collection<{ readonly _id: string; readonly status: string; readonly error: { readonly detail: string } }>('history').findOne({ _id: byWebhook }));
  expect(ended).toMatchObject({ status: 'faulted', error: { detail: expect.stringContaining('needs record format 2, and the orchestrators have agreed on 1') as string } });
  expect((await one.process.stop()).code).toBe(0);
  await bed.orchestrator('orchestrator-1');
  await owns('orchestrator-1');
  await eventually(async () => (await agreed()) === 2, { timeoutMs: LATCH_MS, what: 'agreement on format 2' });
  expect(await bed.starts.start({ workflow: 'both', input: null }).ended).toMatchObject({ status: 'completed' });
}, 90_000);
