import { randomBytes } from 'node:crypto';
import { createLinkSigner, type LinkContent } from './approval-links.ts';

const key = randomBytes(32);
const signer = createLinkSigner(() => key);
const content: LinkContent = { organisation: 'acme', execution: 'x', activation: 3, delegations: 1, for: 'ada@example.com', expiresAtMs: 1_000 };

test('a link says what was signed, until its time is over', () => {
  const link = signer.sign(content);
  expect(link).toMatch(/^[\w-]+\.[\w-]+$/);
  expect(signer.read(link, 999)).toEqual(content);
  expect(() => signer.read(link, 1_000)).toThrow(expect.objectContaining({ reason: 'approval-link-void', message: expect.stringContaining('1970-01-01T00:00:01.000Z') }));
});

test('a link that was changed anywhere, or made with another key, is void', () => {
  const link = signer.sign(content);
  const [body = '', mac = ''] = link.split('.');
  const other = createLinkSigner(() => randomBytes(32)).sign(content);
  const later = Buffer.from(JSON.stringify([1, 'acme', 'x', 3, 1, 'ada@example.com', 9_999])).toString('base64url');
  for (const wrong of ['', 'x', body, `${body}.`, `${later}.${mac}`, other, `${link}A`]) expect(() => signer.read(wrong, 0)).toThrow(expect.objectContaining({ reason: 'approval-link-void' }));
});

test('without the key nothing is signed or read', () => {
  const unknowing = createLinkSigner(() => undefined);
  expect(() => unknowing.read(signer.sign(content), 0)).toThrow(expect.objectContaining({ reason: 'service-unavailable' }));
});
