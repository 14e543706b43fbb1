/**
 * What runs while a golden image is captured: together these executions write every kind of record, and stand in
 * every state that a checkpoint can hold, when the owner is killed.
 *
 * How the worker answers stands in a step's arguments: `fail` {status, below} fails attempts below a number,
 * `hold` leaves it outstanding until the end of the capture.
 */

/** Timers that are out while the image is taken, as an ISO 8601 duration. */
const LATER = 'PT45S';
/** Beyond what stands inside a frame, in characters. */
const LARGE = 70_000;

const call = (name: string, fields: string): string => `  - ${name}:\n      call: millrace.echo:1.0.0@default\n      with: { ${fields} }\n`;
const indented = (text: string, by: number): string => text.replaceAll(/^(?=.)/gm, ' '.repeat(by));

export interface GoldenStart {
  readonly workflow: string;
  readonly organisation?: string;
  readonly input: unknown;
  /** `gateway` by gRPC, `input` by the lane's input. */
  readonly by: 'gateway' | 'input';
  readonly key?: string;
  /** What is waited for before the owner is killed. */
  readonly until: 'ended' | 'stored' | 'accepted' | 'checkpointed';
  readonly cancel?: 'gateway' | 'input';
}

/** The `do` of each workflow, as YAML lines. */
export const WORKFLOWS: Readonly<Record<string, string>> = {
  everything: `  - named:
      set: { n: '\${ .n }', list: [1, 2, 3], text: 'ü "quoted" \\u2028' }
      export: { as: '\${ { from: .n } }' }
  - left-out:
      if: \${ .n > 100 }
      set: { never: true }
  - branch:
      switch:
        - low: { when: '\${ .n < 10 }', then: each }
        - high: { then: end }
  - not-reached:
      set: { never: true }
  - each:
      for: { each: item, in: '\${ .list }', at: index }
      while: \${ $index < 2 }
      do:
${indented(call('inside', "item: '${ $item }', at: '${ $index }', seen: '${ $context.from }'"), 6)}  - again:
      try:
${indented(call('flaky', 'fail: { status: 503, below: 3 }, n: 1'), 6)}      catch:
        errors: { with: { status: 503 } }
        retry: { delay: { milliseconds: 20 }, backoff: { exponential: {} }, limit: { attempt: { count: 5 } } }
  - handled:
      try:
        - wrong:
            raise: { error: { type: 'https://example.com/wrong', status: 418, title: Wrong, detail: 'on purpose' } }
      catch:
        as: problem
        do:
          - note:
              set: { caught: '\${ $problem.status }' }
  - pause:
      wait: PT0.1S
  - nested:
      do:
${indented(call('deep', "value: '${ .caught }'"), 6)}      output: { as: '\${ { done: .value, from: $context.from } }' }
`,
  unhandled: call('refused', 'fail: { status: 404, below: 9 }'),
  'large-values': `${call('first', `text: '\${ .text }', fill: '\${ "y" * ${LARGE} }'`)}  - keep:
      set: { text: '\${ .text }', fill: '\${ .fill }' }
      export: { as: '\${ .fill }' }
`,
  'long-journal': `  - each:
      for: { each: item, in: '\${ [range(24)] }' }
      do:
${indented(call('inside', "item: '${ $item }', fill: '${ \"z\" * 60000 }'"), 6)}  - last:
      set: { done: true }
`,
  sleeping: `${call('before', "n: '${ .n + 1 }'")}  - rest:\n      wait: ${LATER}\n${call('after', "n: '${ .n + 1 }'")}`,
  retrying: `  - again:
      try:
${indented(call('one', "n: '${ .n }'"), 6)}${indented(call('flaky', 'fail: { status: 500, below: 2 }, n: 7'), 6)}      catch:
        retry: { delay: '${LATER}', limit: { attempt: { count: 3 } } }
`,
  outstanding: `  - each:
      for: { each: item, in: '\${ ["a", "b", "c"] }', at: index }
      do:
        - guarded:
            try:
${indented(call('held', "hold: '${ $index == 1 }', item: '${ $item }'"), 12)}            catch:
              errors: { with: { status: 503 } }
              retry: { delay: PT0S, limit: { attempt: { count: 2 } } }
      export: { as: '\${ { seen: . } }' }
`,
  handling: `  - guarded:
      try:
        - wrong:
            raise: { error: { type: 'https://example.com/wrong', status: 400, title: Wrong } }
      catch:
        as: problem
        do:
${indented(call('held', "hold: true, status: '${ $problem.status }'"), 10)}`,
  'large-state': `  - one:
      set: { a: '\${ "a" * 900000 }' }
      export: { as: '\${ .a }' }
  - two:
      set: { b: '\${ "b" * 900000 }' }
${call('held', "hold: true, c: '${ .b }'")}`,
};

const accepted = (workflow: string, input: unknown, rest: Partial<GoldenStart> = {}): GoldenStart => ({ workflow, input, by: 'gateway', until: 'accepted', ...rest });

/** The first owner's executions. */
export const FIRST: readonly GoldenStart[] = [
  accepted('everything', { n: 1 }, { until: 'stored' }),
  accepted('everything', { n: 1 }, { until: 'stored', key: 'once' }),
  accepted('everything', { n: 50 }, { until: 'stored', by: 'input', key: 'hook-1' }),
  accepted('unhandled', null, { until: 'stored' }),
  accepted('large-values', { text: 'x'.repeat(LARGE) }, { until: 'stored' }),
  accepted('long-journal', [], { until: 'stored' }),
  accepted('sleeping', { n: 1 }, { until: 'checkpointed', by: 'input', key: 'hook-2' }),
  accepted('sleeping', { n: 2 }, { until: 'checkpointed', key: 'twice' }),
  accepted('sleeping', { n: 3 }, { until: 'stored', cancel: 'gateway' }),
  accepted('sleeping', { n: 4 }, { until: 'stored', cancel: 'input' }),
  accepted('retrying', { n: 5 }, { until: 'checkpointed' }),
  accepted('outstanding', { n: 6 }, { until: 'checkpointed' }),
  accepted('handling', { n: 7 }, { until: 'checkpointed' }),
  accepted('large-state', { n: 8 }, { until: 'checkpointed' }),
];

/** The second owner's, which is killed before it has stored anything of them. */
export const SECOND: readonly GoldenStart[] = [
  accepted('everything', { n: 2 }, { until: 'ended' }),
  accepted('unhandled', { n: 3 }, { until: 'ended', key: 'late' }),
  accepted('sleeping', { n: 9 }),
  accepted('retrying', { n: 10 }),
  accepted('outstanding', { n: 11 }, { by: 'input' }),
  accepted('large-values', { text: 'w'.repeat(LARGE) }, { until: 'ended' }),
];

/** Starts of this organisation wait for its rate; more than may begin. */
export const SLOW = { organisation: 'slow', startsPerSecond: 0.1, starts: 3 } as const;
