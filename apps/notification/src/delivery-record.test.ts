import { deliveryId, domainOf, messageIdOf } from './delivery-record.ts';

test('id and Message-ID follow from organisation and key, and from where they are cut', () => {
  expect(deliveryId('acme', 'k')).toMatch(/^acme\/[0-9a-f]{32}$/);
  expect(deliveryId('acme', 'k')).toBe(deliveryId('acme', 'k'));
  expect(messageIdOf('ab', 'c', 'x.test')).not.toBe(messageIdOf('a', 'bc', 'x.test'));
});

test.each([
  ['Millrace <mail@example.test>', 'example.test'],
  ['mail@sub.example.test', 'sub.example.test'],
  ['"A, B" <mail@example.test> ', 'example.test'],
  ['nobody', 'localhost'],
])('the domain of %s is %s', (from, domain) => {
  expect(domainOf(from)).toBe(domain);
});
