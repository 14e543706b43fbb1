/**
 * A document as read: its value, and where each part of it stands in the file.
 *
 * Owns the way from a JSON pointer back to a line and column. Does not own whether the value is right.
 */
import { isAlias, isMap, isScalar, isSeq, type Document, type LineCounter, type Node, type Pair, type YAMLMap } from 'yaml';
import type { JsonValue } from '@millrace/engine';
import { segmentsOf } from './json-pointer.ts';
import type { JsonObject } from './json-value.ts';
import { MESSAGE_LENGTH_MAX } from './limits.ts';
import type { AliasTargets } from './yaml-alias.ts';
import type { Place, Problem, ProblemReason } from './problem.ts';

/** Which end of a property to point at: its name or its value. */
export type Side = 'key' | 'value';

/** Finds places in a document's text. */
export interface Locator {
  /** The place of the value at a pointer, or of its name; of the nearest thing around it when there is no such value. */
  locate(pointer: string, side: Side): Place;
  /** The place `column` code units (from 0) into `line`, which stands as written somewhere in the text at a pointer. */
  locateText(pointer: string, line: string, column: number): Place;
}

/** A Serverless Workflow document: it has, or ought to have, `document.dsl`. */
export interface WorkflowDocument extends Locator {
  readonly kind: 'workflow';
  readonly fileName: string;
  readonly value: JsonObject;
}

/** A Millrace resource: it has, or ought to have, `millrace: v1`. */
export interface ResourceDocument extends Locator {
  readonly kind: 'resource';
  readonly fileName: string;
  readonly value: JsonObject;
}

export type SourceDocument = WorkflowDocument | ResourceDocument;

const START: Place = { line: 1, column: 1 };

/** A workflow document that has no text any more, such as one kept in a database; its places are all line 1. */
export function workflowOfValue(value: JsonObject, fileName = 'document'): WorkflowDocument {
  return { kind: 'workflow', fileName, value, locate: () => START, locateText: () => START };
}

/** A problem at a place of a document. */
export function problemAt(
  document: Pick<SourceDocument, 'fileName' | 'locate'>,
  at: { readonly pointer: string; readonly side?: Side; readonly place?: Place },
  reason: ProblemReason,
  message: string,
  suggestion?: string,
): Problem {
  const place = at.place ?? document.locate(at.pointer, at.side ?? 'value');
  return {
    file: document.fileName,
    line: place.line,
    column: place.column,
    pointer: at.pointer,
    reason,
    message: shortened(message),
    ...(suggestion === undefined ? {} : { suggestion: shortened(suggestion) }),
  };
}

function shortened(text: string): string {
  return text.length <= MESSAGE_LENGTH_MAX ? text : `${text.slice(0, MESSAGE_LENGTH_MAX - 1)}…`;
}

/** Places in a parsed YAML document. `text` and `lines` are those of the whole file. */
export function locatorOf(parsed: Document, targets: AliasTargets, text: string, lines: LineCounter): Locator {
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const pairOf = createPairFinder();
  const startOf = (node: Node | null | undefined): number | undefined => node?.range?.[0];
  return {
    locate(pointer, side) {
      const found = walk(parsed, targets, pairOf, pointer);
      const preferred = side === 'key' ? startOf(found.key) : startOf(found.value);
      return placeOf(preferred ?? startOf(found.key) ?? startOf(found.value) ?? 0);
    },
    locateText(pointer, line, column) {
      const range = walk(parsed, targets, pairOf, pointer).value?.range;
      if (!range) return this.locate(pointer, 'value');
      const offset = text.slice(range[0], range[1]).indexOf(line);
      return placeOf(offset < 0 ? range[0] : range[0] + offset + column);
    },
  };
}

/** Finds the pairs of a mapping by name; each mapping is gone through once. */
type PairFinder = (map: YAMLMap<Node, Node | null>, name: string) => Pair<Node, Node | null> | undefined;

function createPairFinder(): PairFinder {
  const known = new WeakMap<YAMLMap<Node, Node | null>, ReadonlyMap<string | undefined, Pair<Node, Node | null>>>();
  return (map, name) => {
    let pairs = known.get(map);
    if (pairs === undefined) known.set(map, (pairs = new Map(map.items.map((pair) => [keyText(pair.key), pair] as const))));
    return pairs.get(name);
  };
}

/** The key and value at a pointer, or the nearest ones around it. */
function walk(parsed: Document, targets: AliasTargets, pairOf: PairFinder, pointer: string): { readonly key?: Node; readonly value?: Node } {
  let key: Node | undefined;
  let value: Node | undefined = resolve(targets, parsed.contents);
  for (const segment of segmentsOf(pointer)) {
    if (isMap<Node, Node | null>(value)) {
      const pair = pairOf(value, segment);
      if (pair === undefined) break;
      key = pair.key;
      value = resolve(targets, pair.value) ?? pair.key;
    } else {
      const item = isSeq<Node>(value) ? resolve(targets, value.items[Number(segment)]) : undefined;
      if (item === undefined) break;
      key = item;
      value = item;
    }
  }
  return { ...(key ? { key } : {}), ...(value ? { value } : {}) };
}

function resolve(targets: AliasTargets, node: Node | null | undefined): Node | undefined {
  return (isAlias(node) ? targets.get(node) : node) ?? undefined;
}

/** The text of a mapping's key; JSON knows no other kind. Nothing for a key that is a list or an object. */
export function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value as JsonValue));
}
