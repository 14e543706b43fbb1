import { Metadata, credentials, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { BUCKETS, LANE_TABLE_KEY, connectBus, createDeadLetters, ensureStream, joinRegistry, laneClaimKey, openBucket, type Bus, type Registration } from '@millrace/bus';
import { ConnectionsService, type Connection, type ConnectionSummary } from '@millrace/contracts/connector/v1/connections';
import type { Approvals, Execution } from '@millrace/contracts/execution/v1/execution';
import { DeadLetterServiceClient, ExecutionServiceClient, OrganisationServiceClient, WorkflowServiceClient, type ExecutionEvent, type ListDeadLettersResponse, type StartExecutionsResponse, type StreamedAnswer, type StreamedStart } from '@millrace/contracts/gateway/v1/gateway';
import { DefinitionsService, type ApplyRequest, type ApprovalRequest, type ExecutionReference, type ListRequest, type RemoveRequest, type Start, type TailRequest } from '@millrace/contracts/orchestrator/v1/executions';
import { EventsService, type PublishRequest } from '@millrace/contracts/trigger/v1/events';
import { SchedulesService, type Schedule, type ScheduleStatus } from '@millrace/contracts/trigger/v1/schedules';
import { LimitsService, type OrganisationLimits } from '@millrace/contracts/throttle/v1/throttle';
import { decodeListPosition, newestFirst, type ExecutionListDocument } from '@millrace/documents';
import { MillraceError } from '@millrace/errors';
import { statusOf } from '@millrace/rpc';
import { startMongod, startNats, type MongoServer, type NatsServer } from '@millrace/servers';
import { createLogger } from '@millrace/telemetry';
import { eventually, startService, temporaryFolder, type ServiceProcess, type TemporaryFolder } from '@millrace/testkit';
import { request } from 'node:http';
import path from 'node:path';
import { hashKey, makeKey } from './api-key.ts';
import { findingsAgainstDocument } from './testing/documented-api.ts';
import { accepted, ended, refused, startPeer, type Peer } from './testing/orchestrator-peer.ts';
import { ROUTES } from './rest/routes.ts';
import { BODY_BYTES_MAX } from './rest/server.ts';

const LANES = 2;
const operator = makeKey();

let folder: TemporaryFolder;
let nats: NatsServer;
let mongod: MongoServer;
let bus: Bus;
let gateway: ServiceProcess;
let http: string;
let grpc: string;
let environment: Record<string, string>;
let peer: Peer;
const registrations: Registration[] = [];

/** What the peer has started, by id, as an orchestrator would show it. */
const shown = new Map<string, Execution>();
const tails = new Set<ServerWritableStream<TailRequest, ExecutionEvent>>();
const limits = new Map<string, OrganisationLimits>();
const connections = new Map<string, ConnectionSummary>();
const published: { readonly organisation: string; readonly event: { readonly id: string } }[] = [];
const schedules = new Map<string, ScheduleStatus>();
const acts: ApprovalRequest[] = [];

beforeAll(async () => {
  folder = await temporaryFolder('gateway');
  [nats, mongod] = await Promise.all([startNats({ dataDir: path.join(folder.path, 'nats') }), startMongod({ dataDir: path.join(folder.path, 'mongo') })]);
  bus = await connectBus({ url: nats.url, name: 'gateway-test', logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }) });
  peer = await startPeer(answerStart, {
    executions: { get: unaryOf(showExecution), cancel: unaryOf(cancelExecution), trace: unaryOf(traceExecution), list: unaryOf(listExecutions), operate: unaryOf(cancelExecution), listApprovals: unaryOf(listApprovals), actOnApproval: unaryOf(actOnApproval), remove: unaryOf(removeExecutions), tail },
    prepare(server) {
      server.addService(DefinitionsService, { apply: unaryOf(applyDefinition), list: unaryOf(() => ({ definitions: [] })), get: unaryOf(() => Promise.reject(new MillraceError('workflow-unknown'))) });
      server.addService(LimitsService, {
        get: unaryOf(({ organisation }: { organisation: string }) => limits.get(organisation) ?? { organisation, concurrency: 0, startsPerSecond: 0, weight: 0, revision: 0, strict: false }),
        put: unaryOf(putLimits),
        list: unaryOf(() => ({ limits: [...limits.values()] })),
      });
      server.addService(EventsService, {
        publish: unaryOf(({ organisation, eventsJson }: PublishRequest) => {
          published.push(...eventsJson.map((text) => ({ organisation, event: JSON.parse(text) as { readonly id: string } })));
          return { events: eventsJson.length };
        }),
      });
      server.addService(SchedulesService, {
        put: unaryOf((schedule: Schedule) => {
          const status = { schedule: { ...schedule, paused: schedule.paused ?? false }, revision: 1, documentOf: '', dueAtMs: 1e12, lastDueAtMs: 0, lastExecution: '', waitsFor: '', started: 0, missed: 0, nextMs: [1e12], outcome: schedules.has(schedule.name) ? 'unchanged' : 'created' };
          schedules.set(schedule.name, status);
          return status;
        }),
        get: unaryOf(({ name }: { name: string }) => schedules.get(name) ?? Promise.reject(new MillraceError('resource-unknown'))),
        list: unaryOf(() => ({ schedules: [...schedules.values()] })),
        setPaused: unaryOf(({ name, paused }: { name: string; paused: boolean }) => {
          const status = schedules.get(name);
          return status?.schedule === undefined ? Promise.reject(new MillraceError('resource-unknown')) : { ...status, schedule: { ...status.schedule, paused } };
        }),
        remove: unaryOf(({ name }: { name: string }) => ({ found: schedules.delete(name) })),
      });
      server.addService(ConnectionsService, { put: unaryOf(putConnection), list: unaryOf(() => ({ connections: [...connections.values()] })) });
    },
  });
  const lanes = await openBucket(bus, BUCKETS.lanes);
  await lanes.putJson(LANE_TABLE_KEY, { version: 1, lanes: LANES, map: 'modulo' });
  for (let lane = 0; lane < LANES; lane += 1) await lanes.putJson(laneClaimKey(lane), { lane, owner: 'orchestrator-1', epoch: 1, address: peer.address });
  for (const service of ['orchestrator', 'throttle', 'connector']) {
    registrations.push(await joinRegistry(bus, { service, instance: `${service}-1`, version: '0.0.0', addresses: { grpc: peer.address }, attributes: {} }));
  }
  environment = { MILLRACE_NATS_URL: nats.url, MILLRACE_MONGODB_URL: mongod.url, MILLRACE_OPERATOR_KEY_HASH: hashKey(operator.key) };
  await startGateway();
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  for (const registration of registrations) await registration.leave();
  peer.kill();
  await bus.close();
  await Promise.all([nats.stop(), mongod.stop()]);
  await folder.remove();
});

