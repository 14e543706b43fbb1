/** Loads a package from the folder that the peer is installed in (PEER_FOLDER), wherever this file stands. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = process.env.PEER_FOLDER ?? process.cwd();
export const requireOfPeer = createRequire(path.join(folder, 'package.json'));

export async function load(name) {
  const loaded = await import(pathToFileURL(requireOfPeer.resolve(name)).href);
  return { ...(typeof loaded.default === 'object' || typeof loaded.default === 'function' ? loaded.default : {}), ...loaded };
}
