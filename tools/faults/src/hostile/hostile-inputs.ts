/**
 * What a hostile or careless customer sends: each input is thrown again and again for a while, and says how it ended.
 *
 * Owns the inputs and what ends are right for each. Does not own the measuring (run-hostile.ts).
 */
import type { Customer, Ending } from './customer.ts';

export interface HostileInput {
  readonly name: string;
  /** Endings that are right, as a pattern of `Ending.text`. */
  readonly right: RegExp;
  /** Part of the cheap round in the tests. */
  readonly inTests: boolean;
  /** Once, before it is thrown. */
  prepare?(customer: Customer): Promise<void>;
  /** Throws it once and yields how it ended. */
  throw(customer: Customer): Promise<Ending>;
}

const MEGA = 1024 * 1024;
const set = (name: string, expression: string): string => `  - ${name}:\n      set:\n        value: '\${ ${expression.replaceAll("'", "''")} }'\n`;

/** A workflow of one expression. */
function expression(name: string, title: string, source: string, right: RegExp, inTests = false): HostileInput {
  return { name: title, right, inTests, prepare: (customer) => customer.apply(name, set('evaluate', source)), throw: (customer) => customer.start(name, 'null') };
}

/** A workflow that asks the target for an answer that is too much. */
function answered(name: string, title: string, path: string, right: RegExp, inTests = false): HostileInput {
  return {
    name: title,
    right,
    inTests,
    prepare: (customer) => customer.apply(name, `  - ask:\n      call: http\n      with:\n        method: get\n        endpoint: ${customer.targetUrl}/${path}\n`),
    throw: (customer) => customer.start(name, 'null'),
  };
}

const sent = (title: string, right: RegExp, make: () => string, by: 'grpc' | 'rest' | 'webhook', inTests = false): HostileInput => {
  let text: string | undefined;
  return {
    name: `${title}, by ${by}`,
    right,
    inTests,
    throw(customer) {
      text ??= make();
      if (by === 'grpc') return customer.start('echoes', text);
      return by === 'rest' ? customer.startByRest('echoes', text) : customer.hook('echoes', text);
    },
  };
};

/** What is far too large may also lose its connection: who has said no need not read the rest. */
const TOO_LARGE = /payload-too-large|larger than|RESOURCE_EXHAUSTED|413|connection was ended|Stream refused/i;
const script = (lines: readonly string[]): string => `  - run-it:\n      run:\n        script:\n          language: javascript\n          code: |\n${lines.map((line) => `            ${line}\n`).join('')}`;
const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

