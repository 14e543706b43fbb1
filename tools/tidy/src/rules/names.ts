import type { Rule } from '../tree.ts';

/** Names that say nothing about what is inside. */
const EMPTY_NAMES = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'shared', 'misc', 'manager', 'base', 'types']);

/** Files and folders are named for the one concept inside, in kebab-case. */
export const names: Rule = {
  name: 'names',
  check: (tree) =>
    tree.files.flatMap((file) => {
      const folders = file.path.split('/');
      const last = folders.pop() as string;
      const stem = last.replace(/\..*$/, '');
      const empty = [...folders, stem].find((part) => EMPTY_NAMES.has(part));
      const finding = (message: string) => ({ rule: 'names', severity: 'error' as const, path: file.path, message });
      if (empty !== undefined) return [finding(`"${empty}" says nothing: name the concept inside`)];
      if (/\.[cm]?[jt]s$/.test(last) && !/^[a-z0-9][a-z0-9.-]*$/.test(last)) return [finding('the file name is not in kebab-case')];
      return [];
    }),
};
