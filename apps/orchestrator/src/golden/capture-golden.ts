/**
 * Captures what the present release has on disk, as test data for all later ones.
 *
 * Starts NATS, MongoDB and an orchestrator, runs the scenario, kills the owner twice, and writes everything to
 * `libs/engine/golden/<release>/`. Refuses when the release has an image: it is captured once.
 */
import { Objm } from '@nats-io/obj';
import { BUCKETS, inputStream, inputSubject, keyedExecutionId, laneStream, newExecutionId, openBucket, readStream, unpackFrame, type Bus } from '@millrace/bus';
import type { Execution } from '@millrace/contracts/execution/v1/execution';
import { decodeFrame, encodeLaneInputs, RECORD_FORMATS, type JsonValue, type LaneInput } from '@millrace/engine';
import { encodeLimits } from '@millrace/lease';
import { eventually } from '@millrace/testkit';
import type { Step, StepOutcome } from '@millrace/worker';
import { BSON, type Db } from 'mongodb';
import { applyWorkflow, ask, openProcessBed, type ProcessBed } from '../testing/process-bed.ts';
import { assertNotCaptured, writeImage, type GoldenExecution, type GoldenLane, type Image } from './image.ts';
import { replayLane, statesOf } from './replay-image.ts';
import { FIRST, SECOND, SLOW, WORKFLOWS, type GoldenStart } from './scenario.ts';

const LANES = 2;
const SETTLE_MS = 60_000;

interface Running extends GoldenStart {
  readonly id: string;
  readonly organisation: string;
}

/** The worker: see scenario.ts. `release` lets every held step go. */
function worker(): { answer(step: Step): StepOutcome | Promise<StepOutcome>; release(): void } {
  let release = (): void => undefined;
  const released = new Promise<void>((settle) => (release = settle));
  return {
    release: () => release(),
    answer({ argumentsJson, attempt }) {
      const { fail, hold } = JSON.parse(argumentsJson) as { readonly fail?: { readonly status: number; readonly below: number }; readonly hold?: boolean };
      const output: StepOutcome = { kind: 'output', json: argumentsJson };
      if (fail !== undefined && attempt < fail.below) return { kind: 'failure', failure: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: fail.status, title: 'Communication', detail: 'as the scenario has it' } };
      return hold === true ? released.then(() => output) : output;
    },
  };
}

