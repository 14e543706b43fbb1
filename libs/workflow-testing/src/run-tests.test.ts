import { readDocuments, type ResourceDocument } from '@millrace/dsl';
import { checkTestDocument, type TestDocument } from './test-document.ts';
import { runTests, type TestResult } from './run-tests.ts';
import { jsonReport, junitReport, textReport } from './report.ts';
import { workflowText, type WorkflowUnderTest } from './workflow-under-test.ts';

const ORDERS = `document: { dsl: '1.0.3', namespace: shop, name: orders, version: 1.0.0 }
timeout: { after: { days: 2 } }
do:
  - stock:
      call: http
      with: { method: get, endpoint: 'https://stock.example.com/items/{item}' }
      output: { as: '\${ {item: $input.item, stock: .count} }' }
  - enough:
      switch:
        - none: { when: .stock == 0, then: sold }
        - some: { then: charge }
  - sold:
      raise: { error: { type: 'https://shop.example.com/errors/sold', status: 410, title: Sold out } }
  - charge:
      try:
        - pay:
            call: http
            with: { method: post, endpoint: 'https://bank.example.com/charges', body: { item: '\${ .item }' } }
      catch:
        errors: { with: { type: https://serverlessworkflow.io/spec/1.0.0/errors/communication } }
        retry: { delay: { minutes: 1 }, backoff: { exponential: {} }, limit: { attempt: { count: 2 } } }
        do:
          - apologise: { set: { failed: true }, then: exit }
  - rest:
      wait: { hours: 1 }
  - confirmed:
      listen: { to: { one: { with: { type: com.example.confirmed } } } }
      timeout: { after: { days: 1 } }
  - tell:
      emit: { event: { with: { source: https://shop.example.com, type: com.example.ordered, data: { by: '\${ .[0].by }' } } } }
      output: { as: .data }
`;

const TESTS = `millrace: v1
kind: test
name: orders
spec:
  workflow: orders.yaml
  mocks:
    - url: https://stock.example.com/items/*
      respond: { status: 200, body: { count: 3 } }
  cases:
    - name: an order is paid after two failures, and told
      input: { item: 7 }
      mocks:
        - task: pay
          answers:
            - respond: { status: 503 }
            - respond: { status: 503 }
              takes: PT2S
            - output: { item: '\${ .body.item }' }
      events:
        - event: { type: com.example.other }
        - event: { type: com.example.confirmed, data: { by: Ada } }
          after: { hours: 2 }
      expect:
        output: { by: Ada }
        path: [stock, enough, pay, pay, pay, rest, confirmed, tell]
        calls:
          - { url: 'https://bank.example.com/**', times: 3, with: { method: post, body: { item: 7 } } }
        emitted: [{ type: com.example.ordered }]
        took: PT2H
    - name: what is sold out is said
      input: { item: 7 }
      mocks: [{ task: stock, output: { count: 0 } }]
      expect:
        error: { type: https://shop.example.com/errors/sold, status: 410, instance: /do/2/sold }
        notRan: [charge]
    - name: a confirmation that never comes is a timeout after a day
      input: { item: 7 }
      mocks: [{ task: pay, output: {} }]
      expect:
        error: { type: timeout, status: 408 }
        took: P1DT1H
    - name: three failures are apologised for
      input: { item: 7 }
      mocks: [{ task: pay, respond: { status: 500 } }]
      expect: { ran: [apologise], calls: [{ task: pay, times: 3 }], status: faulted }
`;

