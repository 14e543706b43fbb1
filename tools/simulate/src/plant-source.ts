/** Changes one file of the product while Node.js loads it. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plant } from './plants.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** The file with the defect in it. @throws Error when the text does not stand in it exactly once. */
export function planted({ name, file, text, instead }: Plant): string {
  const source = readFileSync(path.join(ROOT, file), 'utf8');
  const parts = source.split(text);
  if (parts.length !== 2) throw new Error(`The plant ${name} does not fit: its text stands ${parts.length - 1} times in ${file}, and must stand there once. Change the plant to what the file says now: ${text}`);
  return parts.join(instead);
}

/** From here on the file is loaded with the defect; nothing of the product may have been loaded before. */
export function plantSource(plant: Plant): void {
  const source = planted(plant);
  const url = pathToFileURL(path.join(ROOT, plant.file)).href;
  registerHooks({ load: (asked, context, next) => (asked === url ? { format: 'module-typescript', source, shortCircuit: true } : next(asked, context)) });
}
