/** A temporary folder for one turn of an engine; it goes with everything else. */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Endings } from '../endings.ts';

export async function turnFolder(endings: Endings): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-peer-'));
  endings.add(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
