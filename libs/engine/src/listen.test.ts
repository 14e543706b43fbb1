import { formatOf } from './format.ts';
import type { CloudEvent } from './listen.ts';
import type { EventFilter, EventSelection, JsonValue } from './program.ts';
import { computed, expression, program, type Task } from './testing/program-builder.ts';
import { run } from './testing/run.ts';

let events = 0;
const event = (type: string, data: JsonValue = null, more: Partial<CloudEvent> = {}): CloudEvent => ({ specversion: '1.0', id: String((events += 1)), source: 'urn:test', type, data, ...more });
const ofType = (type: string, more: Partial<EventFilter> = {}): EventFilter => ({ with: [{ attribute: 'type', expression: expression((found: string) => found === type) }], correlate: [], ...more });
const select = (mode: EventSelection['mode'], ...filters: readonly EventFilter[]): EventSelection => ({ mode, filters });
const listen = (to: EventSelection, more: object = {}): Task => ({ name: 'l', kind: 'listen', to, ...more }) as Task;
const outputOf = (task: Task, given: readonly CloudEvent[], input: JsonValue = null): JsonValue | undefined => run(program([task]), input, undefined, undefined, given).execution.end?.output?.value;

describe('what a task takes', () => {
  test('one: the first event that matches, as a list of one', () => {
    expect(outputOf(listen(select('one', ofType('b'))), [event('a', 1), event('b', 2), event('b', 3)])).toEqual([2]);
  });

  test('any: the first event that matches one of the filters; an empty list takes every event', () => {
    expect(outputOf(listen(select('any', ofType('b'), ofType('c'))), [event('a', 1), event('c', 2)])).toEqual([2]);
    expect(outputOf(listen(select('any')), [event('a', 1)])).toEqual([1]);
  });

  test('all: one event for each filter, in the order in which they come', () => {
    expect(outputOf(listen(select('all', ofType('a'), ofType('b'))), [event('b', 1), event('b', 2), event('a', 3)])).toEqual([1, 3]);
  });

  test('until a condition on what was taken holds', () => {
    const until = { kind: 'condition', expression: expression((taken: JsonValue[]) => taken.length === 3) };
    expect(outputOf(listen(select('any', ofType('a')), { until }), [event('a', 1), event('x', 9), event('a', 2), event('a', 3), event('a', 4)])).toEqual([1, 2, 3]);
  });

  test.each<[EventSelection['mode'], readonly string[], readonly number[]]>([
    ['one', ['stop'], [1]],
    ['any', ['other', 'stop'], [1]],
    ['all', ['stop', 'also'], [1, 2]],
  ])('until %s of other events has come', (mode, types, expected) => {
    const until = { kind: 'events', selection: select(mode, ...types.map((type) => ofType(type))) };
    expect(outputOf(listen(select('any', ofType('a')), { until }), [event('a', 1), event('stop'), event('a', 2), event('also'), event('a', 3)])).toEqual(expected);
  });

  test.each<['data' | 'envelope' | 'raw', unknown]>([
    ['data', { n: 1 }],
    ['envelope', { specversion: '1.0', id: 'x', source: 'urn:test', type: 'a', data: { n: 1 } }],
    ['raw', '{"n":1}'],
  ])('read: %s', (read, expected) => {
    expect(outputOf(listen(select('one', ofType('a')), { read }), [event('a', { n: 1 }, { id: 'x' })])).toEqual([expected]);
  });

  test('a filter whose expression fails does not match, and the execution goes on', () => {
    const broken: EventFilter = { with: [{ attribute: 'data', expression: expression((data: { deep: { n: number } }) => data.deep.n > 1) }], correlate: [] };
    expect(outputOf(listen(select('one', broken)), [event('a', null), event('a', { deep: { n: 2 } })])).toEqual([{ deep: { n: 2 } }]);
  });

  test('a filter may say what an attribute must be by an expression', () => {
    const subject: EventFilter = { with: [{ attribute: 'subject', expression: expression((_: never, { input }) => (input as { id: string }).id, ['input']) }], correlate: [] };
    expect(outputOf(listen(select('one', subject)), [event('a', 1, { subject: 'other' }), event('a', 2, { subject: 'mine' })], { id: 'mine' })).toEqual([2]);
  });

  test('no task takes an event before it listens, and each that listens takes it', () => {
    const both: Task = { name: 'both', kind: 'fork', tasks: [listen(select('one', ofType('a'))), { ...listen(select('any')), name: 'm' }] };
    expect(outputOf(both, [event('a', 1)])).toEqual([[1], [1]]);
  });
});

