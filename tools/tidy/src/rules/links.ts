import path from 'node:path';
import { lineFindings, type Rule } from '../tree.ts';

/** Links between the documents lead somewhere. */
export const links: Rule = {
  name: 'links',
  check: (tree) => {
    const known = new Set<string>();
    for (const file of tree.files) {
      for (let name = file.path; name !== '.'; name = path.posix.dirname(name)) known.add(name);
    }
    return tree.files
      .filter((file) => file.path.endsWith('.md'))
      .flatMap((file) =>
        lineFindings('links', file, (line) => {
          const broken = [...line.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
            .map((match) => match[1] as string)
            .filter((target) => !/^[a-z]+:/.test(target))
            .find((target) => !known.has(path.posix.join(path.posix.dirname(file.path), target).replace(/\/$/, '')));
          return broken === undefined ? undefined : `there is no ${broken}`;
        }),
      );
  },
};
