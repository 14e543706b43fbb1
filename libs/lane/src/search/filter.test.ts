import { MillraceError } from '@millrace/errors';
import { FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, readFilter } from './filter.ts';
import { matches, type Searched } from './matches.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const EXECUTION: Searched = { organisation: 'acme', workflow: 'orders', version: '1.0.0', status: 'faulted', startedAtMs: NOW - 3_600_000, endedAtMs: 0 };
const FIELDS = { orderId: 7, code: '7', city: 'Zürich', paid: true };

const isMeant = (text: string): boolean | undefined => matches(readFilter(text, NOW), EXECUTION, FIELDS);

function problemOf(text: string): string {
  try {
    readFilter(text, NOW);
  } catch (error) {
    return MillraceError.from(error).message;
  }
  return 'none';
}

test.each([
  'status = failed and workflow = orders and field.orderId = 7 and started > 2h ago',
  'status in (completed, faulted)',
  'workflow = x OR status != completed',
  'not status = completed and not (workflow = a or workflow = b)',
  'version = 1.0.0 and organisation = "acme"',
  'started >= 2026-03-02 and started < now',
  'started <= 2026-03-02T12:00:00+01:00',
  'field.orderId >= 7 and field.orderId < 7.5 and field.orderId > -1e3',
  'field.code = 7 and field.code = "7"',
  "field.city = 'Zürich' and field.city > Aarau",
  'field.paid = true and field.paid exists',
  'field.unknown != 7 and not field.unknown exists',
  'field.orderId not in (1, 2)',
  'workflow=orders AND version!=2.0.0',
  'workflow = a and workflow = b or status = faulted',
])('means the execution: %s', (text) => {
  expect(isMeant(text)).toBe(true);
});

test.each([
  'status = completed',
  'started > 30m ago',
  'started > 2026-03-02T11:00:00.000Z',
  'ended < now',
  'field.orderId = "7"',
  'field.code > 1',
  'field.orderId > "1"',
  'field.paid = 1',
  'field.unknown = 7 or field.unknown < 7',
  'field.constructor exists',
  'workflow = a and (workflow = b or status = faulted)',
])('does not mean it: %s', (text) => {
  expect(isMeant(text)).toBe(false);
});

test('says when it depends on fields that are not there yet', () => {
  const before = (text: string): boolean | undefined => matches(readFilter(text, NOW), EXECUTION);
  expect([before('field.a = 1'), before('status = faulted and field.a = 1'), before('status = completed and field.a = 1'), before('status = faulted or field.a = 1'), before('not field.a = 1')]).toEqual([undefined, undefined, false, true, undefined]);
});

test.each([
  ['', 1, 'expected the name of a property, not the end; there are `status`, `workflow`, `version`, `organisation`, `started`, `ended` and `field.NAME`'],
  ['state = failed', 1, 'there is no property `state`; there are `status`, `workflow`, `version`, `organisation`, `started`, `ended` and `field.NAME`'],
  ['workflow = a status = failed', 14, 'expected `and`, `or` or the end, not `status`'],
  ['status = broken', 10, 'there is no status "broken"; there are `pending`, `running`, `waiting`, `suspended`, `completed`, `faulted`, `cancelled`'],
  ['status > failed', 8, '`status` takes `=`, `!=` or `in`, not `>`'],
  ['started = now', 9, '`started` takes `<`, `<=`, `>` or `>=`, not `=`'],
  ['started > 2h', 13, 'expected `ago` after `2h`, not the end'],
  ['started > yesterday', 11, '`yesterday` is no time; write `2h ago`, `now`, a date such as `2026-03-01` (UTC) or `2026-03-01T12:00:00Z`'],
  ['started > 2026-13-40', 11, '`2026-13-40` is no time; write `2h ago`, `now`, a date such as `2026-03-01` (UTC) or `2026-03-01T12:00:00Z`'],
  ['field.a', 8, '`field.a` takes `=`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `exists`, not the end'],
  ['field.1a = 2', 1, 'there is no property `field.1a`; there are `status`, `workflow`, `version`, `organisation`, `started`, `ended` and `field.NAME`'],
  ['workflow in a', 13, 'expected `(` after `in`, not `a`'],
  ['workflow in (a b)', 16, 'expected `)` at the end of the list, not `b`'],
  ['(workflow = a', 14, 'expected `)` at the end of the group, not the end'],
  ['workflow = "a', 12, 'the text that begins with " does not end'],
  ['workflow ! a', 10, '`!` means nothing here'],
  ['workflow =', 11, 'expected a value, not the end'],
])('names what is wrong and where: %s', (text, character, message) => {
  expect(problemOf(text)).toBe(`The filter is wrong at character ${character}: ${message}`);
});

test('is bounded in length, conditions and depth', () => {
  expect(problemOf('a'.repeat(2_001))).toBe('The filter has 2001 characters; the most is 2000');
  expect(problemOf(Array.from({ length: FILTER_CONDITIONS_MAX + 1 }, () => 'workflow=a').join(' or '))).toContain('at most 50 conditions');
  expect(problemOf(`${'('.repeat(FILTER_DEPTH_MAX + 1)}workflow = a`)).toContain('deeper than 16 levels');
  expect(problemOf(`${'not '.repeat(FILTER_DEPTH_MAX + 1)}workflow = a`)).toContain('deeper than 16 levels');
});
