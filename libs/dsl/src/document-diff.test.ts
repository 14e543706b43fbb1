import type { JsonValue } from '@millrace/engine';
import { diffDocuments } from './document-diff.ts';

const workflow = (version: string, tasks: JsonValue): JsonValue => ({ document: { name: 'orders', version }, do: tasks });

test('tasks are matched by their names, so one that comes first changes no other', () => {
  const charge = { charge: { call: 'http', with: { method: 'post', endpoint: 'https://a.example.com' } } };
  const ship = { ship: { set: { a: 1 } } };
  expect(diffDocuments(workflow('1.0.0', [charge, ship]), workflow('1.1.0', [{ check: { set: {} } }, { charge: { call: 'http', with: { method: 'post', endpoint: 'https://b.example.com' } } }]))).toEqual([
    { path: '/document/version', kind: 'changed', before: '1.0.0', after: '1.1.0' },
    { path: '/do/charge/with/endpoint', kind: 'changed', before: 'https://a.example.com', after: 'https://b.example.com' },
    { path: '/do/ship', kind: 'removed', before: { set: { a: 1 } } },
    { path: '/do/check', kind: 'added', after: { set: {} } },
  ]);
});

test('the fewest tasks are moved, wherever the others come to stand', () => {
  const tasks = (names: string): JsonValue => [...names].map((name) => ({ [name]: { set: {} } }));
  expect(diffDocuments(tasks('abcde'), tasks('xaecd'))).toEqual([
    { path: '/b', kind: 'removed', before: { set: {} } },
    { path: '/x', kind: 'added', after: { set: {} } },
    { path: '/e', kind: 'moved', before: 4, after: 2 },
  ]);
});

test.each<readonly [string, JsonValue, JsonValue, readonly object[]]>([
  ['the same', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
  ['properties in another order', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
  ['another kind of value', { a: [1] }, { a: { 0: 1 } }, [{ path: '/a', kind: 'changed', before: [1], after: { 0: 1 } }]],
  ['a null that came', { a: 1 }, { a: 1, b: null }, [{ path: '/b', kind: 'added', after: null }]],
  ['a longer list', { a: [1] }, { a: [1, 2] }, [{ path: '/a/1', kind: 'added', after: 2 }]],
  ['two tasks of one name', [{ a: 1 }, { a: 2 }], [{ a: 2 }, { a: 2 }], [{ path: '/0/a', kind: 'changed', before: 1, after: 2 }]],
  ['names with slashes', { 'a/b~': 1 }, { 'a/b~': 2 }, [{ path: '/a~1b~0', kind: 'changed', before: 1, after: 2 }]],
  ['names of every object', { a: 1 }, { a: 1, toString: 2 }, [{ path: '/toString', kind: 'added', after: 2 }]],
])('%s', (_, before, after, changes) => expect(diffDocuments(before, after)).toEqual(changes));
