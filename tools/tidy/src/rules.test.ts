import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { badTree } from './bad-tree.ts';
import { rules } from './rules.ts';
import { errorCatalogue } from './rules/error-catalogue.ts';
import { length } from './rules/length.ts';
import { links } from './rules/links.ts';
import { names } from './rules/names.ts';
import { layers, pureCores, references } from './rules/packages.ts';
import { machinePaths, whitespace } from './rules/text.ts';
import { readTree, type Rule, type SourceTree } from './tree.ts';

const treeOf = (files: Readonly<Record<string, string>>): SourceTree => ({ files: Object.entries(files).map(([name, text]) => ({ path: name, text })) });
const messages = (rule: Rule, files: Readonly<Record<string, string>>): readonly string[] => rule.check(treeOf(files)).map(({ message }) => message);
const json = (value: unknown): string => `${JSON.stringify(value)}\n`;

describe('every rule', () => {
  test.each(rules.map((rule) => [rule.name, rule] as const))('%s objects to a tree that breaks it', (name, rule) => {
    const findings = rule.check(badTree);
    expect(findings.filter((finding) => finding.severity === 'error')).not.toEqual([]);
    expect(new Set(findings.map((finding) => finding.rule))).toEqual(new Set([name]));
  });
});

describe('names', () => {
  test.each(['libs/a/src/utils.ts', 'libs/shared/index.ts', 'libs/a/src/types.d.ts', 'libs/a/src/helpers.test.ts'])('%s says nothing', (file) => {
    expect(messages(names, { [file]: '' })).toEqual([expect.stringContaining('says nothing')]);
  });

  test.each(['libs/a/src/base64.ts', 'libs/a/README.md', 'libs/a/src/type-names.ts', 'tsconfig.base.json'])('%s is a good name', (file) => {
    expect(messages(names, { [file]: '' })).toEqual([]);
  });

  test('TypeScript files are in kebab-case', () => {
    expect(messages(names, { 'libs/a/src/laneLog.ts': '' })).toEqual(['the file name is not in kebab-case']);
  });
});

describe('lengths', () => {
  const lines = (count: number): string => 'x\n'.repeat(count);

  test('300 lines pass, 301 are a warning, 601 an error', () => {
    const severities = [300, 301, 600, 601].map((count) => length.check(treeOf({ 'a.ts': lines(count) })).map(({ severity }) => severity));
    expect(severities).toEqual([[], ['warning'], ['warning'], ['error']]);
  });

  test('tests and generated files may be longer', () => {
    expect(messages(length, { 'a.test.ts': lines(900), 'libs/contracts/src/generated/a.ts': lines(900) })).toEqual([]);
  });
});

describe('machine paths', () => {
  const home = ['', 'home', 'someone', 'x'].join('/');
  const temporary = ['', 'tmp', 'x'].join('/');

  test.each([home, `"${home}"`, `(${temporary})`])('%s is refused', (text) => {
    expect(messages(machinePaths, { 'a.ts': text })).toHaveLength(1);
  });

  test.each([`https://example.org${home}`, `./data${temporary}`, '`${dir}/work/x`', 'a/work/b'])('%s is not a path of one machine', (text) => {
    expect(messages(machinePaths, { 'a.ts': text })).toEqual([]);
  });

  test('a test may use the temporary folder, not a home', () => {
    expect(messages(machinePaths, { 'a.test.ts': temporary, 'b.test.ts': home })).toHaveLength(1);
  });
});