export const HOSTILE_INPUTS: readonly HostileInput[] = [
  expression('endless', 'endless jq', 'last(repeat(1))', /^faulted .*expression .*(fuel|steps)/i, true),
  expression('endless-recursion', 'jq that calls itself for ever', 'def f: 1 + f; f', /^faulted .*expression /),
  expression('allocating', 'jq that allocates without end', '[range(1e9)]', /^faulted .*expression .*(memory|data|fuel|steps)/i, true),
  expression('growing', 'jq that doubles a string', 'reduce range(1e9) as $i ("x"; . + .)', /^faulted .*expression .*(memory|data|long|fuel|steps)/i),
  expression('backtracking', 'a regular expression that backtracks', '("a" * 50000 + "!") | test("^(a+)+$")', /^(completed|faulted .*expression )/i, true),
  {
    name: 'an endless script',
    // A script has 30 s when it has no time limit of its own.
    right: /^(faulted .*time|cut off, still running)/i,
    inTests: false,
    prepare: (customer) => customer.apply('endless-script', script(['while (true) {}'])),
    throw: (customer) => customer.start('endless-script', 'null'),
  },
  {
    name: 'a script that allocates without end',
    right: /^(faulted |cut off, still running)/i,
    inTests: false,
    prepare: (customer) => customer.apply('allocating-script', script(['const all = [];', "while (true) all.push('x'.repeat(100000) + all.length);"])),
    throw: (customer) => customer.start('allocating-script', 'null'),
  },
  sent('a payload of 50 MB', TOO_LARGE, () => JSON.stringify('x'.repeat(50 * MEGA)), 'grpc'),
  sent('a payload of 50 MB', TOO_LARGE, () => JSON.stringify('x'.repeat(50 * MEGA)), 'rest'),
  sent('a payload of 50 MB', TOO_LARGE, () => JSON.stringify('x'.repeat(50 * MEGA)), 'webhook', true),
  answered('answer-50', 'a result of 50 MB', 'bytes/52428800', /^faulted .*(larger|too large|bytes)/i),
  answered('answer-20', 'a result of 20 MB', 'bytes/20971520', /^faulted .*(larger|too large|bytes)/i, true),
  answered('answer-slow', 'a result that never ends, a byte at a time', 'drip', /^(faulted .*(time)|cut off, still running)/i),
  {
    name: 'a loop of a million over an array',
    right: /^(faulted .*expression |cut off, still running)/i,
    inTests: false,
    prepare: (customer) => customer.apply('loop-array', `  - loop:\n      for: { each: item, in: '\${ [range(1000000)] }' }\n      do:\n        - inside:\n            set: { n: '\${ $item }' }\n`),
    throw: (customer) => customer.start('loop-array', 'null'),
  },
  {
    name: 'a loop of a million by jumps',
    right: /^(completed|cut off, still running)/,
    inTests: true,
    prepare: (customer) => customer.apply('loop-jumps', `  - count:\n      set: { n: '\${ (.n // 0) + 1 }' }\n  - again:\n      switch:\n        - more: { when: '\${ .n < 1000000 }', then: count }\n        - done: { then: end }\n`),
    throw: (customer) => customer.start('loop-jumps', '{}'),
  },
  {
    name: 'a fork of ten thousand',
    right: /^(completed|cut off, still running|.*workflow-invalid)/,
    inTests: false,
    prepare: (customer) => customer.apply('wide-fork', `  - wide:\n      fork:\n        branches:\n${Array.from({ length: 10_000 }, (_, index) => `          - b${index}: { set: { n: ${index} } }\n`).join('')}`),
    throw: (customer) => customer.start('wide-fork', 'null'),
  },
  {
    name: 'a fork of ten thousand calls',
    right: /^(completed|cut off, still running|.*workflow-invalid)/,
    inTests: false,
    prepare: (customer) => customer.apply('wide-calls', `  - wide:\n      fork:\n        branches:\n${Array.from({ length: 10_000 }, (_, index) => `          - b${index}: { call: 'millrace.echo:1.0.0@default', with: { n: ${index} } }\n`).join('')}`),
    throw: (customer) => customer.start('wide-calls', 'null'),
  },
  { name: 'a definition of 5 MB, by grpc', right: TOO_LARGE, inTests: true, throw: (customer) => customer.tryApply(`document: { dsl: '1.0.3', namespace: hostile, name: large, version: 1.0.0 }\ndo:\n${set('one', `"${'x'.repeat(5 * MEGA)}"`)}`) },
  { name: 'a definition of 3 MB, by grpc', right: TOO_LARGE, inTests: false, throw: (customer) => customer.tryApply(`document: { dsl: '1.0.3', namespace: hostile, name: large, version: 1.0.0 }\ndo:\n${set('one', `"${'x'.repeat(3 * MEGA)}"`)}`) },
  { name: 'a definition of 1 MB of tasks', right: /workflow-invalid|completed/i, inTests: false, throw: (customer) => customer.tryApply(`document: { dsl: '1.0.3', namespace: hostile, name: many, version: 1.0.0 }\ndo:\n${Array.from({ length: 24_000 }, (_, index) => `  - t${index}: { set: { n: '\${ .a }' } }\n`).join('')}`) },
  { name: 'a definition of anchors that multiply', right: /workflow-invalid|argument-invalid/i, inTests: false, throw: (customer) => customer.tryApply(`document: { dsl: '1.0.3', namespace: hostile, name: laughs, version: 1.0.0 }\ndo:\n  - one:\n      set:\n        a0: &a0 [x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 9 }, (_, index) => `        a${index + 1}: &a${index + 1} [${Array(9).fill(`*a${index}`).join(', ')}]\n`).join('')}`) },
  sent('JSON of 100,000 levels', /argument-invalid|nested|deep|400/i, () => deep(100_000), 'grpc'),
  sent('JSON of 100,000 levels', /argument-invalid|nested|deep|400/i, () => deep(100_000), 'rest'),
  sent('JSON of 100,000 levels', /argument-invalid|nested|deep|400/i, () => deep(100_000), 'webhook', true),
  sent('100,000 keys', /^completed|payload-too-large/, () => JSON.stringify(Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`k${index}`, index]))), 'grpc'),
  sent('a string of a million', /^completed|payload-too-large/, () => JSON.stringify('x'.repeat(1_000_000)), 'grpc'),
  sent('numbers beyond all bounds', /^(completed|faulted|refused|argument-invalid)/, () => `[1e400, -1e400, ${'9'.repeat(100_000)}, 1e-400]`, 'grpc'),
  answered('answer-deep', 'a result of 100,000 levels', 'deep', /^faulted |^completed/),
  {
    name: 'a value that doubles with each task',
    right: /^faulted .*(characters|memory|data)/i,
    inTests: false,
    prepare: (customer) => customer.apply('doubling', `  - grow:\n      set: { v: '\${ (.v // "x") + (.v // "x") }' }\n  - again:\n      switch:\n        - more: { then: grow }\n`),
    throw: (customer) => customer.start('doubling', '{}'),
  },
];
