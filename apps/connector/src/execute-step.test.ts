import type { ConnectorManifest, OpenAuth, OperationManifest, Performed } from './manifest.ts';
import { compileCatalogue } from './catalogue.ts';
import { uncertain, failure } from './failure.ts';
import { OUTPUT_BYTES_MAX } from './limits.ts';
import { hideCredentials } from './auth/credentials.ts';
import { scrub } from './scrub.ts';
import { stepSecrets } from './secret-handles.ts';
import { bench } from './testing/run-operation.ts';

function connector(run: (signal: AbortSignal) => Promise<Performed>, change: Partial<OperationManifest> = {}): ConnectorManifest {
  const operation: OperationManifest = {
    summary: 'for tests',
    arguments: { type: 'object', properties: { a: { type: 'integer' }, b: { enum: ['x', 'y'] } }, additionalProperties: false },
    output: { type: 'object' },
    retryClass: 'safe',
    timeoutMs: 5_000,
    action: { kind: 'run', run: ({ signal }) => run(signal) },
    ...change,
  };
  return { id: 'test', version: '1.0.0', title: 'Test', auth: ['none'], operations: { run: operation } };
}
const answers = (value: number): (() => Promise<Performed>) => () => Promise.resolve({ kind: 'output', value });

test('names every place where arguments do not fit', async () => {
  const failed = await bench([connector(answers(1))]).failure('test.run', { a: 'one', b: 'z', c: 1 });
  expect(failed.status).toBe(400);
  for (const place of ['/a must be integer', '/b must be equal to one of the allowed values: ["x","y"]', '(c)']) expect(failed.detail).toContain(place);
  expect(await bench([connector(answers(1))]).failure('test.run', [])).toMatchObject({ detail: expect.stringContaining('not a JSON object') });
});

test('leaves out parameters that are null, and the name of the connection', async () => {
  expect(await bench([connector(answers(7))]).output('test.run', { a: null, c: null, connection: 'whatever' })).toBe(7);
});

test('an operation that breaks is a failure that tells nothing of what it threw', async () => {
  const runs = bench([connector(() => Promise.reject(new Error('password=hunter22')))]);
  expect(await runs.failure('test.run', {})).toMatchObject({ type: expect.stringContaining('errors/runtime'), status: 500 });
  expect(JSON.stringify(runs.logged)).not.toContain('hunter22');
});

test('an operation that does not heed its signal is left behind at its time limit', async () => {
  const failed = await bench([connector(() => new Promise(() => undefined))]).failure('test.run', {}, { timeoutMs: 30 });
  expect(failed).toMatchObject({ status: 408, detail: expect.stringContaining('within 30 ms') });
});

test('an operation that heeds its signal may still say what it knows', async () => {
  const heeds = (signal: AbortSignal): Promise<Performed> =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(uncertain(failure('communication', 504, 'half of it was sent'))));
    });
  expect(await bench([connector(heeds)]).failure('test.run', {}, { timeoutMs: 30 })).toMatchObject({ status: 504, detail: 'half of it was sent' });
});

test('the operation has its own time limit when the step asks for none', async () => {
  expect(await bench([connector(() => new Promise(() => undefined), { timeoutMs: 20 })]).failure('test.run', {})).toMatchObject({ detail: expect.stringContaining('within 20 ms') });
});

test('an output larger than the limit is a failure', async () => {
  const large = (): Promise<Performed> => Promise.resolve({ kind: 'output', value: 'ü'.repeat(OUTPUT_BYTES_MAX / 2) });
  expect(await bench([connector(large)]).failure('test.run', {})).toMatchObject({ status: 502, detail: expect.stringContaining('larger than') });
});

test('one record says how a step failed', async () => {
  const runs = bench([connector(() => Promise.resolve(uncertain(failure('communication', 503, 'down'))))]);
  await runs.failure('test.run', {}, { execution: 'e9', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' });
  expect(runs.logged).toHaveLength(1);
  expect(runs.logged[0]).toMatchObject({ message: 'a step failed', execution: 'e9', organisation: 'acme', status: 503, traceId: '0af7651916cd43dd8448eb211c80319c' });
});

test('two connectors with an operation of the same name are a defect', () => {
  expect(() => compileCatalogue([connector(answers(1)), connector(answers(2))])).toThrow(/two connectors describe test\.run/);
});

test('secrets are masked however JSON writes them, in basic credentials too, and short ones are left alone', () => {
  const secret = 'pass"word\\1';
  expect(scrub(JSON.stringify({ a: `x${secret}y` }), [secret])).toBe('{"a":"x***y"}');
  const basic = { kind: 'basic', username: 'user', password: 'password' } as const;
  expect(scrub(`Basic ${Buffer.from('user:password').toString('base64')}`, hidden(basic))).toBe('Basic ***');
  expect(scrub('a1a', ['a'])).toBe('a1a');
});

/** The texts that these credentials keep from leaving. */
function hidden(auth: OpenAuth): readonly string[] {
  const secrets = stepSecrets({ secret: () => undefined }, 'acme');
  hideCredentials(auth, secrets);
  return secrets.texts;
}
