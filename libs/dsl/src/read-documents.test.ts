import { readDocuments } from './read-documents.ts';
import { DEFINITION_BYTES_MAX, DEPTH_MAX, DOCUMENTS_MAX, FILE_BYTES_MAX } from './limits.ts';
import { formatProblem } from './problem.ts';

const read = (text: string) => readDocuments(text, { fileName: 'file.yaml' });

function problemsOf(text: string): readonly string[] {
  const result = read(text);
  return result.kind === 'refused' ? result.problems.map(formatProblem) : [];
}

describe('reading documents', () => {
  test('takes YAML, JSON and several documents a file', () => {
    const result = read("# first\ndocument: { dsl: '1.0.3' }\ndo: []\n---\n{\"millrace\": \"v1\", \"kind\": \"limits\"}\n---\n# nothing here\n");
    expect(result.kind === 'read' && result.documents.map(({ kind, value }) => ({ kind, value }))).toEqual([
      { kind: 'workflow', value: { document: { dsl: '1.0.3' }, do: [] } },
      { kind: 'resource', value: { millrace: 'v1', kind: 'limits' } },
    ]);
  });

  test('takes a document for a resource or a workflow though the word that says so is missing', () => {
    expect(read('kind: limits\nspec: {}\n')).toMatchObject({ kind: 'read', documents: [{ kind: 'resource' }] });
    expect(read('do: []\n')).toMatchObject({ kind: 'read', documents: [{ kind: 'workflow' }] });
  });

  test('expands aliases and keeps properties that have names of JavaScript', () => {
    const result = read('do: []\na: &x { b: 1 }\nc: *x\n__proto__: { d: 2 }\nconstructor: 3\n1: one\n');
    const value = result.kind === 'read' ? result.documents[0]?.value : undefined;
    expect(JSON.stringify(value)).toBe('{"1":"one","do":[],"a":{"b":1},"c":{"b":1},"__proto__":{"d":2},"constructor":3}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test('finds a place by JSON pointer, by name and by value, also behind an alias', () => {
    const result = read('do:\n  - first: &t\n      set:\n        a: 1\n  - second: *t\n');
    const document = result.kind === 'read' ? result.documents[0] : undefined;
    expect(document?.locate('/do/0/first/set', 'key')).toEqual({ line: 3, column: 7 });
    expect(document?.locate('/do/0/first/set/a', 'value')).toEqual({ line: 4, column: 12 });
    expect(document?.locate('/do/1/second/set/a', 'value')).toEqual({ line: 4, column: 12 });
    expect(document?.locate('/do/1/second', 'key')).toEqual({ line: 5, column: 5 });
    expect(document?.locate('/do/0/first/absent/deeper', 'key')).toEqual({ line: 2, column: 5 });
    expect(document?.locate('', 'value')).toEqual({ line: 1, column: 1 });
  });

  test.each([
    ['an empty text', '', 'file.yaml:1:1: the file has no document\n  write a workflow (it begins with `document:`) or a resource (it begins with `millrace: v1`)'],
    ['a list', '[1]', 'file.yaml:1:1: a document must be an object\n  begin it with `document:` (a workflow) or `millrace: v1` (a resource)'],
    ['something else', 'name: x', 'file.yaml:1:1: this is neither a workflow nor a resource\n  a workflow has `document:` with `dsl`; a resource has `millrace: v1`, `kind`, `name` and `spec`'],
    ['an unclosed brace', 'do: {', 'file.yaml:1:6: flow map in block collection must be sufficiently indented and end with a }\n  look for wrong indentation, or for a bracket or quote that is not closed'],
    ['an unquoted expression', 'do:\n  - a: { set: ${ {x: 1} } }\n', 'file.yaml:2:15: block collections are not allowed within flow collections\n  put the expression in quotes: YAML reads `: `, ` #` and braces itself'],
    ['an unquoted URI template', 'do:\n  - a: { uri: https://a.b/{c} }\n', 'file.yaml:2:27: unexpected flow-map-start at node end\n  put the URI in quotes: a brace ends a text that stands within braces'],
    ['a tab', 'do:\n\t- a', 'file.yaml:2:1: tabs are not allowed as indentation\n  indent with spaces'],
    ['a name written twice', 'do: []\nx:\n  a: 1\n  b: 2\n  a: 3\n', 'file.yaml:5:3: `a` is written twice, first in line 3\n  remove one of the two'],
    ['a name that is a list', 'do: []\n? [a, b]\n: 1\n', 'file.yaml:2:3: a property must have a text as its name\n  an expression or placeholder in braces needs quotes around it'],
    ['too many digits', 'do: []\nx: 12345678901234567890\n', 'file.yaml:2:4: 12345678901234567890 has too many digits to be kept exactly\n  put it in quotes to make it a text'],
    ['infinity', '{"do": [], "x": 1e999}', 'file.yaml:1:17: 1e999 is not a number that JSON knows\n  put it in quotes to make it a text'],
    ['an unknown tag', 'do: []\nx: !secret y\n', 'file.yaml:2:4: unresolved tag: !secret\n  remove the tag'],
    ['an unknown alias', 'do: []\nx: *y\n', 'file.yaml:2:4: there is no anchor `&y` before this'],
    ['another YAML', '%YAML 1.1\n---\ndo: []\n', 'file.yaml:2:1: YAML 1.1 is not read here\n  remove the `%YAML` line; documents are YAML 1.2'],
  ])('refuses %s with its place', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  test('refuses the whole file for one bad document, all problems in the order of the file', () => {
    expect(problemsOf('do: []\n---\nx: 1\n---\ndo: {\n').map((problem) => problem.split(':')[1])).toEqual(['3', '6']);
  });

  test('bounds what aliases multiply', () => {
    const levels = Array.from({ length: 12 }, (_, level) => `  l${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`).join(', ')}]`);
    const problems = problemsOf(`do: []\nbomb:\n  l0: &l0 [x]\n${levels.join('\n')}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/the document has more than 100000 values\n {2}aliases count/);
  });

  test('bounds an alias within itself', () => {
    expect(problemsOf('do: &a [ *a ]\n')[0]).toMatch(`the document is nested more than ${DEPTH_MAX} levels deep`);
  });

  test('bounds depth, whether or not the parser survives it', () => {
    for (const depth of [DEPTH_MAX + 1, 100_000]) {
      expect(problemsOf(`do: ${'['.repeat(depth)}${']'.repeat(depth)}`)[0]).toMatch(`the document is nested more than ${DEPTH_MAX} levels deep`);
    }
    expect(read(`do: ${'['.repeat(DEPTH_MAX - 1)}${']'.repeat(DEPTH_MAX - 1)}`).kind).toBe('read');
  });

  test('bounds the size of a definition, of a file and the number of documents', () => {
    const large = `do: []\nx: ${'a'.repeat(DEFINITION_BYTES_MAX)}\n`;
    expect(problemsOf(`do: []\n---\n${large}`)[0]).toMatch(/^file\.yaml:2:1: the document has \d+ bytes; the most is 1048576/);
    expect(read(`do: []\nx: ${'a'.repeat(DEFINITION_BYTES_MAX - 100)}\n---\ndo: []\n`).kind).toBe('read');
    expect(problemsOf('#'.repeat(FILE_BYTES_MAX + 1))[0]).toMatch('the file has 16777217 bytes');
    expect(problemsOf('do: []\n---\n'.repeat(DOCUMENTS_MAX + 1))[0]).toMatch('documents; the most is 1000');
  });

  test('is not slowed down by many names in one object', () => {
    const text = `do: []\nx:\n${Array.from({ length: 30_000 }, (_, index) => `  n${index}: 1`).join('\n')}\n`;
    const startedAt = performance.now();
    expect(read(text).kind).toBe('read');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });
});
