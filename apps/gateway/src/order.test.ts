import { INPUT_BYTES_MAX, orderOf, type OrderRequest } from './order.ts';

const request: OrderRequest = { organisation: 'acme', workflow: 'orders', version: '', inputJson: '', idempotencyKey: '', traceparent: '', wait: false, acceptedAtMs: 5 };
const makeId = (organisation: string, name: string, key: string): string => `${organisation}/${name}/${key}`;
const order = (change: Partial<OrderRequest>) => orderOf({ ...request, ...change }, makeId);

test('a start without an input gets an empty object', () => {
  expect(order({})).toEqual({ organisation: 'acme', execution: 'acme/orders/', workflow: 'orders', inputJson: '{}', idempotencyKey: '', traceparent: '', acceptedAtMs: 5, wait: false });
});

test.each([
  ['orders', '', 'orders', 'orders'],
  ['orders@1.0.0', '', 'orders@1.0.0', 'orders'],
  ['orders', '2.0.0', 'orders@2.0.0', 'orders'],
  [`sha256:${'f'.repeat(64)}`, '', `sha256:${'f'.repeat(64)}`, `sha256:${'f'.repeat(64)}`],
])('%s %s starts %s, and its keys belong to %s', (workflow, version, started, name) => {
  expect(order({ workflow, version, idempotencyKey: 'k' })).toMatchObject({ workflow: started, execution: `acme/${name}/k` });
});

test('a traceparent that is none is not passed on', () => {
  const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  expect(order({ traceparent: valid }).traceparent).toBe(valid);
  expect(order({ traceparent: '00-nonsense' }).traceparent).toBe('');
});

test.each<[string, Partial<OrderRequest>, string]>([
  ['no workflow', { workflow: '' }, 'argument-invalid'],
  ['a version twice', { workflow: 'orders@1.0.0', version: '1.0.0' }, 'argument-invalid'],
  ['a version of a hash', { workflow: 'sha256:ff', version: '1.0.0' }, 'argument-invalid'],
  ['a workflow that is too long', { workflow: 'w'.repeat(300) }, 'argument-invalid'],
  ['a key that is too long', { idempotencyKey: 'k'.repeat(2000) }, 'argument-invalid'],
  ['an input that is too large', { inputJson: `"${'x'.repeat(INPUT_BYTES_MAX)}"` }, 'payload-too-large'],
  ['an input that is too large in bytes', { inputJson: `"${'€'.repeat(INPUT_BYTES_MAX / 2)}"` }, 'payload-too-large'],
])('a start with %s is refused', (_what, change, reason) => {
  expect(() => order(change)).toThrow(expect.objectContaining({ reason }) as Error);
});
