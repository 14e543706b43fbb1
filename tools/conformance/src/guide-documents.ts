/** The workflow documents of a page of the guide, by their names. */
import { readFile } from 'node:fs/promises';

/** Every block of YAML that is a workflow. */
export async function guideDocuments(page: string): Promise<readonly (readonly [name: string, text: string])[]> {
  const text = await readFile(new URL(`../../../docs/guide/${page}`, import.meta.url), 'utf8');
  const blocks = Array.from(text.matchAll(/```yaml\n([\s\S]*?)```/g), ([, block = '']) => block).filter((block) => block.startsWith('document:'));
  return blocks.map((block) => [/name: ([\w-]+), version/.exec(block)?.[1] ?? '', block] as const);
}