function testOf(text: string): TestDocument {
  const read = readDocuments(text, { fileName: 'orders.test.yaml' });
  if (read.kind === 'refused') throw new Error(JSON.stringify(read.problems));
  const checked = checkTestDocument(read.documents[0] as ResourceDocument);
  if (checked.kind === 'refused') throw new Error(checked.problems.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return checked.test;
}

function problemsOf(text: string): readonly string[] {
  const read = readDocuments(text, { fileName: 'f' });
  if (read.kind === 'refused') throw new Error(JSON.stringify(read.problems));
  const checked = checkTestDocument(read.documents[0] as ResourceDocument);
  return checked.kind === 'refused' ? checked.problems.map(({ line, message, suggestion }) => `${line}: ${message}${suggestion === undefined ? '' : ` (${suggestion})`}`) : [];
}

function resultOf(tests: string, workflow = ORDERS, others: readonly WorkflowUnderTest[] = []): TestResult {
  return runTests(testOf(tests), workflowText(workflow).program, others.map(({ program }) => program));
}

describe('the cases of a document', () => {
  test('hold where waits, retries, events and timeouts elapse at once, and coverage counts what ran', () => {
    const { cases, coverage } = resultOf(TESTS);
    expect(cases.map(({ failures }) => failures)).toEqual([[], [], [], []]);
    expect(coverage).toMatchObject({ percent: 100, missed: [] });
  });

  test('say everything that is not as expected', () => {
    const wrong = TESTS.replace('output: { by: Ada }', 'output: { by: Bob }').replace('rest, confirmed', 'confirmed').replace('times: 3, with: { method: post', 'times: 2, with: { method: put').replace('took: PT2H', 'took: PT3H').replace('com.example.ordered }]', 'com.example.sent }]');
    expect(resultOf(wrong).cases[0]?.failures).toEqual([
      'output: at .by: expected "Bob", got "Ada"',
      'path: task 6 should be confirmed, and is rest; it went stock > enough > pay > pay > pay > rest > confirmed > tell',
      'calls: https://bank.example.com/**: expected 2 steps, got 3',
      'emitted: at [0].type: expected "com.example.sent", got "com.example.ordered"',
      'took: expected 10800000 ms, got 7200000 ms',
    ]);
  });

  test('a step without a mock names the mock that is missing', () => {
    expect(resultOf(TESTS.replace('task: pay, output: {}', 'task: paid, output: {}')).cases[2]?.failures).toEqual(['nothing answers http.request of /do/3/charge/try/0/pay: add a mock such as `{ task: pay, output: … }`, or mock `operation: http.request`']);
  });

  test('coverage below what is demanded is a failure that names the tasks', () => {
    const result = resultOf(TESTS.replace('  cases:', '  coverage: { tasks: 100 }\n  cases:').replace(/ {4}- name: three failures[\s\S]*$/, ''));
    expect(result.coverageFailure).toBe('88.9 % of the tasks ran, and 100 % must; not /do/3/charge/catch/do/0/apologise');
  });
});

describe('a workflow that runs another', () => {
  const OUTER = `document: { dsl: '1.0.3', namespace: t, name: outer, version: 1.0.0 }
do:
  - inner: { run: { workflow: { namespace: t, name: inner, version: 1.0.0, input: { n: '\${ .n }' } } } }
`;
  const INNER = `document: { dsl: '1.0.3', namespace: t, name: inner, version: 1.0.0 }
do:
  - pause: { wait: { minutes: 5 } }
  - double: { set: { n: '\${ $workflow.input.n * 2 }' } }
`;
  const TEST = `millrace: v1
kind: test
name: outer
spec:
  workflow: outer.yaml
  cases:
    - { name: doubles, input: { n: 4 }, expect: { output: { n: 8 }, took: PT5M } }
`;

  test('runs it on the same clock', () => {
    expect(resultOf(TEST, OUTER, [workflowText(INNER)]).cases[0]?.failures).toEqual([]);
  });

  test('needs a mock where it is not given', () => {
    expect(resultOf(TEST, OUTER).cases[0]?.failures[0]).toContain('nothing answers workflow.run of /do/0/inner');
  });
});

describe('a document that is wrong', () => {
  test('is refused with places and suggestions, all at once', () => {
    const wrong = TESTS.replace('url: https://stock', 'ulr: https://stock').replace('took: PT2H', 'tok: PT2H').replace('took: P1DT1H', 'took: one day');
    expect(problemsOf(wrong)).toEqual([
      expect.stringMatching(/^7: there is no property `ulr`.*did you mean `url`\?/),
      expect.stringMatching(/^\d+: there is no property `tok`.*did you mean `took`\?/),
    ]);
  });

  test('is refused for what no schema can say', () => {
    const wrong = TESTS.replace('took: P1DT1H', 'took: one day').replace('task: pay, output: {}', 'output: {}').replace('name: what is sold out is said', 'name: three failures are apologised for');
    expect(problemsOf(wrong)).toEqual([
      expect.stringContaining('the mock is for no step'),
      expect.stringContaining('"one day" is no duration'),
      expect.stringContaining('there is another case'),
    ]);
  });
});

describe('reports', () => {
  const failing = TESTS.replace('output: { by: Ada }', 'output: { by: "<Bob & \\"co\\">" }');

  test('for people show failures with their place', () => {
    const text = textReport([resultOf(failing)]);
    expect(text).toContain('  FAIL an order is paid after two failures, and told\n         output: at .by: expected');
    expect(text).toContain('at orders.test.yaml:10');
    expect(text).toContain('\n3 passed, 1 failed\n');
  });

  test('as JSON have path and coverage', () => {
    expect(jsonReport([resultOf(TESTS)])).toMatchObject({ passed: 4, failed: 0, tests: [{ file: 'orders.test.yaml', cases: [{ passed: true, tookMs: 7_200_000, status: 'completed' }, {}, {}, {}], coverage: { percent: 100 } }] });
  });

  test('as JUnit escape what XML would take for its own', () => {
    const xml = junitReport([resultOf(failing)]);
    expect(xml).toContain('<testsuites tests="4" failures="1">');
    expect(xml).toContain('&lt;Bob &amp; ');
    expect(xml).not.toContain('<Bob');
  });
});

test('a hundred cases take well under a second of the engine\'s time', () => {
  const { program } = workflowText(ORDERS);
  const test = testOf(TESTS);
  const cases = Array.from({ length: 25 }, () => test.spec.cases).flat();
  const result = runTests({ ...test, spec: { ...test.spec, cases } }, program);
  expect(result.cases.every(({ failures }) => failures.length === 0)).toBe(true);
  // Generous: it is the order of magnitude that must hold.
  expect(result.cases.reduce((sum, { durationMs }) => sum + durationMs, 0)).toBeLessThan(10_000);
});

test('people are asked, answer after their time, or too late', () => {
  const asks = `document: { dsl: '1.0.3', namespace: shop, name: asks, version: 1.0.0 }
do:
  - first: { call: 'approval:1.0.0@default', with: { title: '\${ "Pay \\(.n)?" }' } }
  - second: { call: 'approval:1.0.0@default', timeout: { after: { hours: 2 } }, output: { as: .decision } }
`;
  const asked = workflowText(asks);
  const first = { task: 'first', decision: 'approved', by: 'ada', after: { hours: 1 } } as const;
  expect(asked.run({ input: { n: 1 }, approvals: [first, { task: '/do/1/second', decision: 'rejected', after: 'PT1H' }] })).toMatchObject({ status: 'completed', output: 'rejected', path: ['first', 'second'] });
  expect(asked.run({ input: { n: 1 }, approvals: [first, { task: 'second', decision: 'approved', after: { hours: 3 } }] })).toMatchObject({ status: 'faulted', error: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout' } });
  expect(asked.run({ input: { n: 1 } })).toMatchObject({ status: 'waiting' });
  const tests = TESTS.replace(/cases:[^]*$/, 'cases:\n    - name: asked\n      input: { n: 1 }\n      approvals: [ { task: first, decision: approved }, { task: second, decision: approved, after: PT30M } ]\n      expect: { output: approved, took: PT30M }\n').replace(/ {2}mocks:[^]*?(?= {2}cases)/, '');
  expect(runTests(testOf(tests), asked.program).cases).toMatchObject([{ name: 'asked', failures: [] }]);
});