async function startGateway(): Promise<void> {
  gateway = startService({ name: 'gateway-1', entry: 'apps/gateway/src/main.ts', environment });
  const { record } = await gateway.waitForLine((line) => line.record?.['msg'] === 'Ready');
  http = String(record?.['http']);
  grpc = String(record?.['grpc']);
}

function unaryOf<Request, Response>(answer: (request: Request) => Response | Promise<Response>) {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    void (async () => answer(call.request))().then((response) => callback(null, response), (error: unknown) => callback(statusOf(error)));
  };
}

/** `sleeper` never ends, `unknown` is no workflow, anything else ends with its input. */
function answerStart(start: Start) {
  if (start.workflow === 'unknown') return [refused(start, 'workflow-unknown')];
  const known = shown.has(start.execution);
  const done = start.workflow !== 'sleeper';
  if (!known) {
    shown.set(start.execution, {
      execution: start.execution,
      organisation: start.organisation,
      workflow: start.workflow,
      version: '1.0.0',
      status: done ? 'completed' : 'waiting',
      inputJson: start.inputJson,
      outputJson: done ? start.inputJson : '',
      error: undefined,
      tasks: [{ reference: '/do/0/echo', name: 'echo', iteration: undefined, status: done ? 'completed' : 'running', attempts: 1, startedAtMs: start.acceptedAtMs, endedAtMs: done ? start.acceptedAtMs + 1 : 0, reused: false, activation: 1 }],
      origin: undefined,
      operations: [],
      eventsJson: [],
      startedAtMs: start.acceptedAtMs,
      endedAtMs: done ? start.acceptedAtMs + 1 : 0,
      definition: 'f00d',
    });
  }
  return [accepted(start, known), ...(done && start.wait ? [ended(start, start.inputJson)] : [])];
}

function showExecution({ organisation, execution }: ExecutionReference): Execution {
  const found = shown.get(execution);
  if (found === undefined || (organisation !== '' && organisation !== found.organisation)) throw new MillraceError('execution-unknown');
  return found;
}

function cancelExecution(reference: ExecutionReference): Execution {
  const cancelled = { ...showExecution(reference), status: 'cancelled', endedAtMs: Date.now() };
  shown.set(reference.execution, cancelled);
  return cancelled;
}

function traceExecution(reference: ExecutionReference) {
  const { startedAtMs } = showExecution(reference);
  return { traceId: 'f'.repeat(32), spans: [{ spanId: 'a'.repeat(16), parentSpanId: '', service: 'gateway', name: 'accept', startedAtMs, endedAtMs: startedAtMs + 1, attributes: { 'millrace.organisation': 'default' } }] };
}

function listExecutions({ organisation, workflow, where, limit, cursor }: ListRequest) {
  const before = decodeListPosition(cursor) ?? { startedAtMs: Number.POSITIVE_INFINITY, execution: '' };
  const executions = [...shown.values()]
    .filter((each) => each.organisation === organisation && (workflow === '' || each.workflow === workflow) && newestFirst(each, before) > 0)
    .sort(newestFirst);
  return { executions: executions.slice(0, limit).map((each) => ({ ...each, fieldsJson: '' })), cursor: executions.length > limit ? 'more' : '', where };
}

/** What the peer was asked to remove. */
const removals: RemoveRequest[] = [];

