/** What `run` is given: which workflow, and its input. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from './command.ts';
import type { Terminal } from './terminal.ts';

export type RunSubject = { readonly kind: 'file'; readonly file: string } | { readonly kind: 'registered'; readonly workflow: string };

/** A file that is there, or is named like one; else the name of a registered workflow. */
export function subjectOf(argument: string, directory: string): RunSubject {
  const looksLikeFile = argument === '-' || /\.(ya?ml|json)$/i.test(argument) || argument.includes('/');
  if (looksLikeFile || (!argument.startsWith('sha256:') && existsSync(path.resolve(directory, argument)))) return { kind: 'file', file: argument };
  return { kind: 'registered', workflow: argument };
}

/** JSON text of `--input JSON|@FILE|-`; empty without one. @throws UsageError when it is no JSON. */
export async function readInputJson(option: string | undefined, terminal: Terminal): Promise<string> {
  if (option === undefined) return '';
  const { text, from } = await sourceOf(option, terminal);
  try {
    JSON.parse(text);
  } catch (error) {
    throw new UsageError(`the input ${from} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  return text;
}

async function sourceOf(option: string, terminal: Terminal): Promise<{ readonly text: string; readonly from: string }> {
  if (option === '-') return { text: await terminal.readInput(), from: 'from standard input' };
  if (!option.startsWith('@')) return { text: option, from: 'of --input' };
  const file = option.slice(1);
  try {
    return { text: await readFile(path.resolve(terminal.directory, file), 'utf8'), from: `in ${file}` };
  } catch (error) {
    throw new UsageError(`--input @${file}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message}`, { cause: error });
  }
}
