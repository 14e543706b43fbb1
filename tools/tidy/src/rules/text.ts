import { isGenerated, isTest, lineFindings, type Rule, type SourceFile } from '../tree.ts';

const everyLine = (name: string, judge: (line: string, file: SourceFile) => string | undefined, skip: (file: SourceFile) => boolean): Rule => ({
  name,
  check: (tree) => tree.files.filter((file) => !skip(file)).flatMap((file) => lineFindings(name, file, (line) => judge(line, file))),
});

/** Spelled in two parts, so that the rules accept their own source. */
const word = (...parts: readonly string[]): string => parts.join('');

const OPEN_MARKS = new RegExp(`\\b(${[word('TO', 'DO'), word('FIX', 'ME'), word('XX', 'X'), word('HA', 'CK')].join('|')})\\b`);
const CONFLICT = new RegExp(`^(${word('<<<<', '<<<')}|${word('>>>>', '>>>')}) `);

/** Nothing is left open in the source: what is not finished is in the issue tracker. */
export const openMarks: Rule = everyLine(
  'open-marks',
  (line) => (OPEN_MARKS.test(line) || CONFLICT.test(line) ? 'something was left open here' : undefined),
  isGenerated,
);

const start = String.raw`(?<![\w.~\-/}])/`;
const HOMES = new RegExp(`${start}(${word('wo', 'rk')}|${word('ho', 'me')}|${word('Us', 'ers')}|${word('ro', 'ot')})/`);
const TEMPORARY = new RegExp(`${start}${word('tm', 'p')}/`);

/** No path of one machine: everything starts from the repository, a data folder or the temporary folder of the system. */
export const machinePaths: Rule = everyLine(
  'machine-paths',
  (line, file) => {
    const loose = isTest(file) || file.path.startsWith('deploy/') || file.path === '.gitignore';
    return HOMES.test(line) || (!loose && TEMPORARY.test(line)) ? 'a path that exists on one machine only' : undefined;
  },
  isGenerated,
);

const REGISTRIES = [
  word('registry.', 'npmjs.org'),
  word('registry.', 'yarnpkg.com'),
  word('py', 'pi.org'),
  word('files.', 'pythonhosted.org'),
  word('proxy.', 'golang.org'),
  word('repo.', 'maven.apache.org'),
  word('repo1.', 'maven.org'),
  word('static.', 'crates.io'),
  word('deb.', 'debian.org'),
];

/** No package registry by name: which one is used is the machine's own setting. */
export const registryHosts: Rule = everyLine(
  'registry-hosts',
  (line) => {
    const host = REGISTRIES.find((name) => line.includes(name));
    return host === undefined ? undefined : `names the registry ${host}`;
  },
  () => false,
);

/** No invisible differences: no trailing blanks, no carriage returns, one newline at the end. */
export const whitespace: Rule = {
  name: 'whitespace',
  check: (tree) =>
    tree.files
      .filter((file) => !isGenerated(file) && !/(^|\/)(fixtures|testdata|schema|spec)\//.test(file.path))
      .flatMap((file) => {
        const lines = lineFindings('whitespace', file, (line) => (/[ \t\r]$/.test(line) ? 'blanks or a carriage return at the end of the line' : undefined));
        const ending = file.text === '' || /[^\n]\n$/.test(file.text);
        const finding = { rule: 'whitespace', severity: 'error' as const, path: file.path, message: 'the file does not end with one newline' };
        return ending ? lines : [...lines, finding];
      }),
};

/** A module says what it exports. ESLint says so too for TypeScript; this covers plain JavaScript. */
export const namedExports: Rule = everyLine(
  'named-exports',
  (line) => (/^\s*export \*/.test(line) ? 'name what is exported' : undefined),
  (file) => isGenerated(file) || !/\.(ts|mjs|js)$/.test(file.path),
);