function listApprovals({ execution }: ExecutionReference): Approvals {
  return { approvals: acts.length > 0 ? [] : [{ execution, task: '/do/0/ask', name: 'ask', activation: 2, detailsJson: '{"title":"<i>?"}', assignee: 'ada', delegations: 0, askedAtMs: 1, expiresAtMs: 0 }] };
}

function actOnApproval(request: ApprovalRequest): Execution {
  if (acts.push(request) > 1) throw new MillraceError('approval-decided');
  return { ...showExecution(request), operations: [{ atMs: 1, act: request.act, by: request.by, reason: request.reason, task: '/do/0/ask', to: '' }] };
}

function removeExecutions(order: RemoveRequest) {
  removals.push(order);
  return { removed: order.executions.length, bytes: 1_000 * order.executions.length };
}

function tail(call: ServerWritableStream<TailRequest, ExecutionEvent>): void {
  tails.add(call);
  call.on('cancelled', () => tails.delete(call));
}

function applyDefinition({ organisation, document }: ApplyRequest) {
  if (!document.includes('document:') && !document.includes('"document"')) throw new MillraceError('workflow-invalid', { message: 'the workflow has no `document`', details: { problems: [{ line: 1 }] } });
  return { organisation, namespace: 'test', name: 'orders', version: '1.0.0', hash: 'f00d', documentJson: '{}', appliedAtMs: 1, existing: false, warnings: ['a warning'] };
}

function putLimits(next: OrganisationLimits): OrganisationLimits {
  const known = limits.get(next.organisation);
  const same = known !== undefined && known.concurrency === next.concurrency && known.weight === next.weight;
  const stored = { ...next, revision: same ? known.revision : (known?.revision ?? 0) + 1 };
  limits.set(next.organisation, stored);
  return stored;
}

function putConnection({ organisation, name, connector, baseUrl }: Connection): ConnectionSummary {
  const revision = (connections.get(name)?.revision ?? 0) + 1;
  const summary = { organisation, name, connector, baseUrl, revision };
  connections.set(name, summary);
  return summary;
}

type Options = { readonly method?: string; readonly body?: unknown; readonly key?: string; readonly headers?: Record<string, string>; readonly text?: string };

