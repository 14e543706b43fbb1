/** The files that the rules look at, read once. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** One text file of the repository. */
export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** All of them, in order of path. */
export interface SourceTree {
  readonly files: readonly SourceFile[];
}

/** Something a rule does not accept. */
export interface Finding {
  readonly rule: string;
  readonly severity: 'error' | 'warning';
  readonly path: string;
  /** Counted from 1; absent when the whole file is meant. */
  readonly line?: number;
  readonly message: string;
}

/** One rule of the tree. It reads nothing but the tree. */
export interface Rule {
  readonly name: string;
  readonly check: (tree: SourceTree) => readonly Finding[];
}

/** Folders that are not source: what .gitignore names, and git's own. */
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage', '.git', '.nx', '.cache', '.millrace', 'profiles', 'tmp']);
const SKIPPED_FILES = /\.(tsbuildinfo|log|png|jpg|gif|ico|woff2?|gz|zip|bin|binpb|sqlite|zst)$/;

/** Reads every text file under `root` that is source. */
export async function readTree(root: string): Promise<SourceTree> {
  const paths: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(path.join(root, folder), { withFileTypes: true })) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) await visit(name);
      if (entry.isFile() && !SKIPPED_FILES.test(entry.name)) paths.push(name);
    }
  };
  await visit('');
  paths.sort();
  return { files: await Promise.all(paths.map(async (name) => ({ path: name, text: await readFile(path.join(root, name), 'utf8') }))) };
}

/** Whether a file is written by a program. */
export function isGenerated(file: SourceFile): boolean {
  return file.path.includes('/generated/') || file.path === 'package-lock.json';
}

/** Whether a file is a test or belongs to one. */
export function isTest(file: SourceFile): boolean {
  return /\.test\.[a-z]+$/.test(file.path) || /(^|\/)(fixtures|testdata)\//.test(file.path);
}

/** Findings of a rule that looks at one line after the other. */
export function lineFindings(rule: string, file: SourceFile, judge: (line: string) => string | undefined): readonly Finding[] {
  return file.text.split('\n').flatMap((text, index): readonly Finding[] => {
    const message = judge(text);
    return message === undefined ? [] : [{ rule, severity: 'error', path: file.path, line: index + 1, message }];
  });
}
