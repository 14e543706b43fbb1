/** The rules of the tree, in the order they are reported. */
import { REASONS } from '@millrace/errors';
import { errorCatalogue } from './rules/error-catalogue.ts';
import { length } from './rules/length.ts';
import { links } from './rules/links.ts';
import { lockFile } from './rules/lock-file.ts';
import { names } from './rules/names.ts';
import { layers, pureCores, readmes, references } from './rules/packages.ts';
import { machinePaths, namedExports, openMarks, registryHosts, whitespace } from './rules/text.ts';
import type { Rule } from './tree.ts';

/** All of them. */
export const rules: readonly Rule[] = [
  names,
  readmes,
  layers,
  references,
  pureCores,
  length,
  machinePaths,
  registryHosts,
  lockFile,
  errorCatalogue(REASONS),
  links,
  openMarks,
  namedExports,
  whitespace,
];
