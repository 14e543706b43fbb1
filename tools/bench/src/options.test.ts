import { readCommandLine, type BenchOptions } from './options.ts';

const RULES = { 'chain-10': { inFlight: 200, takes: ['minutes', 'profile'] }, recovery: { inFlight: 10_000 }, compare: { inFlight: 500, named: true } } as const;

function options(...args: string[]): BenchOptions {
  const read = readCommandLine(args, RULES);
  if (read.kind === 'refused') throw new Error(read.problems.join('\n'));
  return read.line.options;
}

function problems(...args: string[]): readonly string[] {
  const read = readCommandLine(args, RULES);
  return read.kind === 'refused' ? read.problems : [];
}

test('a work brings its own number in flight', () => {
  expect(options('chain-10')).toMatchObject({ inFlight: 200, seconds: 10, rounds: 3, json: false });
  expect(options('recovery', '--json', '--inflight', '7')).toMatchObject({ inFlight: 7, json: true });
});

test('minutes are rounds of sixty seconds', () => {
  expect(options('chain-10', '--minutes', '5')).toMatchObject({ minutes: 5, rounds: 5, seconds: 60 });
  expect(problems('chain-10', '--minutes', '5', '--rounds', '2')).toEqual(['--minutes makes rounds of one minute each: leave out --seconds and --rounds']);
});

test('everything that is wrong is told at once', () => {
  expect(problems('chain-10', '--inflight', '0', '--seconds', 'ten', '--profile', 'kitchen', 'extra')).toEqual([
    'chain-10 takes no names: extra',
    '--profile kitchen: there is no such service; choose one of throttle, orchestrator, connector, notification, trigger, gateway',
    '--inflight 0: expected a whole number from 1 to 100000',
    '--seconds ten: expected a number from 0.5 to 86400',
  ]);
});

test('an option that a work has no use for is refused', () => {
  expect(problems('recovery', '--minutes', '5')).toEqual(['recovery takes no --minutes']);
});

test('a work that is not there is told with those that are', () => {
  expect(problems('chain-11')).toEqual(['there is no work "chain-11"; choose one of chain-10, recovery, compare']);
  expect(problems()).toEqual(['name a work; choose one of chain-10, recovery, compare']);
  expect(problems('chain-10', '--unknown')[0]).toContain('--unknown');
});

test('engines are named after compare', () => {
  expect(options('compare', 'temporal', 'dbos').names).toEqual(['temporal', 'dbos']);
});
