/**
 * From a parsed YAML document to a JSON value, or to what keeps it from being one.
 *
 * V1 Work is bounded: values are counted as they are made, so aliases cannot multiply beyond the limit.
 * V2 Nothing is changed on the way: a number that JSON cannot carry exactly is a problem, not another number.
 */
import { isAlias, isMap, isScalar, isSeq, type Document, type Node, type Scalar, type YAMLMap } from 'yaml';
import type { JsonValue } from '@millrace/engine';
import { childPointer } from './json-pointer.ts';
import { DEPTH_MAX, VALUES_MAX } from './limits.ts';
import { keyText } from './source-document.ts';
import type { AliasTargets } from './yaml-alias.ts';

/** A problem found while converting; `offset` is where, in UTF-16 code units from the start of the file. */
export interface ConversionProblem {
  readonly offset: number;
  readonly pointer: string;
  readonly message: string;
  readonly suggestion?: string;
}

/** Converts the content of a document. The value counts only when there are no problems. */
export function jsonOfYaml(parsed: Document, targets: AliasTargets, lineOf: (offset: number) => number): { readonly value: JsonValue; readonly problems: readonly ConversionProblem[] } {
  const problems: ConversionProblem[] = [];
  let values = 0;
  let stopped = false;

  const report = (node: Node | null | undefined, pointer: string, message: string, suggestion?: string): null => {
    problems.push({ offset: node?.range?.[0] ?? 0, pointer, message, ...(suggestion === undefined ? {} : { suggestion }) });
    return null;
  };
  const stop = (node: Node | null | undefined, pointer: string, message: string, suggestion: string): null => {
    stopped = true;
    return report(node, pointer, message, suggestion);
  };

  const convert = (node: Node | null | undefined, pointer: string, depth: number): JsonValue => {
    if (stopped || node === null || node === undefined) return null;
    if (++values > VALUES_MAX) return stop(node, pointer, `the document has more than ${VALUES_MAX} values`, 'aliases count as often as they are used; write less, or move data into the input');
    if (depth > DEPTH_MAX) return stop(node, pointer, `the document is nested more than ${DEPTH_MAX} levels deep`, 'move inner parts into workflows of their own');
    if (isAlias(node)) {
      const target = targets.get(node);
      return target === undefined ? report(node, pointer, `there is no anchor \`&${node.source}\` before this`) : convert(target, pointer, depth + 1);
    }
    if (isScalar(node)) return convertScalar(node, pointer, report);
    if (isSeq<Node>(node)) return node.items.map((item, index) => convert(item, childPointer(pointer, index), depth + 1));
    if (isMap<Node, Node | null>(node)) return convertMap(node, pointer, depth);
    return report(node, pointer, 'this cannot be written as JSON');
  };

  const convertMap = (map: YAMLMap<Node, Node | null>, pointer: string, depth: number): JsonValue => {
    const entries = new Map<string, JsonValue>();
    const offsets = new Map<string, number>();
    for (const { key, value } of map.items) {
      const name = keyText(key);
      if (name === undefined) {
        report(key, pointer, 'a property must have a text as its name', 'an expression or placeholder in braces needs quotes around it');
        continue;
      }
      const inner = childPointer(pointer, name);
      const first = offsets.get(name);
      if (first !== undefined) report(key, inner, `\`${name}\` is written twice, first in line ${lineOf(first)}`, 'remove one of the two');
      offsets.set(name, key.range?.[0] ?? 0);
      entries.set(name, convert(value, inner, depth + 1));
    }
    // Not by assignment: a property called `__proto__` is data like any other.
    return Object.fromEntries(entries);
  };

  const value = convert(parsed.contents, '', 0);
  return { value, problems };
}

function convertScalar(node: Scalar, pointer: string, report: (node: Node, pointer: string, message: string, suggestion?: string) => null): JsonValue {
  const { value } = node;
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value !== 'number') return report(node, pointer, 'this cannot be written as JSON', 'put it in quotes to make it a text');
  if (!Number.isFinite(value)) return report(node, pointer, `${node.source ?? value} is not a number that JSON knows`, 'put it in quotes to make it a text');
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(node.source ?? '')) {
    return report(node, pointer, `${node.source} has too many digits to be kept exactly`, 'put it in quotes to make it a text');
  }
  return value;
}
