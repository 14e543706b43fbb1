/**
 * One configuration for every package: tests run from source, as ES modules, beside the code they test.
 * `*.e2e.test.ts` start several real processes: `npm run verify` runs them one at a time, after the others.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';

export default {
  testEnvironment: 'node',
  roots: ['apps', 'libs', 'tools', 'examples'].filter((folder) => existsSync(path.join(import.meta.dirname, folder))).map((folder) => `<rootDir>/${folder}`),
  testMatch: ['**/src/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  modulePathIgnorePatterns: ['/dist/'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } }],
  },
  transformIgnorePatterns: ['/node_modules/'],
  testTimeout: 30_000,
  maxWorkers: 2,
};