/** Calls the API and checks request and answer against its own OpenAPI document. */
async function call(target: string, { method = 'GET', body, key = operator.key, headers = {}, text }: Options = {}) {
  const answer = await fetch(`${http}${target}`, {
    method,
    headers: { ...(key === '' ? {} : { authorization: `Bearer ${key}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(text !== undefined ? { body: text } : body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const document = (await answer.json()) as Record<string, never>;
  expect(await findingsAgainstDocument(http, { method, target, body }, answer, document)).toEqual([]);
  return { status: answer.status, document, headers: answer.headers };
}

describe('keys', () => {
  test.each([
    ['without a key', '', 'key-missing'],
    ['with a key that nobody made', makeKey().key, 'key-invalid'],
    ['with something that is no key', 'secret', 'key-invalid'],
  ])('a call %s is refused', async (_what, key, reason) => {
    const { status, document, headers } = await call('/v1/executions', { key });
    expect({ status, reason: document['reason'] }).toEqual({ status: 401, reason });
    expect(headers.get('www-authenticate')).toBe('Bearer');
  });

  test('an organisation’s key is valid for that organisation alone and never sees another’s executions', async () => {
    expect(await call('/v1/resources', { method: 'POST', body: { kind: 'organisation', name: 'acme' } })).toMatchObject({ status: 200, document: { outcome: 'created' } });
    // Both are known at once to the gateway that made them.
    const { document } = await call('/v1/keys', { method: 'POST', body: { organisation: 'acme' } });
    const key = String(document['key']);
    const own = await call('/v1/executions', { method: 'POST', body: { workflow: 'orders', input: 1 }, key });
    const foreign = await call('/v1/executions', { method: 'POST', body: { workflow: 'orders', input: 2 } });
    const foreignId = String(foreign.document['execution']);
    expect((await call(`/v1/executions/${own.document['execution']}`, { key })).status).toBe(200);
    expect((await call(`/v1/executions/${foreignId}`, { key })).document).toMatchObject({ reason: 'execution-unknown' });
    expect((await call(`/v1/executions/${foreignId}:cancel`, { method: 'POST', key })).document).toMatchObject({ reason: 'execution-unknown' });
    expect((await call(`/v1/executions/${foreignId}/trace`, { key })).document).toMatchObject({ reason: 'execution-unknown' });
    expect((await call('/v1/executions', { key })).document['executions']).toHaveLength(1);
    expect((await call('/v1/executions', { key, headers: { 'millrace-organisation': 'default' } })).document).toMatchObject({ reason: 'organisation-denied', status: 403 });
    expect((await call('/v1/keys', { method: 'POST', body: {}, key })).document).toMatchObject({ reason: 'organisation-denied' });
    expect((await call('/v1/organisations/acme/limits', { method: 'PUT', body: { concurrency: 9 }, key })).document).toMatchObject({ reason: 'organisation-denied' });
  });

  test('an operator’s key acts for the organisation it names, and only for one that is there', async () => {
    const started = await call('/v1/executions', { method: 'POST', body: { workflow: 'orders' }, headers: { 'millrace-organisation': 'acme' } });
    expect((await call(`/v1/executions/${started.document['execution']}`)).document).toMatchObject({ organisation: 'acme' });
    expect((await call('/v1/executions', { headers: { 'millrace-organisation': 'nobody' } })).document).toMatchObject({ reason: 'organisation-unknown', status: 404 });
  });
});

describe('dead letters', () => {
  test('are seen by their organisation, sent again corrected, removed; those of nobody are the operator’s', async () => {
    await ensureStream(bus, { name: 'NOTIFY', subjects: ['notify.*'] });
    const letters = createDeadLetters(bus);
    const kept = (sequence: number, text: string) => ({ stream: 'NOTIFY', sequence, subject: 'notify.acme', data: Buffer.from(text), reason: 'no JSON' });
    await call('/v1/resources', { method: 'POST', body: { kind: 'organisation', name: 'acme' } });
    for (const [index, text] of ['first', 'second'].entries()) await letters.keep('acme', kept(index + 1, text));
    await letters.keep(undefined, kept(3, 'nobody’s'));
    const { document: made } = await call('/v1/keys', { method: 'POST', body: { organisation: 'acme' } });
    const key = String(made['key']);
    const list = async (): Promise<readonly { readonly letter: string; readonly text: string }[]> => (await call('/v1/dead-letters', { key })).document['letters'] as never;
    const [first, second] = await list();
    expect((await call(`/v1/dead-letters/${first?.letter}`, { key })).document).toMatchObject({ text: 'first', stream: 'NOTIFY', subject: 'notify.acme', reason: 'no JSON' });
    expect((await call(`/v1/dead-letters/${first?.letter}`)).document).toMatchObject({ reason: 'resource-unknown' });
    expect((await call(`/v1/dead-letters/${first?.letter}:requeue`, { method: 'POST', body: { text: 'corrected' }, key })).status).toBe(200);
    expect(Buffer.from((await bus.manager.streams.getMessage('NOTIFY', { last_by_subj: 'notify.acme' }))?.data ?? []).toString()).toBe('corrected');
    expect((await call(`/v1/dead-letters/${second?.letter}`, { method: 'DELETE', key })).document).toEqual({ letter: second?.letter });
    expect(await list()).toEqual([]);
    expect((await call('/v1/dead-letters?unowned=true', { key })).document).toMatchObject({ reason: 'organisation-denied' });
    expect((await call('/v1/dead-letters?unowned=true')).document['letters']).toMatchObject([{ text: 'nobody’s' }]);
    const client = new DeadLetterServiceClient(grpc, credentials.createInsecure());
    const metadata = Metadata.fromHttp2Headers({ authorization: `Bearer ${operator.key}` });
    const ask = <Request, Response>(method: (request: Request, metadata: Metadata, callback: (error: Error | null, response: Response) => void) => unknown, request: Request): Promise<Response> => new Promise((resolve, reject) => method.call(client, request, metadata, (error, answer) => (error === null ? resolve(answer) : reject(error))));
    const listed = (): Promise<ListDeadLettersResponse> => ask(client.listDeadLetters, { unowned: true, cursor: '', limit: 0 });
    const [own, nobodys] = await listed().then((found) => [found, { letter: found.letters[0]?.letter ?? '', unowned: true }] as const);
    expect([own.letters.length, own.cursor, await ask(client.getDeadLetter, nobodys)]).toMatchObject([1, '', { text: 'nobody’s', reason: 'no JSON', stream: 'NOTIFY' }]);
    await expect(ask(client.getDeadLetter, { ...nobodys, unowned: false })).rejects.toThrow('There is no dead letter');
    expect(await ask(client.requeueDeadLetter, { ...nobodys, text: 'told' })).toMatchObject({ subject: 'notify.acme' });
    expect(Buffer.from((await bus.manager.streams.getMessage('NOTIFY', { last_by_subj: 'notify.acme' }))?.data ?? []).toString()).toBe('told');
    await letters.keep(undefined, kept(4, 'again'));
    const left = { letter: (await listed()).letters[0]?.letter ?? '', unowned: true };
    expect(await ask(client.removeDeadLetter, left)).toEqual(left);
    await expect(ask(client.removeDeadLetter, left)).rejects.toThrow('There is no dead letter');
    client.close();
  });
});

test('approvals are listed, linked and decided, by whoever has the key or the link', async () => {
  const { document } = await call('/v1/executions', { method: 'POST', body: { workflow: 'orders' } });
  const at = `/v1/executions/${String(document['execution'])}`;
  expect((await call(`${at}/approvals`)).document).toMatchObject({ approvals: [{ name: 'ask', assignee: 'ada', expiresAt: null }] });
  expect((await call(`${at}/approvals`, { key: '' })).status).toBe(401);
  expect((await call(`${at}/approval-links`, { method: 'POST', body: { task: 'other' } })).document).toMatchObject({ reason: 'approval-unknown' });
  const made = await call(`${at}/approval-links`, { method: 'POST', body: { validSeconds: 60 } });
  expect([made.status, made.document['for'], made.headers.get('cache-control')]).toEqual([201, 'ada', 'no-store']);
  const page = await (await fetch(`${http}${String(made.document['path'])}`)).text();
  expect([page.includes('&#60;i&#62;?'), page.includes('<i>'), acts.length]).toEqual([true, false, 0]);
  const link = new URL(String(made.document['path']), http).searchParams.get('link') ?? '';
  expect((await fetch(`${http}/approve`, { method: 'POST', body: new URLSearchParams({ link, act: 'approve', comment: 'fine' }) })).status).toBe(200);
  expect((await call(`${at}/approvals`, { method: 'POST', body: { act: 'reject' } })).document).toMatchObject({ reason: 'approval-decided' });
  expect(acts).toMatchObject([{ act: 'approve', by: 'link/ada', reason: 'fine', signed: { activation: 2, delegations: 0 } }, { act: 'reject', by: 'operator/bootstrap' }]);
});

describe('executions over REST', () => {
  test('a start is answered with its id once it is durable', async () => {
    const { status, document, headers } = await call('/v1/executions', { method: 'POST', body: { workflow: 'orders', input: { n: 1 } } });
    expect({ status, started: document['status'] }).toEqual({ status: 202, started: 'pending' });
    expect(headers.get('location')).toBe(`/v1/executions/${document['execution']}`);
  });

  test('a start that waits is answered with the document of the ended execution', async () => {
    const { status, document } = await call('/v1/executions?wait=20s', { method: 'POST', body: { workflow: 'orders', version: '1.0.0', input: { n: 1 } } });
    expect(status).toBe(200);
    expect(document).toMatchObject({ status: 'completed', workflow: 'orders@1.0.0', output: { n: 1 }, error: null, tasks: [{ reference: '/do/0/echo', attempts: 1 }] });
  });

  test('a start that waits too short a time is answered with the document as it is', async () => {
    const { status, document } = await call('/v1/executions?wait=50ms', { method: 'POST', body: { workflow: 'sleeper' } });
    expect({ status, shown: document['status'], endedAt: document['endedAt'] }).toEqual({ status: 202, shown: 'waiting', endedAt: null });
  });

  test('the same key is the same execution', async () => {
    const body = { workflow: 'orders', input: 1, idempotencyKey: 'once' };
    const first = await call('/v1/executions', { method: 'POST', body });
    const second = await call('/v1/executions', { method: 'POST', body });
    expect(second.document['execution']).toBe(first.document['execution']);
  });

  test('an execution is cancelled', async () => {
    const started = await call('/v1/executions', { method: 'POST', body: { workflow: 'sleeper' } });
    expect((await call(`/v1/executions/${started.document['execution']}:cancel`, { method: 'POST' })).document).toMatchObject({ status: 'cancelled', output: null });
  });

  test('a trace is shown without deliveries while the notification service is away', async () => {
    const started = await call('/v1/executions', { method: 'POST', body: { workflow: 'orders' } });
    expect((await call(`/v1/executions/${started.document['execution']}/trace`)).document).toMatchObject({ traceId: 'f'.repeat(32), spans: [{ service: 'gateway', parentSpanId: null }] });
  });

  test('a list comes in pages, the newest first', async () => {
    for (let count = 0; count < 5; count += 1) await call('/v1/executions?wait=1s', { method: 'POST', body: { workflow: 'pages' } });
    const first = (await call('/v1/executions?workflow=pages&limit=3')).document as unknown as ExecutionListDocument;
    const second = (await call(`/v1/executions?workflow=pages&limit=3&cursor=${first.cursor}`)).document as unknown as ExecutionListDocument;
    expect([first.executions.length, second.executions.length, second.cursor]).toEqual([3, 2, null]);
    const ids = [...first.executions, ...second.executions].map(({ execution }) => execution);
    expect(new Set(ids).size).toBe(5);
  });

  test.each([
    ['a workflow nobody applied', { workflow: 'unknown' }, 404, 'workflow-unknown'],
    ['no workflow', { input: 1 }, 400, 'argument-invalid'],
    ['a member that is not known', { workflow: 'orders', inputs: 1 }, 400, 'argument-invalid'],
    ['two versions', { workflow: 'orders@1.0.0', version: '2.0.0' }, 400, 'argument-invalid'],
  ])('a start with %s is refused', async (_what, body, status, reason) => {
    const answer = await fetch(`${http}/v1/executions`, { method: 'POST', headers: { authorization: `Bearer ${operator.key}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
    expect(await answer.json()).toMatchObject({ status, reason });
    expect(answer.status).toBe(status);
  });

  test.each(['/v1/executions/nonsense', `/v1/executions/a${'0'.repeat(31)}`])('%s is not found', async (target) => {
    expect(await call(target)).toMatchObject({ status: 404, document: { reason: 'execution-unknown' } });
  });

  test('an address that is not there is a problem', async () => {
    expect(await call('/v1/nothing')).toMatchObject({ status: 404, document: { reason: 'resource-unknown' } });
    expect(await call('/v1/executions', { method: 'POST', text: '{', headers: { 'content-type': 'application/json' } })).toMatchObject({ status: 400 });
    expect(await call('/v1/executions', { method: 'POST', text: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } })).toMatchObject({ status: 400 });
  });

  test('an input that is nested without end is refused', async () => {
    const text = `{"workflow":"orders","input":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(await call('/v1/executions', { method: 'POST', text, headers: { 'content-type': 'application/json' } })).toMatchObject({ status: 400, document: { reason: 'argument-invalid', detail: '`input` is nested too deep' } });
  });

  test('a body that is announced as too large is refused before it is sent', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${operator.key}`, 'content-type': 'application/yaml', 'content-length': BODY_BYTES_MAX + 1 };
      const sent = request(`${http}/v1/workflows`, { method: 'POST', headers }, (response) => {
        resolve(response.statusCode);
        sent.destroy();
      });
      sent.on('error', reject);
      sent.flushHeaders();
    });
    expect(status).toBe(413);
  });

  test('who knows the HTTP address alone is told where the gRPC API is, without a key', async () => {
    expect(await call('/.well-known/millrace', { key: '' })).toMatchObject({ status: 200, document: { version: '0.1.0', grpc } });
  });

  test('the document describes every route of the table', async () => {
    const { document } = await call('/openapi.json', { key: '' });
    expect(Object.keys(document['paths'] ?? {}).toSorted()).toEqual([...new Set(ROUTES.map(({ path: each }) => each))].toSorted());
  });
});

