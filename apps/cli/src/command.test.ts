import { parseArguments, UsageError, helpOf, type Command } from './command.ts';
import { COMMANDS } from './commands.ts';

function command(name: string): Command {
  const found = COMMANDS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

test('options stand before and after arguments', () => {
  const given = parseArguments(command('run'), ['--input', '{"a":1}', 'hello@1.0.0', '--timeout=5s', '--output', 'json']);
  expect(given.positionals).toEqual(['hello@1.0.0']);
  expect([given.text('input'), given.text('timeout'), given.text('org'), given.json]).toEqual(['{"a":1}', '5s', undefined, true]);
});

test('an option that may come several times keeps all values', () => {
  const given = parseArguments(command('up'), ['--scale', 'connector=3', '--scale', 'gateway=2', '--detach']);
  expect(given.texts('scale')).toEqual(['connector=3', 'gateway=2']);
  expect([given.flag('detach'), given.flag('no-restart')]).toEqual([true, false]);
});

test.each([
  ['an unknown option', 'list', ['--colour', 'red'], "Unknown option '--colour'"],
  ['a missing argument', 'show', [], 'show needs ID'],
  ['one argument too many', 'down', ['now'], 'down does not take now'],
  ['an option without its value', 'run', ['a.yaml', '--input'], "Option '--input <value>' argument missing"],
  ['a form of output that there is not', 'status', ['--output', 'xml'], '--output is text or json, not xml'],
])('%s is refused in a sentence', (_what, name, words, message) => {
  const parse = (): unknown => parseArguments(command(name), words);
  expect(parse).toThrow(UsageError);
  expect(parse).toThrow(new Error(message).message);
});

test('every command that prints takes --output json', () => {
  const without = COMMANDS.filter((each) => each.options['output'] === undefined);
  expect(without.map((each) => each.name)).toEqual([]);
});

test('the help of a command names its arguments and options', () => {
  const help = helpOf(command('run'));
  expect(help).toContain('Usage: millrace run FILE|NAME[@VERSION]');
  for (const name of Object.keys(command('run').options)) expect(help).toContain(`--${name} `);
});
