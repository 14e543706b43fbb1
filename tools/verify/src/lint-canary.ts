/**
 * Lints snippets that break a rule, as if they stood in the real packages. Started by Nx as `millrace:lint-canary`,
 * after which the boundaries rule has the project graph. Exit status 0 when every rule objects.
 */
import path from 'node:path';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';

interface Snippet {
  readonly file: string;
  readonly code: string;
  /** The rule that must object; undefined for a control that all rules accept. */
  readonly rule?: string;
  /** Linted with types, which takes seconds; the file must exist, its text is replaced. */
  readonly typed?: boolean;
}

const BOUNDARIES = '@nx/enforce-module-boundaries';
const root = path.resolve(import.meta.dirname, '../../..');
const uses = (name: string): string => `import * as used from '${name}';\nexport const is = used;\n`;

const snippets: readonly Snippet[] = [
  { file: 'libs/engine/src/canary.ts', code: uses('@millrace/jq') },
  { file: 'libs/engine/src/canary.ts', code: uses('@millrace/bus'), rule: BOUNDARIES },
  { file: 'libs/engine/src/canary.ts', code: uses('@millrace/errors'), rule: BOUNDARIES },
  { file: 'libs/dsl/src/canary.ts', code: uses('@millrace/errors') },
  { file: 'libs/dsl/src/canary.ts', code: uses('@millrace/store'), rule: BOUNDARIES },
  { file: 'libs/contracts/src/canary.ts', code: uses('@millrace/rpc'), rule: BOUNDARIES },
  { file: 'libs/bus/src/canary.ts', code: uses('../../../apps/gateway/src/main.ts'), rule: BOUNDARIES },
  { file: 'libs/bus/src/canary.ts', code: uses('@millrace/testkit'), rule: BOUNDARIES },
  { file: 'libs/bus/src/canary.test.ts', code: uses('@millrace/testkit') },
  { file: 'libs/bus/src/canary.test.ts', code: uses('../../../apps/gateway/src/main.ts'), rule: BOUNDARIES },
  { file: 'apps/cli/src/canary.ts', code: uses('@millrace/servers') },
  { file: 'apps/gateway/src/canary.ts', code: uses('@millrace/servers'), rule: BOUNDARIES },
  { file: 'apps/gateway/src/canary.ts', code: uses('../../trigger/src/canary.ts'), rule: BOUNDARIES },
  { file: 'apps/gateway/src/main.ts', code: 'export const is = process.env;\n' },
  { file: 'apps/gateway/src/canary.ts', code: 'export const is = process.env;\n', rule: 'no-restricted-globals' },
  { file: 'libs/engine/src/canary.ts', code: 'export const is = new Date(1).toISOString();\n' },
  { file: 'libs/engine/src/canary.ts', code: 'export const is = Date.now();\n', rule: 'no-restricted-syntax' },
  { file: 'libs/engine/src/canary.ts', code: 'export const is = new Date();\n', rule: 'no-restricted-syntax' },
  { file: 'libs/engine/src/canary.ts', code: "export const is = 'a'.localeCompare('b');\n", rule: 'no-restricted-syntax' },
  { file: 'libs/engine/src/canary.ts', code: 'export const is = Math.random();\n', rule: 'no-restricted-properties' },
  { file: 'libs/engine/src/canary.ts', code: 'export const is = setTimeout(() => 1, 1);\n', rule: 'no-restricted-globals' },
  { file: 'libs/engine/src/canary.ts', code: uses('node:fs'), rule: 'no-restricted-imports' },
  { file: 'libs/bus/src/canary.ts', code: 'export const is = Date.now();\n' },
  { file: 'libs/bus/src/canary.ts', code: "export const is: any = 'x';\n", rule: '@typescript-eslint/no-explicit-any' },
  { file: 'libs/bus/src/canary.ts', code: ['export ', "* from './x.ts';\n"].join(''), rule: 'no-restricted-syntax' },
  { file: 'tools/verify/src/tally.ts', code: 'export const is = async (): Promise<void> => {};\nis();\n', rule: '@typescript-eslint/no-floating-promises', typed: true },
];

const overriding = (config: object): ESLint => new ESLint({ cwd: root, overrideConfig: { files: ['**/*.ts'], ...config } });
// With CI set the parser would take the text on disk, not the snippet's.
const withTypes = overriding({ languageOptions: { parserOptions: { disallowAutomaticSingleRunInference: true } } });
const withoutTypes = overriding(tseslint.configs.disableTypeChecked);
let silent = 0;
for (const { file, code, rule, typed } of snippets) {
  const eslint = typed === true ? withTypes : withoutTypes;
  const [result] = await eslint.lintText(code, { filePath: path.join(root, file) });
  const found = result?.messages.map(({ ruleId, message }) => ruleId ?? message) ?? [];
  const right = rule === undefined ? found.length === 0 : found.includes(rule);
  if (right) continue;
  silent += 1;
  console.log(`${file}: expected ${rule ?? 'no objection'}, found ${found.join(', ') || 'none'}:\n${code}`);
}
console.log(`${snippets.length - silent} of ${snippets.length} snippets judged as they must be`);
process.exitCode = silent === 0 ? 0 : 1;