describe('workflows and resources', () => {
  test.each([
    ['application/yaml', 'document:\n  dsl: 1.0.3\n'],
    ['application/json', '{"document":{"dsl":"1.0.3"}}'],
  ])('a workflow is applied as %s', async (type, text) => {
    expect(await call('/v1/workflows', { method: 'POST', text, headers: { 'content-type': type } })).toMatchObject({ status: 201, document: { name: 'orders', hash: 'f00d', warnings: ['a warning'] } });
  });

  test('a workflow that is refused keeps its problems', async () => {
    expect(await call('/v1/workflows', { method: 'POST', text: 'a: 1', headers: { 'content-type': 'application/yaml' } })).toMatchObject({ status: 400, document: { reason: 'workflow-invalid', details: { problems: [{ line: 1 }] } } });
  });

  test('limits are created, unchanged and changed', async () => {
    const apply = async (spec: object) => (await call('/v1/resources', { method: 'POST', body: { kind: 'limits', name: 'limits', organisation: 'default', spec } })).document['outcome'];
    expect(await apply({ concurrency: 5 })).toBe('created');
    expect(await apply({ concurrency: 5 })).toBe('unchanged');
    expect(await apply({ concurrency: 6 })).toBe('changed');
    expect((await call('/v1/organisations/default/limits', { method: 'PUT', body: { concurrency: 7, weight: 2 } })).document).toEqual({ organisation: 'default', concurrency: 7, startsPerSecond: 0, weight: 2 });
  });

  test('a connection goes to the connector service', async () => {
    const body = { millrace: 'v1', kind: 'connection', name: 'crm', spec: { connector: 'http', baseUrl: 'https://crm.example', auth: { kind: 'bearer', tokenSecret: 'token' }, secrets: { token: 's3cret' } } };
    expect((await call('/v1/resources', { method: 'POST', body })).document).toEqual({ kind: 'connection', name: 'crm', organisation: 'default', outcome: 'created' });
  });

  test.each([
    ['a name that is none', { kind: 'organisation', name: 'Not A Name' }, 'resource-invalid'],
    ['a member that is not known', { kind: 'limits', name: 'x', spec: { concurency: 1 } }, 'resource-invalid'],
    ['a service that is away', { kind: 'webhook', name: 'hook', spec: { workflow: 'orders' } }, 'service-unavailable'],
    ['an organisation that is not there', { kind: 'limits', name: 'x', organisation: 'nobody', spec: { concurrency: 1 } }, 'organisation-unknown'],
  ])('a resource with %s is refused', async (_what, body, reason) => {
    expect((await call('/v1/resources', { method: 'POST', body })).document).toMatchObject({ reason });
  });
});

