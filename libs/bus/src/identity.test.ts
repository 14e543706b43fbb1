import { parseId, slotOf } from '@millrace/identity';
import { keyedExecutionId, newExecutionId } from './index.ts';

describe('execution ids', () => {
  test('made new differ and carry cell, slot and the present time', () => {
    const before = Date.now();
    const ids = Array.from({ length: 3_000 }, () => newExecutionId({ cell: 3, slot: 9 }));
    expect(new Set(ids).size).toBe(ids.length);
    const parsed = parseId(ids.at(-1) ?? '');
    expect(parsed).toMatchObject({ format: 'a', cell: 3, slot: 9 });
    expect(parsed?.timeMs).toBeGreaterThanOrEqual(before);
    expect(parsed?.timeMs).toBeLessThanOrEqual(Date.now());
  });

  test('without a slot go to any', () => {
    expect(new Set(Array.from({ length: 200 }, () => slotOf(newExecutionId()))).size).toBeGreaterThan(100);
  });

  test('of a key are the same in every release and differ by each part', () => {
    expect(keyedExecutionId('acme', 'orders', 'k')).toBe('k002kp1mw6tvvm4xba7y836wbwnfe3ra');
    const ids = [keyedExecutionId('acme', 'orders', 'k'), keyedExecutionId('acm', 'eorders', 'k'), keyedExecutionId('acme', 'orders', 'K'), keyedExecutionId('acme', 'orders', 'k', 1)];
    expect(new Set(ids).size).toBe(4);
  });
});
