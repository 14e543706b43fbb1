/**
 * A second build of the product for tests of rolling releases: the present sources, copied and changed into the
 * release after the next format.
 *
 * It reads and writes FORMAT_NEWEST + 1, which adds one kind of record, `noted`: one beside each `started`, once
 * that format is agreed. Every change names the text that it replaces, and fails when that text is gone.
 */
import { cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FORMAT_NEWEST } from '@millrace/engine';
import { REPOSITORY_ROOT } from '@millrace/testkit';

const NEXT = FORMAT_NEWEST + 1;

interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const CHANGES: readonly Change[] = [
  { file: 'libs/engine/src/format.ts', from: `export const FORMAT_NEWEST = ${FORMAT_NEWEST};`, to: `export const FORMAT_NEWEST = ${NEXT};` },
  { file: 'libs/engine/src/format.ts', from: '  started: 1,\n', to: `  started: 1,\n  noted: ${NEXT},\n` },
  { file: 'libs/engine/src/record-writer.ts', from: "    case 'skipped':\n", to: "    case 'noted':\n      return `{\"k\":\"noted.1\",\"text\":${JSON.stringify(record.text)}}`;\n    case 'skipped':\n" },
  { file: 'libs/engine/src/record-reader.ts', from: "    case 'skipped.1':\n", to: "    case 'noted.1':\n      return { kind: 'noted', text: text('text') };\n    case 'skipped.1':\n" },
  { file: 'libs/engine/src/apply.ts', from: "    case 'skipped'", to: "    case 'noted':\n      return;\n    case 'skipped'" },
  { file: 'libs/lane/src/lane/transition.ts', from: '    options.decide(records);\n', to: `    options.decide(records);\n    if (options.frame.format >= ${NEXT} && records[0]?.kind === 'started') records.splice(1, 0, { kind: 'noted', text: 'by the second build' });\n` },
];

/** Makes it in an empty folder; yields the path of its orchestrator's program. */
export async function buildSecond(folder: string): Promise<string> {
  const isSource = (source: string): boolean => !/\/(dist|node_modules|golden)(\/|$)/.test(source.slice(REPOSITORY_ROOT.length));
  for (const part of ['libs', 'apps/orchestrator']) await cp(path.join(REPOSITORY_ROOT, part), path.join(folder, part), { recursive: true, filter: isSource });
  await cp(path.join(REPOSITORY_ROOT, 'package.json'), path.join(folder, 'package.json'));
  await linkPackages(folder);
  for (const { file, from, to } of CHANGES) {
    const target = path.join(folder, file);
    const text = await readFile(target, 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} does not have ${JSON.stringify(from)} once: the second build cannot be made of it`);
    await writeFile(target, text.replace(from, () => to));
  }
  return path.join(folder, 'apps/orchestrator/src/main.ts');
}

/** Packages of the product from the copy, all others from where they are installed. */
async function linkPackages(folder: string): Promise<void> {
  const scope = path.join(folder, 'node_modules/@millrace');
  await mkdir(scope, { recursive: true });
  const installed = path.join(REPOSITORY_ROOT, 'node_modules');
  for (const name of await readdir(installed)) if (name !== '@millrace' && !name.startsWith('.')) await symlink(path.join(installed, name), path.join(folder, 'node_modules', name));
  for (const name of await readdir(path.join(folder, 'libs'))) {
    if (name.includes('.')) continue;
    await symlink(path.join(folder, 'libs', name), path.join(scope, name));
    // Versions of their own stand beside a package's sources.
    const own = path.join(REPOSITORY_ROOT, 'libs', name, 'node_modules');
    const entries = await readdir(own).catch(() => []);
    if (entries.length > 0) await symlink(own, path.join(folder, 'libs', name, 'node_modules'));
  }
}