describe('packages', () => {
  const core = (extra: object, config: object = {}): Readonly<Record<string, string>> => ({
    'libs/pure/package.json': json({ name: '@example/pure', nx: { tags: ['layer:core'] } }),
    'libs/pure/tsconfig.json': json({}),
    'libs/core/package.json': json({ name: '@example/core', nx: { tags: ['layer:core'] }, ...extra }),
    'libs/core/tsconfig.json': json(config),
  });

  test('a core may depend on another core and test with fast-check', () => {
    expect(messages(pureCores, core({ dependencies: { '@example/pure': '1' }, devDependencies: { 'fast-check': '1' } }))).toEqual([]);
  });

  test('a core may neither depend on anything else nor have ambient types', () => {
    const files = core({ dependencies: { mongodb: '1' } }, { compilerOptions: { types: ['node'] } });
    expect(messages(pureCores, files)).toEqual([expect.stringContaining('ambient types'), expect.stringContaining('not on mongodb')]);
  });

  test('nothing depends on an app, and every package says one layer', () => {
    const files = {
      'apps/a/package.json': json({ name: '@example/a', nx: { tags: ['layer:app'] } }),
      'libs/b/package.json': json({ name: '@example/b', nx: { tags: ['layer:platform', 'role:x'] }, dependencies: { '@example/a': '1' } }),
      'libs/c/package.json': json({ name: '@example/c', nx: { tags: ['layer:platform', 'layer:core'] } }),
    };
    expect(messages(layers, files)).toEqual(['depends on @example/a, an app: nothing does', expect.stringContaining('has layer:platform, layer:core')]);
  });

  test('project references and dependencies are the same', () => {
    const depends = core({ dependencies: { '@example/pure': '1' } });
    expect(messages(references, depends)).toEqual(['depends on libs/pure, which its tsconfig.json does not reference']);
    expect(messages(references, core({ devDependencies: { '@example/pure': '1' } }))).toEqual([]);
    expect(messages(references, core({}, { references: [{ path: '../pure' }] }))).toEqual([
      'references libs/pure in its tsconfig.json without depending on it',
    ]);
    expect(messages(references, { ...depends, 'libs/core/tsconfig.json': json({ references: [{ path: '../../libs/pure' }] }) })).toEqual([]);
  });
});

describe('documents', () => {
  test('the error catalogue is explained under headings with code and retry, all of it and nothing else', () => {
    const retry = { kind: 'never' };
    const rule = errorCatalogue({ 'lane-lost': { code: 'data-loss', retry }, 'key-missing': { code: 'unauthenticated', retry } });
    const explained = '## lane-lost\n\n`DATA_LOSS`, never.\n\n## `key-missing`\n\n`UNAUTHENTICATED`, never.\n';
    expect(messages(rule, { 'docs/errors.md': explained })).toEqual([]);
    expect(messages(rule, { 'docs/errors.md': '## lane-lost\n\n`ABORTED`, never.\n\n## other\n' })).toEqual([
      'does not say `DATA_LOSS` for `lane-lost`',
      'does not explain `key-missing`',
      'explains `other`, which is not in the catalogue',
    ]);
  });

  test('links lead to files and folders of the tree, addresses are not followed', () => {
    const files = { 'docs/a.md': '[b](b.md#part) [top](../README.md) [folder](../libs/) [web](https://example.org/x)', 'docs/b.md': '', 'README.md': '', 'libs/x.ts': '' };
    expect(messages(links, files)).toEqual([]);
    expect(messages(links, { 'docs/a.md': '[c](c.md)' })).toEqual(['there is no c.md']);
  });

  test('a file ends with exactly one newline and no line with a blank', () => {
    expect(messages(whitespace, { 'a.md': 'a\n', 'empty.md': '' })).toEqual([]);
    expect(whitespace.check(treeOf({ 'a.md': 'a', 'b.md': 'b\n\n', 'c.md': 'c \r\nd\n' })).map((each) => [each.path, each.line])).toEqual([
      ['a.md', undefined],
      ['b.md', undefined],
      ['c.md', 1],
    ]);
  });
});

test('the tree on disk is read without what git ignores', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'millrace-tidy-'));
  try {
    for (const name of ['src/a.ts', 'node_modules/b/index.js', 'dist/a.js', '.ci/run']) {
      await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
      await writeFile(path.join(dir, name), 'x\n');
    }
    expect((await readTree(dir)).files.map((file) => file.path)).toEqual(['.ci/run', 'src/a.ts']);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
