import { UsageError } from './command.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { subjectOf } from './run-input.ts';
import { parsePortBase, parseScale } from './scale-option.ts';

test.each([
  ['500ms', 500],
  ['20s', 20_000],
  ['1.5s', 1_500],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['7', 7_000],
])('the duration %s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', 'soon', '-1s', '1d', 's', '1 s'])('%j is no duration', (text) => {
  expect(() => parseDuration(text)).toThrow(UsageError);
});

test.each([
  [0.44, '0.4 ms'],
  [12.4, '12 ms'],
  [1_250, '1.25 s'],
  [200_000, '3 m 20 s'],
])('%d ms are shown as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('--scale counts instances by service', () => {
  expect(parseScale(['connector=3', 'orchestrator=2', 'connector=4'])).toEqual({ connector: 4, orchestrator: 2 });
});

test.each([
  ['connectors=2', 'there is no service connectors'],
  ['connector=0', 'N is from 1'],
  ['connector=99', 'N is from 1'],
  ['connector', '--scale is NAME=N'],
])('--scale %s is refused', (text, message) => {
  expect(() => parseScale([text])).toThrow(message);
});

test.each([['0', 0], ['7700', 7_700], ['65533', 65_533]])('--port-base %s is taken', (text, port) => {
  expect(parsePortBase(text)).toBe(port);
});

test.each(['65534', '-1', 'http', ''])('--port-base %j is refused', (text) => {
  expect(() => parsePortBase(text)).toThrow(UsageError);
});

test.each([
  ['orders.yaml', 'file'],
  ['flows/orders', 'file'],
  ['-', 'file'],
  ['package.json', 'file'],
  ['orders', 'registered'],
  ['orders@1.2.3', 'registered'],
  [`sha256:${'a'.repeat(64)}`, 'registered'],
])('run takes %s for a %s', (argument, kind) => {
  expect(subjectOf(argument, import.meta.dirname).kind).toBe(kind);
});

test('a file without an ending is run when it is there', () => {
  expect(subjectOf('src', `${import.meta.dirname}/..`)).toEqual({ kind: 'file', file: 'src' });
});
