import fc from 'fast-check';
import { formatTraceparent, newTraceContext, parseTraceparent, spanIdFrom, traceIdFrom } from './index.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

describe('a traceparent', () => {
  test('is read as the specification writes it', () => {
    expect(parseTraceparent(`00-${traceId}-${spanId}-01`)).toEqual({ traceId, spanId, sampled: true });
    expect(parseTraceparent(`00-${traceId}-${spanId}-02`)).toEqual({ traceId, spanId, sampled: false });
  });

  test('of a later version is read as far as it is known', () => {
    expect(parseTraceparent(`cc-${traceId}-${spanId}-01-what-comes-later`)).toEqual({ traceId, spanId, sampled: true });
  });

  test.each([
    ['missing', undefined],
    ['empty', ''],
    ['of the forbidden version', `ff-${traceId}-${spanId}-01`],
    ['of version 00 with more after the flags', `00-${traceId}-${spanId}-01-more`],
    ['with a zero trace id', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['with a zero span id', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['in upper case', `00-${traceId.toUpperCase()}-${spanId}-01`],
    ['too short', `00-${traceId.slice(1)}-${spanId}-01`],
    ['endless', `cc-${traceId}-${spanId}-01-${'x'.repeat(10_000)}`],
  ])('is ignored when it is %s', (_what, text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  test('of a new trace is read back as it was written', () => {
    for (const sampled of [true, false]) {
      const context = newTraceContext({ sampled });
      expect(parseTraceparent(formatTraceparent(context))).toEqual(context);
    }
    expect(newTraceContext().traceId).not.toBe(newTraceContext().traceId);
  });
});

describe('derived ids', () => {
  test('are the same for the same parts in every release', () => {
    expect(spanIdFrom('execution', 7, 1)).toBe(spanIdFrom('execution', '7', '1'));
    expect(spanIdFrom('execution', 7, 1)).toBe('0bf82d158f9d5966');
    expect(traceIdFrom('execution')).toBe('a849a8d8e4a2c27261e2e6304b780715');
  });

  test('are valid ids that differ when a part differs or parts are cut elsewhere', () => {
    const parts = fc.array(fc.string(), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (left, right) => {
        expect(spanIdFrom(...left)).toMatch(/^[0-9a-f]{16}$/);
        fc.pre(JSON.stringify(left) !== JSON.stringify(right));
        expect(spanIdFrom(...left)).not.toBe(spanIdFrom(...right));
      }),
    );
  });
});
