import fc from 'fast-check';
import { attemptSpanId, callerOf, derivedTraceparent, spanIdOf, traceIdOf } from './span-identity.ts';

const CALLER = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test('ids have the form that W3C Trace Context asks for, and are never all zero', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(spanIdOf(text)).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
      expect(traceIdOf(text, undefined)).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      expect(spanIdOf(text)).toBe(spanIdOf(text));
    }),
  );
});

test('a caller\'s trace goes on; a malformed one begins a trace of its own', () => {
  expect(callerOf(CALLER)).toEqual({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sampled: true });
  expect(traceIdOf('e', CALLER)).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  for (const bad of ['', 'x', CALLER.toUpperCase(), `${CALLER}-more`, CALLER.replace('00-', 'ff-')]) expect(traceIdOf('e', bad)).toBe(traceIdOf('e', undefined));
});

test('every attempt of every activation of every run has a span of its own', () => {
  const ids = new Set<string>();
  for (let run = 1; run <= 2; run++) for (let activation = 1; activation <= 100; activation++) for (let attempt = 1; attempt <= 20; attempt++) ids.add(attemptSpanId('execution', run, activation, attempt));
  expect(ids.size).toBe(4_000);
  expect(derivedTraceparent('execution', 1, 2, 3)).toBe(`00-${traceIdOf('execution', undefined)}-${attemptSpanId('execution', 1, 2, 3)}-00`);
});
