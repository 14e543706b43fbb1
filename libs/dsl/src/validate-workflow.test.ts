import { readdirSync, readFileSync } from 'node:fs';
import { fixtureText, HEAD, workflowOf } from './fixture.test-support.ts';
import { formatProblem } from './problem.ts';
import { readDocuments } from './read-documents.ts';
import { workflowOfValue } from './source-document.ts';
import { validateWorkflow } from './validate-workflow.ts';

/** Problems of a document whose head is not written out; the text begins in line 6. */
function problemsOf(text: string): readonly string[] {
  const result = validateWorkflow(workflowOf(HEAD + text));
  return result.kind === 'refused' ? result.problems.map(formatProblem) : [];
}

function warningsOf(text: string): readonly string[] {
  const result = validateWorkflow(workflowOf(HEAD + text));
  return result.kind === 'valid' ? result.warnings.map(formatProblem) : problemsOf(text);
}

describe('validating a workflow', () => {
  test.each(['every-supported-task.yaml', 'every-other-feature.yaml'])('finds nothing wrong with %s', (name) => {
    const result = validateWorkflow(workflowOf(fixtureText(name)));
    expect(result.kind === 'refused' ? result.problems.map(formatProblem) : []).toEqual([]);
  });

  test.each([
    ['a misspelt task', 'do:\n  - a:\n      sett: { x: 1 }\n', 'f:7:5: `a` is no task that the DSL knows: it needs one of `call`, `do`, `emit`, `for`, `fork`, `listen`, `raise`, `run`, `set`, `switch`, `try`, `wait`\n  `sett` is probably meant to be `set`'],
    ['a part without its task', 'do:\n  - a: { catch: {} }\n', 'f:7:5: `a` is no task that the DSL knows: it needs one of `call`, `do`, `emit`, `for`, `fork`, `listen`, `raise`, `run`, `set`, `switch`, `try`, `wait`\n  `catch` belongs to a task with `try`'],
    ['two tasks in one', 'do:\n  - a: { set: { x: 1 }, wait: PT1S }\n', 'f:7:5: `a` is several tasks at once: `set` and `wait`\n  make each a task of its own, with its own name'],
    ['two names in one item', 'do:\n  - a: { wait: PT1S }\n    b: { wait: PT1S }\n', 'f:8:5: item 1 of `do` must have only one name, and `b` is another\n  begin a new item with `- b:`, or indent it further'],
    ['an empty task', 'do:\n  - a:\n', 'f:7:7: `a` must be an object, and is empty'],
    ['tasks that are no list', 'do:\n  a: { wait: PT1S }\n', 'f:7:3: `do` must be a list, and is an object\n  begin each item with `- `'],
    ['a misspelt property of a task', 'do:\n  - a:\n      set: { x: 1 }\n      iff: .x\n', 'f:9:7: there is no property `iff` in `a`\n  did you mean `if`?'],
    ['a misspelt argument', 'do:\n  - a:\n      call: http\n      with: { methd: get, endpoint: https://example.com }\n', 'f:9:7: `with` has no `method`\n  `methd` is probably meant to be `method`'],
    ['a missing argument', 'do:\n  - a:\n      call: http\n      with: { method: get }\n', 'f:9:7: `with` has no `endpoint`\n  add `endpoint`'],
    ['an endpoint that is none', 'do:\n  - a:\n      call: http\n      with: { method: get, endpoint: example.com }\n', 'f:9:38: `endpoint` must be a URI, such as `https://example.com/pets/{petId}`, an expression `${ … }`, or an object with `uri`, and is "example.com"'],
    ['a misspelt part of an endpoint', 'do:\n  - a:\n      call: http\n      with:\n        method: get\n        endpoint: { url: https://example.com }\n', 'f:11:9: `endpoint` has no `uri`\n  `url` is probably meant to be `uri`'],
    ['a query parameter that is no text', 'do:\n  - a:\n      call: http\n      with: { method: get, endpoint: https://example.com, query: { page: 1 } }\n', "f:9:74: `page` must be a text, and is 1\n  put it in quotes: '1'"],
    ['misspelt authentication', 'do:\n  - a:\n      call: http\n      with:\n        method: get\n        endpoint:\n          uri: https://example.com\n          authentication: { basc: {} }\n', 'f:13:11: `authentication` must have `use`, `basic`, `bearer`, `digest`, `oauth2` or `oidc`\n  did you mean `basic`?'],
    ['half of a password', 'do:\n  - a:\n      call: http\n      with:\n        method: get\n        endpoint:\n          uri: https://example.com\n          authentication: { basic: { username: ada } }\n', 'f:13:29: `basic` has no `password`\n  add `password`'],
    ['a duration that is none', 'do:\n  - a: { wait: 30s }\n', 'f:7:16: `wait` must be a duration: an ISO 8601 text such as `PT30S`, an object such as `{ seconds: 30 }`, or an expression `${ … }`, and is "30s"'],
    ['a misspelt unit', 'do:\n  - a: { wait: { second: 30 } }\n', 'f:7:18: there is no property `second` in `wait`\n  did you mean `seconds`?'],
    ['a number in quotes', "do:\n  - a: { wait: { seconds: '30' } }\n", 'f:7:27: `seconds` must be a whole number, and is "30"\n  write it without quotes'],
    ['an empty set', 'do:\n  - a: { set: {} }\n', 'f:7:15: `set` must have at least one property'],
    ['a case without a directive', 'do:\n  - a:\n      switch:\n        - x: { when: .a }\n', 'f:9:11: `x` has no `then`\n  add `then`'],
    ['an empty switch', 'do:\n  - a: { switch: [] }\n', 'f:7:18: `switch` must have at least one item'],
    ['an error without a type', 'do:\n  - a: { raise: { error: { type: oops, status: 400 } } }\n', 'f:7:34: `type` must be a URI, such as `https://example.com/pets/{petId}`, and is "oops"'],
    ['a listener of nothing', 'do:\n  - a: { listen: { to: { anyy: [] } } }\n', 'f:7:20: `to` must have `all`, `any` or `one`\n  did you mean `any`?'],
    ['a listener that is stopped by a listener that is stopped', 'do:\n  - a: { listen: { to: { any: [], until: { any: [], until: { any: [] } } } } }\n', 'f:7:53: `until` is not allowed here\n  remove it'],
    ['a script without code', 'do:\n  - a: { run: { script: { language: js } } }\n', 'f:7:17: `script` must have `code` or `source`'],
    ['two things to run', 'do:\n  - a: { run: { shell: { command: ls }, workflow: { namespace: a, name: b, version: 1.0.0 } } }\n', 'f:7:15: `run` means several things at once: shell and workflow exclude one another\n  keep one of them'],
    ['a lifetime that does not fit', 'do:\n  - a: { run: { container: { image: x, lifetime: { cleanup: always, after: PT1S } } } }\n', 'f:7:50: `lifetime` must not have `after` here'],
    ['an unknown choice', 'do:\n  - a: { call: http, with: { method: get, endpoint: https://example.com, output: respons } }\n', 'f:7:82: `output` must be `raw`, `content` or `response`, and is "respons"\n  did you mean `response`?'],
    ['a misspelt part of the document', 'do: []\ntimout: { after: PT1S }\n', 'f:7:1: there is no property `timout` here\n  did you mean `timeout`?'],
    ['no tasks', 'use: {}\n', 'f:1:1: the document has no `do`\n  add `do`'],
  ])('points at %s', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  test('points at what is wrong in the head of a document, in the order of the file', () => {
    const result = validateWorkflow(workflowOf('document:\n  dsl: 1.0\n  namespace: te_st\n  verson: 1.0.0\n  name: x\ndo: []\n'));
    expect(result.kind === 'refused' && result.problems.map(formatProblem)).toEqual([
      'f:1:1: `document` has no `version`\n  `verson` is probably meant to be `version`',
      "f:2:8: `dsl` must be a text, and is 1\n  put it in quotes: '1'",
      'f:3:14: `namespace` must be made of letters, digits and dashes, at most 63, with a letter or digit at both ends, and is "te_st"',
    ]);
  });

  test.each([
    ['a directive to nowhere', 'do:\n  - first: { wait: PT1S, then: secnd }\n  - second: { wait: PT1S }\n', 'f:7:32: there is no task `secnd` in the same list\n  did you mean `second`?'],
    ['a directive into another list', 'do:\n  - outer:\n      do:\n        - inner: { wait: PT1S, then: outer }\n', 'f:9:38: there is no task `outer` in the same list\n  name a task of the same list, or write `continue`, `exit` or `end`'],
    ['a case to nowhere', 'do:\n  - a:\n      switch:\n        - x: { then: edn }\n', 'f:9:22: there is no task `edn` in the same list\n  did you mean `end`?'],
    ['a name used twice', 'do:\n  - a: { wait: PT1S }\n  - a: { wait: PT1S }\n', 'f:8:5: there is another task `a` in the same list\n  give one of them another name'],
    ['a name used twice in a handler', 'do:\n  - t:\n      try: []\n      catch:\n        do:\n          - a: { wait: PT1S }\n          - a: { wait: PT1S }\n', 'f:12:13: there is another task `a` in the same list\n  give one of them another name'],
    ['a branch that leads to another', 'do:\n  - t:\n      fork:\n        branches:\n          - a: { wait: PT1S, then: b }\n          - b: { wait: PT1S }\n', 'f:10:36: `b` is another branch, and branches run at the same time\n  put tasks that follow one another into one branch, in a `do`'],
    ['too many branches', `do:\n  - t: { fork: { branches: [ ${Array.from({ length: 10_001 }, (_, index) => `{ b${index}: { set: { x: 1 } } }`).join(', ')} ] } }\n`, 'f:7:18: the fork has 10001 branches; the most is 10000\n  divide the work over several forks, or loop over it with `for`'],
    ['a name used twice in a branch', 'do:\n  - t:\n      fork:\n        branches:\n          - a: { wait: PT1S }\n          - a: { wait: PT1S }\n', 'f:11:13: there is another task `a` in the same list\n  give one of them another name'],
    ['a task named like a directive', 'do:\n  - exit: { wait: PT1S }\n', 'f:7:5: a task cannot be called `exit`: that is a flow directive\n  give it another name'],
    ['two defaults', 'do:\n  - a:\n      switch:\n        - x: { then: end }\n        - y: { then: exit }\n', 'f:10:11: a switch can have one case without `when`, and `x` is one already\n  give this case a `when`, or remove it'],
    ['two cases of a name', 'do:\n  - a:\n      switch:\n        - x: { when: .a, then: end }\n        - x: { when: .b, then: end }\n', 'f:10:11: there is another case `x` in the same switch\n  give one of them another name'],
    ['a variable that expressions have', 'do:\n  - a:\n      for: { each: input, in: .x }\n      do: []\n', 'f:8:20: a variable cannot be called `input`: expressions have a `$input` already\n  give it another name'],
    ['a variable with its dollar', 'do:\n  - a:\n      for: { each: $pet, in: .x }\n      do: []\n', 'f:8:20: `$pet` cannot be the name of a variable\n  write it without the `$`: `pet`'],
    ['one name for item and index', 'do:\n  - a:\n      for: { each: x, at: x, in: .x }\n      do: []\n', 'f:8:27: `each` and `at` are both called `x`\n  give one of them another name'],
    ['a variable of a handler that cannot be one', 'do:\n  - a:\n      try: []\n      catch: { as: the error }\n', 'f:9:20: `the error` cannot be the name of a variable\n  use letters, digits and underscores, a letter first'],
    ['an error that is not defined', 'use: { errors: { broken: { type: https://example.com, status: 500 } } }\ndo:\n  - a: { raise: { error: brokn } }\n', 'f:8:26: there is no error `brokn` in `use.errors`\n  did you mean `broken`?'],
    ['a retry policy that is not defined', 'do:\n  - a: { try: [], catch: { retry: often } }\n', 'f:7:35: there is no retry policy `often` in `use.retries`\n  define it there, or write it here in full'],
    ['a timeout that is not defined', 'do:\n  - a: { wait: PT1S, timeout: soon }\n', 'f:7:31: there is no timeout `soon` in `use.timeouts`\n  define it there, or write it here in full'],
    ['a misspelt error filter', 'do:\n  - a: { try: [], catch: { errors: { with: { staus: 500 } } } }\n', 'f:7:46: there is no property `staus` here\n  did you mean `status`?'],
    ['an error filter in the wrong place', 'do:\n  - a: { try: [], catch: { errors: { status: 500 } } }\n', 'f:7:38: there is no property `status` here\n  known here: `with`'],
  ])('points at %s', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  test('warns of a default that is not last, and of tasks that nothing leads to', () => {
    const text = 'do:\n  - a:\n      switch:\n        - x: { then: end }\n        - y: { when: .a, then: c }\n  - b: { wait: PT1S }\n  - c: { wait: PT1S, if: .x, then: exit }\n  - d: { raise: { error: { type: https://example.com, status: 500 } } }\n  - e: { wait: PT1S }\n';
    expect(warningsOf(text)).toEqual([
      'f:9:11: `x` has no `when`, so it is tried after the cases below it\n  put it last, where readers look for it',
      'f:11:5: `b` can never run: nothing leads to it\n  remove it, or name it in a `then`',
      'f:14:5: `e` can never run: nothing leads to it\n  remove it, or name it in a `then`',
    ]);
  });

  test('gives places of line 1 to a document that has no text any more', () => {
    const result = validateWorkflow(workflowOfValue({ do: [] }, 'orders@1.0.0'));
    expect(result.kind === 'refused' && result.problems.map(formatProblem)).toEqual(['orders@1.0.0:1:1: the document has no `document`\n  add `document`']);
  });

  test('reports no more problems than somebody would read, from the start of the file', () => {
    const tasks = Array.from({ length: 500 }, (_, index) => `  - t${index}: { sett: 1 }`);
    const problems = problemsOf(`do:\n${tasks.join('\n')}\n`);
    expect(problems).toHaveLength(50);
    expect(problems[0]).toMatch(/^f:7:5:/);
  });

  test('is not slowed down by many unknown properties', () => {
    const properties = Array.from({ length: 20_000 }, (_, index) => `      p${index}: 1`);
    expect(problemsOf(`do:\n  - a:\n      set: { x: 1 }\n${properties.join('\n')}\n`)[0]).toMatch(/^f:9:7: there is no property `p0` in `a`/);
  });

  // The specification's own examples, over a folder given by path: a conformance run, which is no part of a usual one.
  const examples = process.env['SERVERLESS_WORKFLOW_EXAMPLES'];
  if (examples === undefined) return;
  test('finds nothing wrong with the examples of the specification', () => {
    const names = readdirSync(examples).filter((name) => /\.(ya?ml|json)$/.test(name));
    expect(names.length).toBeGreaterThan(0);
    const problems = names.flatMap((name) => {
      const read = readDocuments(readFileSync(`${examples}/${name}`, 'utf8'), { fileName: name });
      if (read.kind === 'refused') return read.problems.map(formatProblem);
      return read.documents.flatMap((document) => {
        const result = document.kind === 'workflow' ? validateWorkflow(document) : undefined;
        return result?.kind === 'valid' ? [] : (result?.problems.map(formatProblem) ?? [`${name} has no workflow`]);
      });
    });
    expect(problems).toEqual([]);
  });
});
