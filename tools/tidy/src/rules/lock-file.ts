import { lineFindings, type Rule } from '../tree.ts';

/** The lock file fixes versions and hashes, not the address a package came from. */
export const lockFile: Rule = {
  name: 'lock-file',
  check: (tree) =>
    tree.files
      .filter((file) => file.path === 'package-lock.json')
      .flatMap((file) => lineFindings('lock-file', file, (line) => (/"resolved": "[a-z+]*:\/\//.test(line) ? 'a download address' : undefined))),
};
