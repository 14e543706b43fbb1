import { createHmac } from 'node:crypto';
import { isSigned } from './signature.ts';

const body = Buffer.from('{"action":"opened"}');
const rule = { kind: 'github-sha256', secret: 'It’s a Secret to Everybody' } as const;
const sign = (secret: string, bytes: Uint8Array): string => `sha256=${createHmac('sha256', secret).update(bytes).digest('hex')}`;

test('the example of GitHub’s documentation is accepted', () => {
  const headers = { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' };
  expect(isSigned({ kind: 'github-sha256', secret: "It's a Secret to Everybody" }, headers, Buffer.from('Hello, World!'))).toBe(true);
});

test('a signature over other bytes is refused', () => {
  const headers = { 'x-hub-signature-256': sign(rule.secret, body) };
  expect(isSigned(rule, headers, body)).toBe(true);
  expect(isSigned(rule, headers, Buffer.from('{"action":"closed"}'))).toBe(false);
});

test.each([
  ['no header', {}],
  ['another secret', { 'x-hub-signature-256': sign('guess', body) }],
  ['the older scheme', { 'x-hub-signature-256': sign(rule.secret, body).replace('sha256', 'sha1') }],
  ['a digest cut short', { 'x-hub-signature-256': sign(rule.secret, body).slice(0, -2) }],
  ['two headers', { 'x-hub-signature-256': [sign(rule.secret, body), sign(rule.secret, body)] }],
])('%s is refused', (_what, headers) => {
  expect(isSigned(rule, headers, body)).toBe(false);
});

test('a webhook without a signature takes any request', () => {
  expect(isSigned({ kind: 'none' }, {}, body)).toBe(true);
});