async function begin(bed: ProcessBed, start: GoldenStart): Promise<Running> {
  const organisation = start.organisation ?? 'acme';
  const id = start.key === undefined ? newExecutionId() : keyedExecutionId(organisation, start.workflow, start.key);
  const send = async (input: LaneInput): Promise<void> => void (await bed.bus.jetstream.publish(inputSubject(bed.directory.laneOf(id) ?? 0), encodeLaneInputs([input])));
  if (start.by === 'gateway') await bed.starts.start({ organisation, workflow: start.workflow, input: start.input, id, ...(start.key === undefined ? {} : { key: start.key }) }).accepted;
  else await send({ kind: 'start', organisation, execution: id, workflow: start.workflow, input: start.input as JsonValue, acceptedAtMs: Date.now(), acceptedBy: 'trigger', replyTo: `golden.reply.${id}`, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', ...(start.key === undefined ? {} : { key: start.key }) });
  if (start.cancel !== undefined) await eventually(async () => (await view(bed, { organisation, id })).status === 'waiting');
  if (start.cancel === 'gateway') await ask(bed.ownerOf(id).executions, 'cancel', { organisation, execution: id });
  if (start.cancel === 'input') await send({ kind: 'cancel', organisation, execution: id });
  return { ...start, organisation, id };
}

/** Asks again while the lane is on its way. */
const view = (bed: ProcessBed, { organisation, id }: { readonly organisation: string; readonly id: string }): Promise<Execution> => eventually(() => ask<object, Execution>(bed.ownerOf(id).executions, 'get', { organisation, execution: id }), { timeoutMs: SETTLE_MS, what: `a view of ${id}` });

/** Waits until the execution is where the scenario wants it. */
async function settle(bed: ProcessBed, { id, organisation, until }: Running): Promise<void> {
  const has = async (collection: string): Promise<boolean> => (await bed.database.collection<{ readonly _id: string }>(collection).countDocuments({ _id: id })) === 1;
  const what = `${id} ${until}`;
  if (until === 'stored') await eventually(() => has('history'), { timeoutMs: SETTLE_MS, what });
  else if (until === 'checkpointed') await eventually(() => has('checkpoints'), { timeoutMs: SETTLE_MS, what });
  else if (until === 'ended') await eventually(async () => (await view(bed, { organisation, id })).endedAtMs > 0, { timeoutMs: SETTLE_MS, what });
  else await eventually(async () => (await view(bed, { organisation, id })).status !== '', { timeoutMs: SETTLE_MS, what });
}

/** Every frame of a lane as it is appended, from the first on: the owner forgets what it has stored elsewhere. */
function record(bus: Bus, lane: number, signal: AbortSignal): string[] {
  const frames: string[] = [];
  void (async () => {
    for await (const { sequence, data } of readStream(bus, { stream: laneStream(lane), from: 1, signal })) {
      if (sequence !== frames.length + 1) throw new Error(`lane ${lane} has forgotten frame ${frames.length + 1} before it was read`);
      frames.push(Buffer.from(data).toString('base64'));
    }
  })();
  return frames;
}

async function laneOf(bus: Bus, lane: number, frames: readonly string[]): Promise<GoldenLane> {
  const { state } = await bus.manager.streams.info(laneStream(lane));
  await eventually(() => frames.length === state.last_seq);
  return { lane, frames, first: state.first_seq, inputSequence: (await bus.manager.streams.info(inputStream(lane))).state.last_seq };
}

async function valuesOf(bus: Bus, name: string): Promise<Readonly<Record<string, string>>> {
  const bucket = await openBucket(bus, name);
  const values: Record<string, string> = {};
  for (const key of await bucket.keys()) values[key] = Buffer.from((await bucket.get(key))?.value ?? []).toString('utf8');
  return values;
}

async function payloadsOf(bus: Bus): Promise<Readonly<Record<string, string>>> {
  const objects = await new Objm(bus.jetstream).open('payloads');
  const payloads: Record<string, string> = {};
  for (const { name } of await objects.list()) payloads[name] = Buffer.from((await objects.getBlob(name)) ?? []).toString('utf8');
  return payloads;
}

const documentsOf = async (database: Db, name: string): Promise<readonly JsonValue[]> => (await database.collection(name).find({}).sort({ _id: 1 }).toArray()).map((each) => BSON.EJSON.serialize(each) as JsonValue);

/** What an image without some kind of record would not prove. */
function assertComplete(image: Omit<Image, 'executions'>): void {
  const kinds = new Set<string>();
  for (const { frames } of image.lanes) {
    for (const frame of frames) for (const { records } of decodeFrame(unpackFrame(Buffer.from(frame, 'base64')), (name) => image.payloads[name] ?? 'null').transitions) for (const { kind } of records) kinds.add(kind);
  }
  const missing = Object.entries(RECORD_FORMATS).filter(([kind, format]) => format <= image.format && !kinds.has(kind));
  if (missing.length > 0) throw new Error(`the scenario writes no ${missing.map(([kind]) => kind).join(', ')}: add what does`);
  if (image.lanes.every(({ first }) => first === 1)) throw new Error('no lane has forgotten a frame: the checkpoints are not needed to read the image');
  for (const name of ['checkpoints', 'segments', 'history']) if ((image.collections[name] ?? []).length === 0) throw new Error(`there is no document in ${name}`);
}

/** Yields the folder of the new image. Rejects when the release has one. */
export async function captureGolden(release: string): Promise<string> {
  assertNotCaptured(release);
  const bed = await openProcessBed(LANES);
  const reading = new AbortController();
  try {
    const hands = worker();
    bed.answer = hands.answer;
    let owner = await bed.orchestrator('orchestrator-1');
    await eventually(() => bed.lanes()['orchestrator-1'] === LANES);
    const frames = Array.from({ length: LANES }, (_, lane) => record(bed.bus, lane, reading.signal));
    for (const [name, tasks] of Object.entries(WORKFLOWS)) await applyWorkflow(owner, name, tasks);
    await applyWorkflow(owner, 'everything', WORKFLOWS['everything'] ?? '', { organisation: SLOW.organisation });
    const limits = await openBucket(bed.bus, BUCKETS.limits);
    await limits.put(`organisation.${SLOW.organisation}`, encodeLimits({ concurrency: undefined, startsPerSecond: SLOW.startsPerSecond, weight: 1, strict: false, revision: 1 }));
    const slow = Array.from({ length: SLOW.starts }, (): GoldenStart => ({ organisation: SLOW.organisation, workflow: 'everything', input: { n: 1 }, by: 'gateway', until: 'accepted' }));
    const running = await Promise.all([...FIRST, ...slow].map((start) => begin(bed, start)));
    await Promise.all(running.map((each) => settle(bed, each)));
    await eventually(async () => (await Promise.all(frames.map((_, lane) => bed.firstFrame(lane)))).some((first) => first > 1), { timeoutMs: SETTLE_MS, what: 'a truncated log' });
    await owner.process.kill();
    owner = await bed.orchestrator('orchestrator-1');
    const views = new Map<string, JsonValue>();
    for (const each of running) views.set(each.id, (await view(bed, each)) as unknown as JsonValue);
    // What the second owner does stands in the log alone.
    await bed.mongod.kill();
    const late = await Promise.all(SECOND.map((start) => begin(bed, start)));
    await Promise.all(late.map((each) => settle(bed, each)));
    for (const each of late) views.set(each.id, (await view(bed, each)) as unknown as JsonValue);
    await owner.process.kill();
    await bed.mongod.restart();
    const lanes = await Promise.all(frames.map((each, lane) => laneOf(bed.bus, lane, each)));
    const image = {
      release,
      format: (JSON.parse(unpackFrame(Buffer.from(lanes[0]?.frames.at(-1) ?? '', 'base64'))) as { readonly v: number }).v,
      lanes: lanes.map((lane) => ({ ...lane, frames: [...lane.frames] })),
      buckets: Object.fromEntries(await Promise.all([BUCKETS.definitions, BUCKETS.lanes, BUCKETS.limits].map(async (name) => [name, await valuesOf(bed.bus, name)] as const))),
      payloads: await payloadsOf(bed.bus),
      collections: Object.fromEntries(await Promise.all(['checkpoints', 'segments', 'history'].map(async (name) => [name, await documentsOf(bed.database, name)] as const))),
    };
    assertComplete(image);
    const states = new Map((await Promise.all(image.lanes.map((lane) => replayLane({ ...image, executions: [] }, lane, 'beginning')))).flatMap((taken) => [...statesOf(taken)]));
    await bed.orchestrator('orchestrator-1');
    hands.release();
    await limits.put(`organisation.${SLOW.organisation}`, encodeLimits({ concurrency: undefined, startsPerSecond: 100, weight: 1, strict: false, revision: 2 }));
    const executions: GoldenExecution[] = [];
    for (const each of [...running, ...late]) {
      const snapshot = states.get(each.id);
      if (snapshot === undefined) throw new Error(`the log says nothing of ${each.id} (${each.workflow})`);
      const ended = await eventually(async () => { const seen = await view(bed, each); return seen.endedAtMs > 0 && seen; }, { timeoutMs: 2 * SETTLE_MS, what: `the end of ${each.workflow} ${each.id}` });
      executions.push({ organisation: each.organisation, id: each.id, workflow: each.workflow, snapshot, view: views.get(each.id) ?? null, end: { status: ended.status, outputJson: ended.outputJson } });
    }
    return writeImage({ ...image, executions });
  } finally {
    reading.abort();
    await bed.close();
  }
}
