import { MillraceError } from '@millrace/errors';
import { replyWaitMs } from './accept-hook.ts';
import { acceptedAnswer, failureAnswer, replyAnswer } from './hook-answer.ts';
import { readHookRequest, type HookRequest } from './hook-request.ts';
import { compileKey, type ServedWebhook } from './webhook-book.ts';

function served(expression?: string): ServedWebhook {
  const webhook = { organisation: 'acme', name: 'hook', workflow: 'w', reply: 'accepted', signature: { kind: 'none' } } as const;
  if (expression === undefined) return { webhook, revision: 1 };
  const compiled = compileKey(expression);
  if (compiled.kind === 'refused') throw new Error(compiled.problem);
  return { webhook: { ...webhook, keyExpression: expression }, revision: 1, keyProgram: compiled.program };
}

const request = (body: string, headers: HookRequest['headers'] = { 'content-type': 'application/json' }, query = ''): HookRequest => ({ headers, query, body: Buffer.from(body), acceptedAtMs: 1000 });
const inputOf = (asked: HookRequest): unknown => JSON.parse(readHookRequest(served(), asked).inputJson);

describe('the input of a start', () => {
  test.each([
    ['JSON', 'application/json', '{"a":[1,2]}', { a: [1, 2] }],
    ['JSON with parameters', 'application/json; charset=utf-8', '[]', []],
    ['JSON of a vendor', 'application/vnd.github+json', 'null', null],
    ['a CloudEvent', 'application/cloudevents+json', '{"id":"1"}', { id: '1' }],
    ['text', 'text/plain', '{"a":1}', '{"a":1}'],
    ['JSON that does not say so', undefined, '{"a":1}', { a: 1 }],
    ['anything else that says nothing', undefined, 'plain', 'plain'],
    ['nothing', 'application/json', '', null],
  ])('has a body of %s as it is', (_what, type, body, expected) => {
    expect(inputOf(request(body, type === undefined ? {} : { 'content-type': type }))).toMatchObject({ body: expected });
  });

  test('has headers that belong to the event, joined when there are several of a name', () => {
    expect(inputOf(request('', { 'x-event': 'push', 'x-many': ['a', 'b'], authorization: 'Bearer s', cookie: 'c', host: 'h', 'content-length': '0', traceparent: 't' }))).toEqual({ headers: { 'x-event': 'push', 'x-many': 'a, b' }, query: {}, body: null });
  });

  test('has the query with repeated names as lists, whatever the names are', () => {
    expect(inputOf(request('', {}, 'a=1&b=x%20y&a=2&__proto__=z'))).toMatchObject({ query: JSON.parse('{"a":["1","2"],"b":"x y","__proto__":"z"}') as object });
  });
});

describe('the idempotency key', () => {
  const keyOf = (expression: string, body = '{"id":7,"parts":["a",1]}'): string | undefined => readHookRequest(served(expression), request(body, { 'content-type': 'application/json', 'x-id': 'd-1' }, 'q=2')).key;

  test.each([
    ['.headers["x-id"]', 'd-1'],
    ['.body.id', '7'],
    ['.body.parts', '["a",1]'],
    ['.query.q + "/" + .headers["x-id"]', '2/d-1'],
  ])('%s is %s', (expression, key) => {
    expect(keyOf(expression)).toBe(key);
  });

  test.each(['.body.missing', 'empty', '""', '.body.id + .headers["x-id"]', '[range(1000000000)]', '"x" * 2000'])('%s refuses the request', (expression) => {
    expect(() => keyOf(expression)).toThrow(expect.objectContaining({ reason: 'argument-invalid' }) as Error);
  });

  test('is absent when the webhook has no expression', () => {
    expect(readHookRequest(served(), request('{}')).key).toBeUndefined();
  });
});

describe('an answer', () => {
  test('to an accepted start names its execution', () => {
    expect(acceptedAnswer('a1')).toEqual({ status: 202, headers: expect.objectContaining({ location: '/v1/executions/a1', 'millrace-execution': 'a1' }) as object, body: '{"execution":"a1"}' });
  });

  test.each([
    ['a completed execution', { status: 'completed', output: [1] }, 200, [1]],
    ['one without an output', { status: 'completed' }, 200, null],
    ['a faulted one', { status: 'faulted', error: { type: 't', status: 418 } }, 418, { type: 't', title: 'execution faulted', status: 418, execution: 'a1' }],
    ['a faulted one whose error has no status of HTTP', { status: 'faulted', error: { type: 't', status: 7 } }, 500, { type: 't', title: 'execution faulted', status: 500, execution: 'a1' }],
  ] as const)('to %s', (_what, reply, status, body) => {
    const answer = replyAnswer({ execution: 'a1', ...reply });
    expect([answer.status, JSON.parse(answer.body)]).toEqual([status, body]);
  });

  test('to a cancelled or refused one is a problem', () => {
    expect(replyAnswer({ execution: 'a1', status: 'cancelled' }).status).toBe(409);
    expect(replyAnswer({ execution: 'a1', status: 'refused', reason: 'workflow-unknown' }).status).toBe(404);
    expect(replyAnswer({ execution: 'a1', status: 'refused', reason: 'of a later release' }).status).toBe(500);
  });

  test('to what may be sent again says when', () => {
    expect(failureAnswer(new MillraceError('bus-failed')).headers['retry-after']).toBe('1');
    expect(failureAnswer(new MillraceError('limit-exceeded', { retry: { kind: 'after', ms: 2500 } })).headers['retry-after']).toBe('3');
    expect(failureAnswer(new MillraceError('signature-invalid')).headers['retry-after']).toBeUndefined();
  });
});

test.each([
  [undefined, 30_000],
  ['respond-async', 30_000],
  ['wait=5', 5_000],
  ['respond-async, wait=10', 10_000],
  ['handling=lenient; wait="0"', 0],
  ['wait=99999', 600_000],
])('a sender that prefers %j is kept waiting for %d ms at most', (prefer, waitMs) => {
  expect(replyWaitMs(prefer)).toBe(waitMs);
});
