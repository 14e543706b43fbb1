import { isGenerated, isTest, type Finding, type Rule } from '../tree.ts';

/** Lines after which a file deserves a second look, and after which it is refused. */
export const LINES_WARNED = 300;
export const LINES_MAX = 600;

/** Source files stay short enough to be read at once; tests and generated files may be longer. */
export const length: Rule = {
  name: 'length',
  check: (tree) =>
    tree.files
      .filter((file) => /\.(ts|mjs|js)$/.test(file.path) && !isGenerated(file) && !isTest(file))
      .flatMap((file): readonly Finding[] => {
        const lines = file.text.split('\n').length - 1;
        if (lines <= LINES_WARNED) return [];
        const severity = lines > LINES_MAX ? 'error' : 'warning';
        return [{ rule: 'length', severity, path: file.path, message: `${lines} lines: split by concept (at most ${LINES_MAX})` }];
      }),
};
