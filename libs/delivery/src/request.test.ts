import fc from 'fast-check';
import { decodeDeliveryRequest, encodeDeliveryRequest, KEY_CHARS_MAX, type DeliveryRequest } from './index.ts';

const REQUEST: DeliveryRequest = {
  organisation: 'acme',
  key: 'order-7',
  channel: 'email',
  recipient: { address: 'ann@example.test', name: 'Ann' },
  template: { subject: 'Hello', text: 'World' },
  data: { a: 1 },
  execution: 'x1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  requestedAtMs: 1_700_000_000_000,
};

test('what is encoded is decoded', () => {
  expect(decodeDeliveryRequest(encodeDeliveryRequest(REQUEST))).toEqual({ kind: 'request', request: REQUEST });
});

test('a bare address and a named template are taken, and unknown fields left alone', () => {
  const text = JSON.stringify({ v: 1, organisation: 'acme', key: 'k', channel: 'email', recipient: 'ann@example.test', template: 'plain', added: true, requestedAtMs: 5 });
  expect(decodeDeliveryRequest(text)).toEqual({
    kind: 'request',
    request: { organisation: 'acme', key: 'k', channel: 'email', recipient: { address: 'ann@example.test' }, template: 'plain', data: {}, requestedAtMs: 5 },
  });
});

test('a later version is left to who can read it', () => {
  expect(decodeDeliveryRequest('{"v":2}')).toEqual({ kind: 'later-version', version: 2 });
});

test.each([
  ['not JSON', 'x', 'not JSON'],
  ['no object', '[]', 'not a JSON object'],
  ['no version', '{}', '`v`'],
  ['no organisation', '{"v":1}', '`organisation`'],
  ['a long key', JSON.stringify({ v: 1, organisation: 'a', key: 'k'.repeat(KEY_CHARS_MAX + 1) }), '`key`'],
  ['another channel', JSON.stringify({ ...REQUEST, v: 1, channel: 'fax' }), '"fax"'],
  ['a list of recipients', JSON.stringify({ ...REQUEST, v: 1, recipient: 'a@x.test, b@x.test' }), '`recipient`'],
  ['a recipient that injects', JSON.stringify({ ...REQUEST, v: 1, recipient: 'a@x.test\r\nDATA' }), '`recipient`'],
  ['a name that injects', JSON.stringify({ ...REQUEST, v: 1, recipient: { address: 'a@x.test', name: 'a\nBcc: b' } }), '`recipient.name`'],
  ['a template without a body', JSON.stringify({ ...REQUEST, v: 1, template: { subject: 's' } }), '`template`'],
])('%s is refused with the field named', (_name, text, detail) => {
  const decoded = decodeDeliveryRequest(text);
  expect(decoded.kind).toBe('invalid');
  expect(decoded.kind === 'invalid' && decoded.detail).toContain(detail);
});

test('organisation and key are told of what is refused, so that it can be shown', () => {
  expect(decodeDeliveryRequest(JSON.stringify({ ...REQUEST, v: 1, recipient: 7 }))).toMatchObject({ kind: 'invalid', organisation: 'acme', key: 'order-7' });
});

test('decoding never throws', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void decodeDeliveryRequest(text)));
});
