/** Says where the committed contracts differ from a fresh generation; changes neither. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generateContracts, readTree } from './generate.ts';

/** One file that is not as the protos say. */
export interface Difference {
  readonly kind: 'missing' | 'stale' | 'left-over';
  /** Path inside the generated folder. */
  readonly file: string;
}

/**
 * Generates into a temporary folder and compares with `generatedDir`, byte by byte.
 *
 * @returns the differences in order of path; none means the contracts are in step.
 * @throws GenerationError when the protos do not compile.
 */
export async function compareContracts(protosDir: string, generatedDir: string): Promise<readonly Difference[]> {
  const temporary = await mkdtemp(path.join(tmpdir(), 'millrace-compare-'));
  try {
    const fresh = path.join(temporary, 'generated');
    await generateContracts(protosDir, fresh);
    return differences(await readTree(fresh), await readTree(generatedDir));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function differences(wanted: ReadonlyMap<string, Buffer>, found: ReadonlyMap<string, Buffer>): readonly Difference[] {
  const all = [...new Set([...wanted.keys(), ...found.keys()])].sort();
  return all.flatMap((file): readonly Difference[] => {
    const fresh = wanted.get(file);
    const committed = found.get(file);
    if (fresh === undefined) return [{ kind: 'left-over', file }];
    if (committed === undefined) return [{ kind: 'missing', file }];
    return fresh.equals(committed) ? [] : [{ kind: 'stale', file }];
  });
}