describe('correlation', () => {
  const orderOf = expression((found: { data: { order: string } }) => found.data.order);
  test('events are of the order that is expected', () => {
    const filter = ofType('a', { correlate: [{ name: 'order', from: orderOf, expect: computed((input: { order: string }) => input.order) }] });
    expect(outputOf(listen(select('one', filter)), [event('a', { order: 'x' }), event('a', { order: 'y' })], { order: 'y' })).toEqual([{ order: 'y' }]);
  });

  test('without an expectation the first event says what the others must have', () => {
    const correlated = (type: string): EventFilter => ofType(type, { correlate: [{ name: 'order', from: orderOf }] });
    expect(outputOf(listen(select('all', correlated('a'), correlated('b'))), [event('a', { order: 'x' }), event('b', { order: 'y' }), event('b', { order: 'x' })])).toEqual([{ order: 'x' }, { order: 'x' }]);
  });
});

describe('foreach', () => {
  const until = { kind: 'condition', expression: expression((taken: JsonValue[]) => taken.length === 3) };
  const step: Task = { name: 'step', kind: 'call', arguments: computed((input: { base: number }, { item, index }) => ({ n: (item as number) * input.base + (index as number) }), ['item', 'index']) };
  test('tasks run for each event, one after another, and their outputs are the task\'s', () => {
    const result = run(program([listen(select('any', ofType('a')), { until, tasks: [step] })]), { base: 10 }, (given) => (given as { n: number }).n, undefined, [event('a', 1), event('a', 2), event('a', 3)]);
    expect(result.execution.end?.output?.value).toEqual([10, 21, 32]);
    expect(new Set(result.steps.map(({ activation }) => activation)).size).toBe(3);
  });

  test('events that come meanwhile wait for their turn', () => {
    const given = [event('a', 1), event('a', 2), event('a', 3)];
    // The call of the first event is answered only when all events have come.
    const result = run(program([listen(select('any', ofType('a')), { until, tasks: [step] })]), { base: 1 }, (each) => (each as { n: number }).n, (outstanding) => (delivered(outstanding) ? outstanding[0] : undefined), given);
    expect(result.execution.end?.output?.value).toEqual([1, 3, 5]);
  });

  test('output and export are those of each item', () => {
    const task = listen(select('any', ofType('a')), { until, tasks: [step], itemOutputAs: computed((n: number) => ({ n })), itemExportAs: computed((output: { n: number }) => ({ last: output.n })), exportAs: undefined });
    const result = run(program([task, { name: 'after', kind: 'set', value: computed((input: JsonValue, { context }) => ({ input, context: context as never }), ['context']) }]), { base: 1 }, (each) => (each as { n: number }).n, undefined, [event('a', 1), event('a', 2), event('a', 3)]);
    expect(result.execution.end?.output?.value).toEqual({ input: [{ n: 1 }, { n: 3 }, { n: 5 }], context: { last: 5 } });
  });

  test('other events may end it while it has taken none', () => {
    const never = { kind: 'events', selection: select('one', ofType('stop')) };
    expect(outputOf(listen(select('any', ofType('a')), { until: never, tasks: [step] }), [event('stop')])).toEqual([]);
  });
});

test('a program that listens needs the second format', () => {
  expect(formatOf(program([listen(select('any'))]))).toBe(2);
});

/** True once a listening task around the call has taken three events; the engine's own state says so. */
function delivered(outstanding: readonly { readonly number: number }[]): boolean {
  asked += outstanding.length;
  return asked >= 3;
}
let asked = 0;
