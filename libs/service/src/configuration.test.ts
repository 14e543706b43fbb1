import { MillraceError } from '@millrace/errors';
import { choice, durationMs, flag, integer, list, optional, readConfiguration, redact, secret, text, url } from './index.ts';

const schema = {
  name: text('T_NAME', { doc: 'a name' }),
  port: integer('T_PORT', { doc: 'a port', default: 0, min: 0, max: 65_535 }),
  on: flag('T_ON', { doc: 'whether', default: false }),
  wait: durationMs('T_WAIT', { doc: 'how long', default: 1_000, min: 10 }),
  nats: url('T_NATS', { doc: 'where', default: 'nats://127.0.0.1:4222', protocols: ['nats:'], several: true }),
  hosts: list('T_HOSTS', { doc: 'which', default: [] }),
  level: choice('T_LEVEL', ['low', 'high'], { doc: 'how much', default: 'low' }),
  key: secret('T_KEY', { doc: 'the key', default: '' }),
  extra: optional(text('T_EXTRA', { doc: 'more' })),
};

const problemsOf = (environment: Record<string, string>): readonly string[] => {
  try {
    readConfiguration(schema, environment);
  } catch (error) {
    if (error instanceof MillraceError) return error.details['problems'] as readonly string[];
    throw error;
  }
  return [];
};

describe('a configuration', () => {
  test('is read with its defaults and frozen', () => {
    const config = readConfiguration(schema, { T_NAME: 'one' });
    expect(config).toEqual({ name: 'one', port: 0, on: false, wait: 1_000, nats: 'nats://127.0.0.1:4222', hosts: [], level: 'low', key: '', extra: undefined });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('reads every kind of value', () => {
    const config = readConfiguration(schema, {
      T_NAME: ' spaced ', T_PORT: '7700', T_ON: 'Yes', T_WAIT: '1.5s', T_NATS: 'nats://a:1, nats://b:2', T_HOSTS: 'a, b,,c', T_LEVEL: 'high', T_KEY: 'k', T_EXTRA: 'x',
    });
    expect(config).toEqual({ name: 'spaced', port: 7_700, on: true, wait: 1_500, nats: 'nats://a:1, nats://b:2', hosts: ['a', 'b', 'c'], level: 'high', key: 'k', extra: 'x' });
  });

  test('tells all its problems at once, each with the variable and its meaning', () => {
    const problems = problemsOf({ T_PORT: '70000', T_ON: 'perhaps', T_WAIT: 'soon', T_NATS: 'http://x', T_LEVEL: 'middle' });
    expect(problems).toEqual([
      'T_NAME is missing (a name)',
      'T_PORT must be at most 65535, not 70000 (a port)',
      'T_ON must be true or false, not "perhaps" (whether)',
      'T_WAIT must be a duration such as 250ms, 10s or 2m, not "soon" (how long)',
      'T_NATS must be a URL that begins with nats:// (where)',
      'T_LEVEL must be one of low, high, not "middle" (how much)',
    ]);
    expect(() => readConfiguration(schema, {})).toThrow(/^A setting is wrong:\n {2}T_NAME is missing/);
  });

  test('takes an empty variable for an absent one', () => {
    expect(problemsOf({ T_NAME: '  ' })).toEqual(['T_NAME is missing (a name)']);
    expect(readConfiguration(schema, { T_NAME: 'n', T_PORT: '' }).port).toBe(0);
  });

  test.each([['1e3'], ['0x10'], ['1.5'], ['9007199254740993']])('does not take %s for a whole number', (raw) => {
    expect(problemsOf({ T_NAME: 'n', T_PORT: raw })).toHaveLength(1);
  });

  test.each([
    ['mongodb://a:1,b:2,c:3/?replicaSet=rs', true],
    ['mongodb://user:pass@a:1,b:2/db', true],
    ['mongodb+srv://cluster.example/db', true],
    ['not a url', false],
  ])('reads %s as an address of MongoDB: %s', (raw, valid) => {
    const mongo = { url: url('T_MONGO', { doc: 'where', protocols: ['mongodb:', 'mongodb+srv:'] }) };
    const read = (): unknown => readConfiguration(mongo, { T_MONGO: raw }).url;
    if (valid) expect(read()).toBe(raw);
    else expect(read).toThrow(MillraceError);
  });

  test('is shown without secrets and passwords', () => {
    const config = readConfiguration(schema, { T_NAME: 'n', T_KEY: 'hunter2', T_NATS: 'nats://user:hunter2@a:1' });
    expect(redact(config)).toMatchObject({ name: 'n', key: '***', nats: 'nats://user:***@a:1' });
    expect(JSON.stringify(redact(config))).not.toContain('hunter2');
    expect(redact(readConfiguration(schema, { T_NAME: 'n' }))).toMatchObject({ key: '' });
    expect(redact({ from: 'elsewhere' })).toEqual({ from: '***' });
  });

  test('does not show a password in a problem', () => {
    const problems = problemsOf({ T_NAME: 'n', T_NATS: 'nats//user:hunter2@a:1' });
    expect(problems).toHaveLength(1);
    expect(problems.join()).not.toContain('hunter2');
  });
});