describe('jobs', () => {
  const headers = { 'millrace-organisation': 'default' };
  const over = (job: unknown) =>
    eventually(async () => {
      const { document } = await call(`/v1/jobs/${job}`, { headers });
      return document['state'] === 'running' ? undefined : document;
    });

  test('a retention keeps the newest, measures or removes the rest, and is for operators', async () => {
    const { executions } = (await call('/v1/executions?limit=500', { headers })).document as unknown as ExecutionListDocument;
    const body = { act: 'measure', where: 'ended < 30d ago', keep: 2 };
    const measured = await call('/v1/jobs', { method: 'POST', body, headers });
    expect(measured).toMatchObject({ status: 202, document: { act: 'measure', state: 'running', organisation: 'default', keep: 2, bytes: 0 } });
    const rest = executions.length - 2;
    expect(rest).toBeGreaterThan(2);
    expect(await over(measured.document['job'])).toMatchObject({ state: 'completed', done: rest, bytes: 1_000 * rest });
    const removed = await call('/v1/jobs', { method: 'POST', body: { ...body, act: 'remove' }, headers });
    expect(await over(removed.document['job'])).toMatchObject({ state: 'completed', done: rest });
    expect(removals.map(({ organisation, dryRun, executions: ids }) => [organisation, dryRun, ids])).toEqual([true, false].map((dryRun) => ['default', dryRun, executions.slice(2).map(({ execution }) => execution)]));
    expect(removals.every(({ endedBeforeMs }) => endedBeforeMs < Date.now() - 3_500_000)).toBe(true);
    await call('/v1/resources', { method: 'POST', body: { kind: 'organisation', name: 'tidy', spec: {} } });
    const key = (await call('/v1/keys', { method: 'POST', body: { organisation: 'tidy' } })).document['key'] as unknown as string;
    expect((await call('/v1/jobs', { method: 'POST', body, key })).document).toMatchObject({ reason: 'organisation-denied' });
    expect((await call('/v1/jobs', { key })).document).toEqual({ jobs: [] });
    expect((await call(`/v1/jobs/${removed.document['job']}`, { key })).document).toMatchObject({ reason: 'resource-unknown' });
  });
});

