import { EVENTS_MAX, EVENT_BYTES_MAX, readEventTexts, readHttpEvents } from './cloud-events.ts';

const EVENT = { specversion: '1.0', id: '1', source: '/shop', type: 'order.placed', data: { n: 1 } };
const STRUCTURED = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
const BATCH = { 'content-type': 'application/cloudevents-batch+json' };
const BINARY = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/shop', 'ce-type': 'order.placed' };
const read = (headers: Record<string, string>, body: unknown): readonly unknown[] =>
  readHttpEvents(headers, Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))).map((text) => JSON.parse(text) as unknown);

describe('an event over HTTP', () => {
  test('is taken structured, with extensions', () => {
    const event = { ...EVENT, time: '2026-01-02T03:04:05.678+01:00', traceid: 'x', partition: 3, urgent: true, data: null };
    expect(read(STRUCTURED, event)).toEqual([event]);
  });

  test('is taken in batches', () => {
    expect(read(BATCH, [EVENT, { ...EVENT, id: '2' }])).toEqual([EVENT, { ...EVENT, id: '2' }]);
  });

  test.each([
    ['JSON', 'application/json', '{"n":1}', { data: { n: 1 } }],
    ['JSON of another name', 'application/vnd.shop+json', '[1]', { data: [1] }],
    ['text', 'text/plain', 'hello', { data: 'hello' }],
    ['bytes', 'application/octet-stream', Buffer.from([0, 255]), { data_base64: 'AP8=' }],
    ['nothing', 'application/json', '', {}],
  ])('is taken binary, with %s', (_, type, body, data) => {
    expect(read({ ...BINARY, 'content-type': type, 'ce-subject': 'caf%C3%A9' }, body)).toEqual([{ specversion: '1.0', id: '1', source: '/shop', type: 'order.placed', subject: 'café', datacontenttype: type, ...data }]);
  });

  test.each([
    ['another version', STRUCTURED, { ...EVENT, specversion: '0.3' }, '`specversion` must be "1.0", and is "0.3"'],
    ['no id', STRUCTURED, { ...EVENT, id: undefined }, '`id` must be a text that is not empty, and is missing'],
    ['an empty source', STRUCTURED, { ...EVENT, source: '' }, '`source` must be'],
    ['a type with a space', STRUCTURED, { ...EVENT, type: 'order placed' }, '`type` must be words'],
    ['a time that is none', STRUCTURED, { ...EVENT, time: 'yesterday' }, '`time` must be a time of RFC 3339'],
    ['data twice', STRUCTURED, { ...EVENT, data_base64: 'AA==' }, 'both `data` and `data_base64`'],
    ['base64 that is none', STRUCTURED, { ...EVENT, data: undefined, data_base64: '!' }, 'not base64'],
    ['a name of an attribute', STRUCTURED, { ...EVENT, 'My-Ext': 'x' }, '"My-Ext" is no name of an attribute'],
    ['an object as an attribute', STRUCTURED, { ...EVENT, ext: {} }, '`ext` must be a text'],
    ['text that is not JSON', STRUCTURED, '{', 'the event is not JSON'],
    ['a batch that is none', BATCH, EVENT, 'the batch is no array'],
    ['a batch of nothing', BATCH, [], 'there is no event'],
    ['no CloudEvent', { 'content-type': 'application/json' }, EVENT, 'the request is no CloudEvent'],
    ['a binary one without a type', { ...BINARY, 'ce-type': '' }, '1', '`type` must be words'],
    ['data that is not JSON though it says so', { ...BINARY, 'content-type': 'application/json' }, '{', 'the data is not JSON'],
  ])('is refused for %s', (_, headers, body, problem) => {
    expect(() => read(headers, body)).toThrow(expect.objectContaining({ reason: 'argument-invalid', message: expect.stringContaining(problem) as never }) as never);
  });

  test('a batch names the place of every problem, and nothing of it is taken', () => {
    expect(() => read(BATCH, [EVENT, { ...EVENT, id: 7 }, 'x'])).toThrow(expect.objectContaining({ details: { problems: ['events[1]: `id` must be a text that is not empty, and is 7', 'events[2]: an event is an object'] } }) as never);
  });

  test('is refused when it is too large, and a batch of too many', () => {
    expect(() => read(STRUCTURED, { ...EVENT, data: 'x'.repeat(EVENT_BYTES_MAX) })).toThrow(expect.objectContaining({ reason: 'payload-too-large' }) as never);
    expect(() => readEventTexts(Array.from({ length: EVENTS_MAX + 1 }, () => JSON.stringify(EVENT)))).toThrow(expect.objectContaining({ reason: 'payload-too-large' }) as never);
  });
});
