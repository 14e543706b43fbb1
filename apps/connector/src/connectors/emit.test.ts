import { bench } from '../testing/run-operation.ts';
import { eventConnector } from './emit.ts';

const published: { readonly organisation: string; readonly event: unknown; readonly id: string }[] = [];
const { output, failure } = bench([eventConnector({ publish: async (organisation, event, id) => void published.push({ organisation, event, id }) })]);

test('what the workflow leaves out is filled in from the step, and the output is the event', async () => {
  const event = await output('event.emit', { event: { source: 'https://example.com', type: 'com.example.placed.v1', subject: null, data: { n: 1 } } }, { execution: 'x9', activation: 7, dispatchedAtMs: 0 });
  expect(event).toEqual({ specversion: '1.0', id: 'x9/1/7', time: '1970-01-01T00:00:00.000Z', source: 'https://example.com', type: 'com.example.placed.v1', data: { n: 1 } });
  expect(published.at(-1)).toEqual({ organisation: 'acme', event, id: 'x9/1/7' });
});

test('what the workflow says stands', async () => {
  expect(await output('event.emit', { event: { id: 'mine', time: '2026-01-01T00:00:00Z', source: 'urn:x', type: 'a', partition: 3 } })).toEqual({ specversion: '1.0', id: 'mine', time: '2026-01-01T00:00:00Z', source: 'urn:x', type: 'a', partition: 3 });
});

test.each([
  ['without a type', { source: 'urn:x' }, 400, /type/],
  ['with a type that is none', { source: 'urn:x', type: 'a b' }, 400, /words with full stops/],
  ['that is too large', { source: 'urn:x', type: 'a', data: 'x'.repeat(300_000) }, 413, /larger than/],
])('an event %s is refused', async (_, event, status, detail) => {
  const before = published.length;
  expect(await failure('event.emit', { event })).toMatchObject({ status, detail: expect.stringMatching(detail) as never });
  expect(published).toHaveLength(before);
});
