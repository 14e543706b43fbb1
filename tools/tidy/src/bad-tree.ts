/**
 * A tree that breaks every rule once: a rule that does not object to it has stopped working.
 * Written in pieces where the source itself would otherwise break the rule.
 */
import { LINES_MAX } from './rules/length.ts';
import type { SourceTree } from './tree.ts';

const join = (...parts: readonly string[]): string => parts.join('');
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const files: Readonly<Record<string, string>> = {
  'libs/impure/package.json': json({ name: '@example/impure', nx: { tags: ['layer:core'] }, dependencies: { mongodb: '1.0.0' } }),
  'libs/impure/tsconfig.json': json({ compilerOptions: { types: ['node'] }, references: [{ path: '../elsewhere' }] }),
  'libs/impure/src/utils.ts': 'const a = 1;\n',
  'libs/impure/src/long.ts': 'const a = 1;\n'.repeat(LINES_MAX + 1),
  'libs/impure/src/index.ts': [join('export ', "* from './long.ts';"), join('// TO', 'DO'), 'const blank = 1; ', ''].join('\n'),
  'libs/impure/src/place.ts': `const place = '${join('/ho', 'me/someone/data')}';\n`,
  'libs/impure/src/registry.ts': `const from = 'https://${join('registry.', 'npmjs.org')}';\n`,
  'libs/unlayered/package.json': json({ name: '@example/unlayered' }),
  'docs/errors.md': '## never-heard-of\n',
  'docs/guide.md': join('See [the rest](', 'missing.md).\n'),
  'package-lock.json': json({ packages: { a: { resolved: 'https://example.org/a.tgz' } } }),
};

export const badTree: SourceTree = { files: Object.entries(files).map(([path, text]) => ({ path, text })) };
