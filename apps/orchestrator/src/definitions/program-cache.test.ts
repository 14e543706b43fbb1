import { NO_NODE, type Program } from '@millrace/engine';
import { createProgramCache } from './program-cache.ts';

function programOf(hash: string, document = {}): Program {
  return { hash, namespace: 'test', name: hash, version: '1.0.0', document, nodes: [{ kind: 'do', number: 0, name: 'do', reference: '/do', parent: NO_NODE, next: NO_NODE, then: { kind: 'continue' }, definition: null, first: NO_NODE }] };
}

test('the program whose last use is longest ago leaves first', () => {
  const cache = createProgramCache({ programs: 2, characters: 1_000 });
  const popular = cache.keep(programOf('popular'));
  cache.keep(programOf('second'));
  expect(cache.get('popular')).toBe(popular);
  cache.keep(programOf('third'));
  expect([cache.has('popular'), cache.has('second'), cache.has('third')]).toEqual([true, false, true]);
});

test('large documents leave room for fewer programs, and one beyond the limit stands alone', () => {
  const cache = createProgramCache({ programs: 10, characters: 100 });
  for (const hash of ['a', 'b', 'c']) cache.keep(programOf(hash, { text: 'x'.repeat(30) }));
  expect([cache.has('a'), cache.has('b'), cache.has('c')]).toEqual([false, true, true]);
  cache.keep(programOf('large', { text: 'x'.repeat(200) }));
  expect([cache.has('b'), cache.has('c'), cache.has('large')]).toEqual([false, false, true]);
});

test('a program kept again counts once', () => {
  const cache = createProgramCache({ programs: 10, characters: 100 });
  cache.keep(programOf('a', { text: 'x'.repeat(30) }));
  for (let times = 0; times < 5; times++) cache.keep(programOf('b', { text: 'x'.repeat(30) }));
  expect(cache.has('a')).toBe(true);
});
