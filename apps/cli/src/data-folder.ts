/** The data folder of a cluster on this machine, and the operator key in it. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Arguments } from './command.ts';
import type { Terminal } from './terminal.ts';

const DEFAULT_FOLDER = '.millrace';
const SECRET_BYTES = 32;

/** The folder that `--data` names, else `.millrace` where the command was called. */
export function dataFolderOf(given: Arguments, terminal: Terminal): string {
  return path.resolve(terminal.directory, given.text('data') ?? DEFAULT_FOLDER);
}

export function keyFile(dataDir: string): string {
  return path.join(dataDir, 'key');
}

/** The operator key of a data folder; undefined when there is none. */
export async function readKey(dataDir: string): Promise<string | undefined> {
  try {
    return (await readFile(keyFile(dataDir), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The operator key, made once and readable by its owner alone. */
export async function operatorKey(dataDir: string): Promise<string> {
  const known = await readKey(dataDir);
  if (known !== undefined) return known;
  const key = `mr_operator_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  await mkdir(dataDir, { recursive: true });
  await writeFile(keyFile(dataDir), `${key}\n`, { mode: 0o600, flag: 'wx' });
  return key;
}

/** What the gateway is given in place of the key: its SHA-256 in lower-case hex. */
export function hashOfKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
