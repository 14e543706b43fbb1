/**
 * Checks the rules of the tree: exit status 0 when none is broken. Warnings are printed and change nothing.
 * `--only NAME` checks one rule. `--canary` instead makes sure that every rule still objects to a tree that breaks it.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { badTree } from './bad-tree.ts';
import { rules } from './rules.ts';
import { readTree, type Finding } from './tree.ts';

const { values } = parseArgs({ options: { canary: { type: 'boolean', default: false }, root: { type: 'string' }, only: { type: 'string' } } });
process.exitCode = values.canary ? canary() : await check(values.root ?? path.resolve(import.meta.dirname, '../../..'));

async function check(root: string): Promise<number> {
  const tree = await readTree(root);
  const chosen = rules.filter((rule) => values.only === undefined || rule.name === values.only);
  const findings = chosen.flatMap((rule) => rule.check(tree));
  for (const finding of findings) console.log(lineOf(finding));
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  console.log(`${tree.files.length} files, ${chosen.length} rules, ${errors} broken, ${findings.length - errors} warnings`);
  return errors === 0 && chosen.length > 0 ? 0 : 1;
}

function canary(): number {
  const silent = rules.filter((rule) => !rule.check(badTree).some((finding) => finding.severity === 'error'));
  for (const rule of silent) console.log(`the rule ${rule.name} accepts what it must refuse`);
  if (silent.length === 0) console.log(`${rules.length} rules refuse what they must`);
  return silent.length === 0 ? 0 : 1;
}

function lineOf({ rule, severity, path: file, line, message }: Finding): string {
  return `${severity}: ${file}${line === undefined ? '' : `:${line}`}: ${message} (${rule})`;
}
