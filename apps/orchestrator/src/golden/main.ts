/** `npm run golden`: captures the golden image of the release that the root `package.json` names. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { captureGolden } from './capture-golden.ts';

const { version } = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../../../package.json'), 'utf8')) as { readonly version: string };
try {
  process.stdout.write(`${await captureGolden(version)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
