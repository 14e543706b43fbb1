import { credentials, Client, Metadata, loadPackageDefinition, status, type ServiceError } from '@grpc/grpc-js';
import { LimitsClient, LimitsService, OrganisationLimits, type LimitsReference } from '@millrace/contracts/throttle/v1/throttle';
import { ExecutionsClient, ExecutionsService, type TailEvent } from '@millrace/contracts/orchestrator/v1/executions';
import { MillraceError } from '@millrace/errors';
import { createLogger, createMetrics } from '@millrace/telemetry';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { HEADERS, createRpcServer, failureOf, requireOrganisation, serverStream, unary, type CallContext, type RpcServer } from './index.ts';

const require = createRequire(import.meta.url);
const limitsOf = (organisation: string): OrganisationLimits => ({ ...OrganisationLimits.decode(new Uint8Array()), organisation, concurrency: 4 });
const insecure = credentials.createInsecure();

const lines: Record<string, unknown>[] = [];
const logger = createLogger({ service: 'throttle', instance: 't-1', destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) } });
const metrics = createMetrics({ service: 'throttle', instance: 't-1' });

/** What `get` does in the test that runs. */
let onGet: (request: LimitsReference, context: CallContext) => Promise<OrganisationLimits> | OrganisationLimits;
let onTail: (context: CallContext) => AsyncIterable<TailEvent>;
let server: RpcServer;
let address: string;

beforeAll(async () => {
  server = createRpcServer({ logger, metrics });
  server.addService(LimitsService, {
    get: unary((request: LimitsReference, context) => onGet(request, context)),
    put: unary((request: OrganisationLimits) => request),
    list: unary(() => ({ limits: [] })),
  });
  server.addService(ExecutionsService, {
    tail: serverStream((_request: unknown, context) => onTail(context)),
  });
  ({ address } = await server.start());
});

afterAll(() => server.drain(0));

function get(client: LimitsClient, organisation: string, metadata = new Metadata(), deadlineMs = 5_000): Promise<OrganisationLimits> {
  return new Promise((resolve, reject) => {
    client.get({ organisation }, metadata, { deadline: Date.now() + deadlineMs }, (error, answer) => (error === null ? resolve(answer) : reject(error)));
  });
}

