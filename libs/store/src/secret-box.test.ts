import { randomBytes } from 'node:crypto';
import { createSecretBox } from './secret-box.ts';

const box = createSecretBox(randomBytes(32));

test('what was sealed opens at its place', () => {
  expect(box.open(box.seal('päss', '/v1/hooks/a/b'), '/v1/hooks/a/b')).toBe('päss');
});

test('the same text is sealed differently each time', () => {
  expect(box.seal('x', 'p')).not.toBe(box.seal('x', 'p'));
});

test.each([
  ['at another place', (sealed: string) => box.open(sealed, 'q')],
  ['with another key', (sealed: string) => createSecretBox(randomBytes(32)).open(sealed, 'p')],
  ['when a character was changed', (sealed: string) => box.open(sealed.slice(0, 5) + (sealed[5] === 'A' ? 'B' : 'A') + sealed.slice(6), 'p')],
  ['when it is cut short', (sealed: string) => box.open(sealed.slice(0, 12), 'p')],
  ['in another format', (sealed: string) => box.open(sealed.replace('v1', 'v2'), 'p')],
])('a sealed secret does not open %s', (_what, open) => {
  expect(() => open(box.seal('secret', 'p'))).toThrow();
});
