import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder of its own under the system's temporary one. */
export interface TemporaryFolder {
  readonly path: string;
  /** Removes it with all that is in it. Safe to call twice. */
  remove(): Promise<void>;
}

/** Makes an empty folder whose name begins with `millrace-` and the given word. */
export async function temporaryFolder(word = 'test'): Promise<TemporaryFolder> {
  const folder = await mkdtemp(path.join(tmpdir(), `millrace-${word}-`));
  return {
    path: folder,
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }),
  };
}