async function withClient<T>(use: (client: LimitsClient) => Promise<T>): Promise<T> {
  const client = new LimitsClient(address, insecure);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

describe('a unary handler', () => {
  test('answers with what it returns and knows organisation, trace, deadline and caller', async () => {
    let seen: CallContext | undefined;
    onGet = ({ organisation }, context) => {
      seen = context;
      return limitsOf(`${organisation}/${requireOrganisation(context)}`);
    };
    const metadata = new Metadata();
    metadata.set(HEADERS.organisation, 'acme');
    metadata.set(HEADERS.traceparent, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    const answer = await withClient((client) => get(client, 'asked', metadata));
    expect(answer).toMatchObject({ organisation: 'asked/acme', concurrency: 4 });
    expect(seen).toMatchObject({
      path: '/millrace.throttle.v1.Limits/Get',
      organisation: 'acme',
      trace: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', sampled: true },
    });
    expect((seen?.deadlineAtMs ?? 0) - Date.now()).toBeLessThanOrEqual(5_000);
    expect(seen?.peer).toMatch(/127\.0\.0\.1/);
  });

  test('that needs an organisation says so when there is none', async () => {
    onGet = (_request, context) => limitsOf(requireOrganisation(context));
    await expect(withClient((client) => get(client, 'x'))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test('sends a MillraceError that is the same MillraceError on the other side', async () => {
    const sent = new MillraceError('limit-exceeded', {
      message: 'Organisation größe has 5 starts a second; wait or have `startsPerSecond` raised',
      details: { limit: 'startsPerSecond', value: 5, naïve: 'ü' },
      retry: { kind: 'after', ms: 250 },
    });
    onGet = () => Promise.reject(sent);
    const error: unknown = await withClient((client) => get(client, 'x')).catch((caught: unknown) => caught);
    expect((error as ServiceError).code).toBe(status.RESOURCE_EXHAUSTED);
    const received = failureOf(error, 'throttle');
    expect(received).toMatchObject({ reason: sent.reason, code: sent.code, message: sent.message, details: sent.details, retry: sent.retry });
  });

  test('hides a foreign error from the caller and logs it with the trace', async () => {
    onGet = () => {
      throw new Error('password is hunter2');
    };
    const metadata = new Metadata();
    metadata.set(HEADERS.traceparent, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    const error = (await withClient((client) => get(client, 'x', metadata)).catch((caught: unknown) => caught)) as ServiceError;
    expect(error.code).toBe(status.INTERNAL);
    expect(error.message).not.toContain('hunter2');
    expect(failureOf(error, 'throttle')).toMatchObject({ reason: 'internal' });
    expect(lines.at(-1)).toMatchObject({ level: 'error', traceId: '0af7651916cd43dd8448eb211c80319c', path: '/millrace.throttle.v1.Limits/Get', error: { message: 'password is hunter2' } });
  });

  test('learns that its caller has gone', async () => {
    const aborted = new Promise<void>((resolve) => {
      onGet = (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            resolve();
            reject(signal.reason as Error);
          });
        });
    });
    const error: unknown = await withClient((client) => get(client, 'x', new Metadata(), 100)).catch((caught: unknown) => caught);
    expect(failureOf(error, 'throttle')).toMatchObject({ reason: 'deadline-exceeded', retry: { kind: 'backoff' } });
    await aborted;
  });

  test('whose answer does not fit the proto is logged', async () => {
    onGet = () => ({ organisation: 'x', concurrency: 'four' }) as never;
    await expect(withClient((client) => get(client, 'x'))).rejects.toMatchObject({ code: status.INTERNAL });
    expect(lines.at(-1)).toMatchObject({ level: 'error', path: '/millrace.throttle.v1.Limits/Get' });
  });

  test('is counted by method and status', async () => {
    onGet = () => limitsOf('x');
    await withClient((client) => get(client, 'x'));
    expect(await metrics.render()).toMatch(/millrace_rpc_call_seconds_count\{.*method="\/millrace\.throttle\.v1\.Limits\/Get",code="OK"\} \d/);
  });

  test('is not reached by a message over the limit', async () => {
    const error: unknown = await withClient((client) => get(client, 'x'.repeat(5 * 1024 * 1024))).catch((caught: unknown) => caught);
    expect(failureOf(error, 'throttle')).toMatchObject({ reason: 'payload-too-large' });
  });
});

describe('a stream of answers', () => {
  const event = { organisation: 'acme', execution: 'x' } as unknown as TailEvent;

  test('is sent as it is made and ends with its source', async () => {
    onTail = async function* () {
      yield await Promise.resolve(event);
      yield event;
    };
    const client = new ExecutionsClient(address, insecure);
    const received: TailEvent[] = [];
    for await (const each of client.tail({} as never)) received.push(each as TailEvent);
    expect(received).toHaveLength(2);
    client.close();
  });

  test('that fails carries the reason', async () => {
    onTail = async function* () {
      yield await Promise.resolve(event);
      throw new MillraceError('lane-displaced');
    };
    const client = new ExecutionsClient(address, insecure);
    const error = await new Promise((resolve) => client.tail({} as never).on('data', () => undefined).on('error', resolve));
    expect(failureOf(error, 'orchestrator')).toMatchObject({ reason: 'lane-displaced' });
    client.close();
  });

  test('stops its source when the reader has gone', async () => {
    const stopped = new Promise<void>((resolve) => {
      onTail = async function* ({ signal }) {
        try {
          while (!signal.aborted) {
            yield event;
            await new Promise((next) => setImmediate(next));
          }
        } finally {
          resolve();
        }
      };
    });
    const client = new ExecutionsClient(address, insecure);
    const call = client.tail({} as never);
    call.on('error', () => undefined);
    await new Promise((resolve) => call.once('data', resolve));
    call.cancel();
    await stopped;
    client.close();
  });
});

/** A client of a proto that the packages bring along, made without our own serializers. */
function clientOf(protoFile: string, service: (root: Record<string, never>) => unknown): Client & Record<string, (...parameters: unknown[]) => never> {
  const { loadSync } = createRequire(require.resolve('@grpc/reflection'))('@grpc/proto-loader') as { loadSync(file: string, options: object): Parameters<typeof loadPackageDefinition>[0] };
  const root = loadPackageDefinition(loadSync(protoFile, { enums: String, oneofs: true, defaults: true })) as never;
  const ClientClass = service(root) as new (address: string, given: typeof insecure) => never;
  return new ClientClass(address, insecure);
}

describe('health', () => {
  const request = (service: string): Buffer => (service === '' ? Buffer.alloc(0) : Buffer.concat([Buffer.from([10, service.length]), Buffer.from(service)]));
  const check = (service: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const client = new Client(address, insecure);
      const same = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, request(service), (error, answer) => {
        client.close();
        if (error === null) resolve(answer?.[1]);
        else reject(error);
      });
    });

  test('follows what the process says of itself, for all and for each service', async () => {
    expect(await check('')).toBe(2);
    server.setServing(true);
    expect(await check('')).toBe(1);
    expect(await check('millrace.throttle.v1.Limits')).toBe(1);
    await expect(check('no.such.Service')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  test('can be watched', async () => {
    const client = new Client(address, insecure);
    const same = (bytes: Buffer): Buffer => bytes;
    const call = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', same, same, request(''));
    call.on('error', () => undefined);
    const states: (number | undefined)[] = [];
    for await (const answer of call) {
      states.push((answer as Buffer)[1]);
      if (states.length === 1) server.setServing(false);
      else break;
    }
    expect(states).toEqual([1, 2]);
    client.close();
  });
});

describe('reflection', () => {
  test.each(['v1', 'v1alpha'])('of version %s lists the services and hands out their descriptors', async (version) => {
    const protoFile = path.join(path.dirname(require.resolve('@grpc/reflection/package.json')), `build/proto/grpc/reflection/${version}/reflection.proto`);
    expect(readFileSync(protoFile, 'utf8')).toContain('service ServerReflection');
    const client = clientOf(protoFile, (root) => (root as unknown as { grpc: { reflection: Record<string, { ServerReflection: unknown }> } }).grpc.reflection[version]?.ServerReflection);
    const call = (client['ServerReflectionInfo'] as unknown as () => NodeJS.EventEmitter & { write(message: unknown): void; end(): void }).call(client);
    const answers: Record<string, { service?: { name: string }[]; fileDescriptorProto?: Uint8Array[] }>[] = [];
    const ended = new Promise((resolve, reject) => call.on('data', (answer: (typeof answers)[number]) => answers.push(answer)).on('end', resolve).on('error', reject));
    call.write({ listServices: '*' });
    call.write({ fileContainingSymbol: 'millrace.throttle.v1.Limits' });
    call.write({ fileContainingSymbol: 'no.such.Symbol' });
    call.end();
    await ended;
    client.close();
    expect(answers[0]?.['listServicesResponse']?.service?.map(({ name }) => name)).toEqual(expect.arrayContaining(['millrace.throttle.v1.Limits', 'millrace.orchestrator.v1.Executions']));
    expect(answers[0]?.['listServicesResponse']?.service).toHaveLength(2);
    expect(Buffer.from(answers[1]?.['fileDescriptorResponse']?.fileDescriptorProto?.[0] ?? []).toString('latin1')).toContain('OrganisationLimits');
    expect(answers[2]?.['errorResponse']).toMatchObject({ errorCode: status.NOT_FOUND });
  });
});

describe('stopping', () => {
  test('lets a call under way end and refuses new ones', async () => {
    const own = createRpcServer({ logger, metrics });
    let release: () => void = () => undefined;
    const entered = new Promise<void>((began) => {
      own.addService(LimitsService, {
        get: unary(async () => {
          began();
          await new Promise<void>((resolve) => (release = resolve));
          return limitsOf('ended in order');
        }),
        put: () => undefined, list: () => undefined,
      });
    });
    const { address: ownAddress } = await own.start();
    const client = new LimitsClient(ownAddress, insecure);
    const answer = get(client, 'x');
    await entered;
    const drained = own.drain(5_000);
    const late = new LimitsClient(ownAddress, insecure);
    await expect(get(late, 'x')).rejects.toMatchObject({ code: status.UNAVAILABLE });
    release();
    expect(await answer).toMatchObject({ organisation: 'ended in order' });
    await drained;
    client.close();
    late.close();
  });

  test('cuts what outlives its time', async () => {
    const own = createRpcServer({ logger, metrics });
    const entered = new Promise<void>((began) => {
      own.addService(LimitsService, { get: unary(() => new Promise<OrganisationLimits>(() => began())), put: () => undefined, list: () => undefined });
    });
    const { address: ownAddress } = await own.start();
    const client = new LimitsClient(ownAddress, insecure);
    const answer = get(client, 'x').catch((error: unknown) => error);
    await entered;
    const beganMs = performance.now();
    await own.drain(200);
    expect(performance.now() - beganMs).toBeLessThan(2_000);
    expect(failureOf(await answer, 'throttle').reason).not.toBe('limit-exceeded');
    client.close();
  });
});