describe('events and schedules', () => {
  beforeAll(async () => {
    registrations.push(await joinRegistry(bus, { service: 'trigger', instance: 'trigger-1', version: '0.0.0', addresses: { grpc: peer.address }, attributes: {} }));
    await eventually(async () => (await call('/v1/schedules')).status === 200);
  });

  const event = { specversion: '1.0', id: '1', source: 'urn:shop', type: 'order.placed', data: { n: 1 } };
  const send = (contentType: string, body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; document: Record<string, unknown> }> =>
    call('/v1/events', { method: 'POST', text: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': contentType, ...headers } });

  test.each([
    ['structured', 'application/cloudevents+json', event, {}, ['1']],
    ['in a batch', 'application/cloudevents-batch+json', [event, { ...event, id: '2' }], {}, ['1', '2']],
    ['binary', 'application/json', '{"n":1}', { 'ce-specversion': '1.0', 'ce-id': '3', 'ce-source': 'urn:shop', 'ce-type': 'order.placed' }, ['3']],
  ])('events are taken %s, for the organisation of the caller', async (_, type, body, headers, ids) => {
    published.length = 0;
    expect(await send(type, body, headers)).toMatchObject({ status: 202, document: { events: ids.length } });
    expect(published).toMatchObject(ids.map((id) => ({ organisation: 'default', event: { ...event, id } })));
  });

  test('a batch with an event that is wrong is refused as a whole, with the place', async () => {
    published.length = 0;
    expect(await send('application/cloudevents-batch+json', [event, { ...event, source: '' }])).toMatchObject({ status: 400, document: { reason: 'argument-invalid', detail: expect.stringContaining('events[1]: `source`') as never } });
    expect(published).toEqual([]);
    expect((await call('/v1/events', { method: 'POST', key: '', text: '{}', headers: { 'content-type': 'application/cloudevents+json' } })).status).toBe(401);
  });

  test('a schedule is applied, shown, paused and removed', async () => {
    const apply = (): Promise<{ document: Record<string, unknown> }> => call('/v1/resources', { method: 'POST', body: { kind: 'schedule', name: 'nightly', spec: { workflow: 'report', cron: '0 3 * * *', timeZone: 'Europe/Berlin' } } });
    expect((await apply()).document).toMatchObject({ kind: 'schedule', outcome: 'created' });
    expect((await apply()).document).toMatchObject({ outcome: 'unchanged' });
    const shown = { name: 'nightly', organisation: 'default', workflow: 'report', rule: { cron: '0 3 * * *', timeZone: 'Europe/Berlin' }, input: {}, catchUp: 'latest', state: 'active', documentOf: null, next: ['2001-09-09T01:46:40.000Z'] };
    expect((await call('/v1/schedules')).document).toMatchObject({ schedules: [shown] });
    expect((await call('/v1/schedules/nightly')).document).toMatchObject(shown);
    expect((await call('/v1/schedules/nightly:pause', { method: 'POST' })).document).toMatchObject({ state: 'paused' });
    expect((await call('/v1/schedules/workflow.other')).document).toMatchObject({ reason: 'resource-unknown', status: 404 });
    expect((await call('/v1/schedules/nightly', { method: 'DELETE' })).document).toEqual({ name: 'nightly' });
    expect((await call('/v1/schedules/nightly', { method: 'DELETE' })).status).toBe(404);
  });
});

describe('the gRPC API', () => {
  const withKey = (key = operator.key, organisation?: string): Metadata => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${key}`);
    if (organisation !== undefined) metadata.set('millrace-organisation', organisation);
    return metadata;
  };
  const streamed = (number: number, rest: Partial<StreamedStart> = {}): StreamedStart => ({ number, workflow: 'orders', inputJson: `{"n":${number}}`, idempotencyKey: '', wait: true, acknowledge: false, organisation: '', traceparent: '', ...rest });

  /** Sends all starts in batches and resolves with the answers when the stream has ended. */
  function stream(starts: readonly StreamedStart[], batch = 50): Promise<readonly StreamedAnswer[]> {
    const client = new ExecutionServiceClient(grpc, credentials.createInsecure());
    return new Promise<readonly StreamedAnswer[]>((resolve, reject) => {
      const call = client.startExecutions(withKey());
      const answers: StreamedAnswer[] = [];
      call.on('data', (response: StartExecutionsResponse) => answers.push(...response.answers));
      call.on('error', reject);
      call.on('end', () => resolve(answers));
      for (let from = 0; from < starts.length; from += batch) call.write({ starts: starts.slice(from, from + batch) });
      call.end();
    }).finally(() => client.close());
  }

  test('a stream of starts is answered in full before it ends', async () => {
    const answers = await stream(Array.from({ length: 2000 }, (_, index) => streamed(index + 1)));
    expect(answers).toHaveLength(2000);
    expect(new Set(answers.map(({ number }) => number)).size).toBe(2000);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['completed']));
    expect(answers.find(({ number }) => number === 7)?.outputJson).toBe('{"n":7}');
  });

  test('answers say what was asked for: durability, the end, both, or why not', async () => {
    const answers = await stream([streamed(1, { wait: false }), streamed(2, { acknowledge: true }), streamed(3, { workflow: 'unknown' }), streamed(4, { organisation: 'nobody' }), streamed(5, { workflow: '' })]);
    const of = (number: number) => answers.filter((answer) => answer.number === number).map(({ status, reason }) => [status, reason]);
    expect(of(1)).toEqual([['pending', '']]);
    expect(of(2)).toEqual([['pending', ''], ['completed', '']]);
    expect(of(3)).toEqual([['refused', 'workflow-unknown']]);
    expect(of(4)).toEqual([['refused', 'organisation-unknown']]);
    expect(of(5)).toEqual([['refused', 'argument-invalid']]);
  });

  test('a unary start waits for the end', async () => {
    const client = new ExecutionServiceClient(grpc, credentials.createInsecure());
    const started = await new Promise((resolve, reject) => {
      client.startExecution({ workflow: 'orders', version: '', inputJson: '5', idempotencyKey: '', waitMs: 5000 }, withKey(), (error, response) => (error === null ? resolve(response) : reject(error)));
    });
    client.close();
    expect(started).toMatchObject({ status: 'completed', outputJson: '5' });
  });

  test('a call without a key fails with the reason in its metadata', async () => {
    const client = new OrganisationServiceClient(grpc, credentials.createInsecure());
    const failure = await new Promise<{ code: number; metadata: Metadata }>((resolve) => client.createKey({ organisation: '', description: '' }, (error) => resolve(error as never)));
    client.close();
    expect({ code: failure.code, reason: failure.metadata.get('millrace-reason')[0] }).toEqual({ code: 16, reason: 'key-missing' });
  });

  test('a tail shows what happens from now on', async () => {
    const client = new ExecutionServiceClient(grpc, credentials.createInsecure());
    const call = client.tailExecutions({ execution: '', workflow: 'orders' }, withKey(operator.key, 'default'));
    call.on('error', () => undefined);
    const first = new Promise<ExecutionEvent>((resolve) => call.once('data', resolve));
    const [open] = await eventually(() => tails.size > 0 && [...tails]);
    expect(open?.request).toMatchObject({ organisation: 'default', workflow: 'orders' });
    open?.write({ organisation: 'default', execution: 'a1', workflow: 'orders', atMs: 1, kind: 'started', reference: '', detail: '' });
    expect(await first).toMatchObject({ execution: 'a1', kind: 'started' });
    call.cancel();
    client.close();
    await eventually(() => tails.size === 0);
  });

  test('a workflow is applied', async () => {
    const client = new WorkflowServiceClient(grpc, credentials.createInsecure());
    const workflow = await new Promise((resolve, reject) => {
      client.applyWorkflow({ document: 'document: {}', fileName: 'a.yaml', unregistered: false, dryRun: false, draft: false }, withKey(), (error, response) => (error === null ? resolve(response) : reject(error)));
    });
    client.close();
    expect(workflow).toMatchObject({ name: 'orders', version: '1.0.0' });
  });
});

test('with MongoDB away, also after a restart, keys and organisations are known and executions start', async () => {
  const { document } = await call('/v1/keys', { method: 'POST', body: { organisation: 'acme' } });
  const key = String(document['key']);
  await mongod.stop();
  expect(await gateway.stop()).toEqual({ code: 0, signal: null });
  await startGateway();
  expect((await call('/v1/executions', { method: 'POST', body: { workflow: 'orders' }, key })).status).toBe(202);
  expect((await call('/v1/resources', { method: 'POST', body: { kind: 'organisation', name: 'later' } })).document).toMatchObject({ reason: 'store-failed', status: 503 });
  await mongod.restart();
  await eventually(async () => (await call('/v1/resources', { method: 'POST', body: { kind: 'organisation', name: 'later' } })).status === 200);
}, 60_000);
