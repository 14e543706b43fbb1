/**
 * Lint rules of the tree: what the compiler cannot refuse.
 *
 * 1. Layers. A package says its layer in its package.json (nx.tags); the table below says what each may use.
 *    `npm run lint` runs this through Nx, because the boundaries rule checks nothing without the project graph.
 * 2. Purity. A core has no clock, no randomness and no locale; its tsconfig keeps Node's own modules out.
 * 3. Promises. One that nobody waits for loses its failure; this needs types, and most of lint's time.
 * 4. House rules: no `any`, no `export *`, no default export, `process` only in an app's main.ts.
 */
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import path from 'node:path';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const root = import.meta.dirname;

/** What a layer may depend on. Nothing may depend on layer:app. */
const layers = {
  core: ['core'],
  contract: ['contract'],
  language: ['language', 'core', 'errors'],
  errors: [],
  platform: ['platform', 'errors', 'contract', 'core'],
  app: ['core', 'contract', 'language', 'platform', 'errors'],
  test: ['test', 'core', 'contract', 'language', 'platform', 'errors', 'tool'],
  tool: ['tool', 'test', 'core', 'contract', 'language', 'platform', 'errors'],
};

const tag = (layer) => `layer:${layer}`;
const constraints = (additions) =>
  Object.entries(layers).map(([layer, allowed]) => ({
    sourceTag: tag(layer),
    onlyDependOnLibsWithTags: [...allowed.map(tag), ...(additions[layer] ?? [])],
  }));
// Nothing is loaded lazily, so a type written as `import()` must not make a package count as such.
const boundaries = (depConstraints) => ['error', { depConstraints, checkDynamicDependenciesExceptions: ['.*'] }];
const sourceBoundaries = boundaries(constraints({}));
// The command line starts the servers, which no service does.
const commandLineBoundaries = boundaries(constraints({ app: ['role:servers'] }));
// Tests may use what only tests are made of, and real servers; still nothing imports an app.
const forTests = [tag('test'), 'role:servers'];
const testBoundaries = boundaries(constraints(Object.fromEntries(Object.keys(layers).map((layer) => [layer, forTests]))));

const packagesOf = (...wanted) =>
  ['apps', 'libs', 'tools'].flatMap((group) =>
    readdirSync(path.join(root, group))
      .map((name) => `${group}/${name}`)
      .filter((folder) => {
        const file = path.join(root, folder, 'package.json');
        if (!existsSync(file)) return false;
        const tags = JSON.parse(readFileSync(file, 'utf8')).nx?.tags ?? [];
        return wanted.some((layer) => tags.includes(tag(layer)));
      }),
  );

/** Tests, what a package's tests share, and what captures images for them. */
const tests = ['**/*.test.ts', '**/src/testing/**/*.ts', '**/src/golden/**/*.ts'];
const houseSyntax = [
  { selector: 'ExportAllDeclaration', message: 'Name what is exported.' },
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
];
const clock = 'A core reads no clock: time arrives in the message.';
const locale = 'A core does not depend on the locale or the time zone of the machine.';
const localFields = 'Date|Day|FullYear|Hours|Milliseconds|Minutes|Month|Seconds|TimezoneOffset';
const pureSyntax = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: clock },
  { selector: "CallExpression[callee.name='Date']", message: clock },
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: clock },
  { selector: "NewExpression[callee.name='Date'][arguments.length>1]", message: locale },
  { selector: 'MemberExpression[property.name=/^(toLocale.*|localeCompare)$/]', message: locale },
  { selector: `MemberExpression[property.name=/^[gs]et(${localFields})$/]`, message: locale },
];

export default tseslint.config(
  {
    ignores: ['**/dist/**', '**/node_modules/**', '**/generated/**', '.nx/**', '.cache/**', '.millrace/**', 'coverage/**'],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommended],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { project: ['tsconfig.tests.json'], tsconfigRootDir: root } },
    rules: {
      '@nx/enforce-module-boundaries': sourceBoundaries,
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...houseSyntax],
      'prefer-const': 'error',
    },
  },
  { files: ['apps/cli/**/*.ts'], rules: { '@nx/enforce-module-boundaries': commandLineBoundaries } },
  { files: tests, rules: { '@nx/enforce-module-boundaries': testBoundaries } },
  {
    files: packagesOf('core').map((folder) => `${folder}/src/**/*.ts`),
    ignores: tests,
    rules: {
      'no-restricted-globals': [
        'error',
        ...['process', 'console', 'performance', 'crypto', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'globalThis'].map(
          (name) => ({ name, message: 'A core reads no environment and has no effects: it returns commands.' }),
        ),
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'A core is deterministic: randomness arrives in the message.' }],
      'no-restricted-imports': ['error', { patterns: [{ regex: '^node:', message: 'A core has no I/O.' }] }],
      'no-restricted-syntax': ['error', ...houseSyntax, ...pureSyntax],
    },
  },
  {
    files: packagesOf('app').map((folder) => `${folder}/src/**/*.ts`),
    ignores: [...tests, '**/src/main.ts'],
    rules: {
      'no-restricted-globals': ['error', { name: 'process', message: 'Only main.ts touches the process: hand over what is needed.' }],
      'no-restricted-imports': ['error', { paths: [{ name: 'node:process', message: 'Only main.ts touches the process: hand over what is needed.' }] }],
    },
  },
);
