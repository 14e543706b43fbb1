import { scheduleOf, workflowOfValue, type StartingEvents } from '@millrace/dsl';
import type { CloudEvent, JsonValue } from '@millrace/engine';
import { EMPTY_SET, isCollecting, matchesOf, take, typesOf, type EventSet } from './starting-events.ts';
import { createTypeIndex, patternsOf, subjectsOf } from './subscription-book.ts';

function starting(on: JsonValue): StartingEvents {
  const schedule = scheduleOf(workflowOfValue({ document: { dsl: '1.0.3', namespace: 't', name: 'n', version: '1.0.0' }, schedule: { on }, do: [] }, 'h'));
  if (schedule?.kind !== 'on') throw new Error('not on events');
  return schedule.events;
}
const event = (id: string, type: string, data: JsonValue = null): CloudEvent => ({ specversion: '1.0', id, source: 's', type, data });

/** The sets that complete, as ids, over events in one set. */
function over(events: StartingEvents, ...given: readonly CloudEvent[]): readonly string[] {
  const complete: string[] = [];
  let set: EventSet = EMPTY_SET;
  for (const each of given) {
    for (const match of matchesOf(events, each, 0)) {
      const next = take(events, set, each, match, 0);
      if (next === undefined) continue;
      const { pending, ...rest } = next;
      if (pending !== undefined) complete.push(pending.map(({ id }) => String(id)).join('+'));
      set = rest;
    }
  }
  return complete;
}

describe('a set of events', () => {
  const ALL = starting({ all: [{ with: { type: 'a' } }, { with: { type: 'b' } }] });
  const UNTIL = starting({ any: [{ with: { type: 'a' } }], until: { one: { with: { type: 'stop' } } } });

  test('of all is complete with one for each filter; a second of a filter, or a known one, is not taken', () => {
    expect(over(ALL, event('1', 'a'), event('2', 'a'), event('3', 'b'), event('1', 'a'), event('3', 'b'), event('4', 'b'), event('5', 'a'))).toEqual(['1+3', '4+5']);
  });

  test('of any until others is complete with the one that ends it, which is not in it', () => {
    expect(over(UNTIL, event('1', 'a'), event('2', 'a'), event('s', 'stop'), event('3', 'a'), event('s', 'stop'), event('t', 'stop'))).toEqual(['1+2', '3']);
  });

  test('knows by which types it is found', () => {
    expect(typesOf(ALL)).toEqual(['a', 'b']);
    expect(typesOf(UNTIL)).toEqual(['a', 'stop']);
    expect(typesOf(starting({ any: [] }))).toEqual(['*']);
    expect(typesOf(starting({ one: { with: { type: 'a.*' } } }))).toEqual(['*']);
    expect([isCollecting(ALL), isCollecting(UNTIL), isCollecting(starting({ one: { with: { type: 'a' } } }))]).toEqual([true, true, false]);
  });

  test('a filter whose expression fails does not match', () => {
    expect(matchesOf(starting({ one: { with: { type: 'a', data: '${ .x.y > 1 }' } } }), event('1', 'a', 'text'), 0)).toEqual([]);
  });

  test('is found by what the filters correlate', () => {
    const correlated = starting({ all: [{ with: { type: 'a' }, correlate: { o: { from: '.data.o' } } }, { with: { type: 'b' }, correlate: { o: { from: '.data.o', expect: '7' } } }] });
    expect(matchesOf(correlated, event('1', 'a', { o: 7 }), 0)).toEqual([{ filter: 0, isUntil: false, correlation: [['o', 7]] }]);
    expect(matchesOf(correlated, event('1', 'b', { o: 8 }), 0)).toEqual([]);
  });
});

describe('an index of types', () => {
  test('shows an event to those that want its type, its beginning or all, each once', () => {
    const index = createTypeIndex<string>();
    index.set({ organisation: 'acme', key: '1', types: ['a.b'], value: 'exact' });
    index.set({ organisation: 'acme', key: '2', types: ['a.*', 'a.b'], value: 'beginning' });
    index.set({ organisation: 'acme', key: '3', types: ['*'], value: 'all' });
    index.set({ organisation: 'other', key: '1', types: ['*'], value: 'other' });
    expect([...index.of('acme', event('1', 'a.b'))].sort()).toEqual(['all', 'beginning', 'exact']);
    expect(index.of('acme', event('1', 'ab'))).toEqual(['all']);
    index.remove('acme', '3');
    index.set({ organisation: 'acme', key: '1', types: ['c'], value: 'moved' });
    expect(index.of('acme', event('1', 'a.b'))).toEqual(['beginning']);
    expect(patternsOf('a.b.c')).toEqual(['a.b.c', '*', 'a.*', 'a.b.*']);
  });

  test.each([
    [['a.b', 'a.*', 'c'], ['events.acme.a.>', 'events.acme.c']],
    [['*', 'a'], ['events.acme.>']],
    [['io.serverlessworkflow.workflow.completed.v1'], ['events.acme.lifecycle']],
    [['io.*'], ['events.acme.io.>', 'events.acme.lifecycle']],
    [Array.from({ length: 65 }, (_, index) => `t${index}`), ['events.acme.>']],
  ])('reads the subjects of %j', (types, subjects) => {
    expect(subjectsOf(new Map([['acme', new Set(types)]]))).toEqual(subjects);
  });
});
