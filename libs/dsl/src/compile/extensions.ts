/**
 * Extensions: tasks before and after every task of a kind (DSL reference, Extension).
 *
 * Owns which tasks an extension is about, and the nodes that stand around such a task. Does not own their numbers.
 *
 * Around a task T stands a block with the tasks of `before`, a node that restores what flowed into the block, T itself,
 * and a block with the tasks of `after`:
 *
 * E1 What extension tasks put out goes nowhere: T has the input, and what follows has the output, that they would have
 *    without it. The exception is `exit` in `before`, which leaves the block: its output is then T's.
 * E2 `when` is worked out on T's raw input, before and again after; where it fails the extension does not apply.
 * E3 A task that is skipped is not extended; nor are tasks of extensions.
 * E4 A switch leads out of its list, so its extension's tasks all run before it, and cannot leave it out.
 */
import { EXTENDED_INPUT, NO_NODE, type Expression, type JsonValue, type Node, type Template } from '@millrace/engine';
import { childPointer } from '../json-pointer.ts';
import { isList, isObject, onlyEntry, property, type JsonObject } from '../json-value.ts';
import type { TaskKind } from '../task-kinds.ts';
import type { Compilation } from './compilation.ts';
import { compileCondition } from './expression.ts';
import type { PlannedTask } from './plan.ts';
import type { CompiledHead } from './task-head.ts';
import { taskScope } from './visible.ts';

export interface Extension {
  readonly name: string;
  readonly pointer: string;
  readonly extend: string;
  readonly when: string | undefined;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** What a planned task is for an extension. */
export type ExtensionPart =
  /** The block around a task, or before it where the task stands beside it (E4). */
  | { readonly kind: 'around'; readonly extension: Extension; readonly isBeside: boolean }
  /** A block and its switch as one branch of a fork. */
  | { readonly kind: 'branch' }
  /** Whether the tasks before run; else control goes to the node `otherwise`. */
  | { readonly kind: 'choose'; readonly extension: Extension; readonly otherwise: number }
  | { readonly kind: 'restore' }
  | { readonly kind: 'after'; readonly extension: Extension };

const EXTENSION_PARTS: readonly string[] = ['around', 'branch', 'choose', 'restore', 'after'];

export function isExtensionPart(part: { readonly kind: string }): part is ExtensionPart {
  return EXTENSION_PARTS.includes(part.kind);
}

/** The document's extensions, in their order: the first is the outermost. */
export function extensionsOf(document: JsonObject): readonly Extension[] {
  const list = property(document['use'], 'extensions');
  if (!isList(list)) return [];
  return list.flatMap((item, index) => {
    const [name, extension] = onlyEntry(item) ?? [];
    if (name === undefined || !isObject(extension)) return [];
    const { extend, when, before, after } = extension;
    return [{ name, pointer: childPointer(childPointer('/use/extensions', index), name), extend: String(extend), when: typeof when === 'string' ? when : undefined, before, after }];
  });
}

/** Whether an extension is about tasks of a kind; `composite` are those made of tasks alone. */
export function isAbout({ extend }: Extension, kind: TaskKind): boolean {
  return extend === 'all' || extend === kind || (extend === 'composite' && (kind === 'do' || kind === 'fork'));
}

/** The node of a part that is no task of the document; `head` is that of the part. */
export function compilePart(compilation: Compilation, task: PlannedTask, part: ExtensionPart, head: CompiledHead): Node {
  const first = task.block[0]?.number ?? NO_NODE;
  switch (part.kind) {
    case 'around':
      if (part.isBeside) checkExits(compilation, part.extension);
      return { ...head, kind: 'do', first, isAround: true };
    case 'branch':
      return { ...head, kind: 'do', first };
    case 'choose':
      return { ...head, kind: 'switch', cases: [{ name: 'when', when: compileWhen(compilation, part.extension), then: { kind: 'continue' } }, { name: 'otherwise', then: { kind: 'goto', node: part.otherwise } }] };
    case 'restore':
      return { ...head, kind: 'set', value: valueOf(EXTENDED_INPUT) };
    case 'after':
      return { ...head, kind: 'do', first, outputAs: valueOf('input'), ...(part.extension.when === undefined ? {} : { if: compileWhen(compilation, part.extension) }) };
  }
}

/** E2. */
function compileWhen(compilation: Compilation, { when = 'true', pointer }: Extension): Expression {
  const condition = compileCondition(compilation, when, `${pointer}/when`, taskScope([]).before);
  return {
    source: condition.source,
    variables: [EXTENDED_INPUT, ...condition.variables],
    evaluate: (_input, [extended = null, ...values], budget) => {
      const verdict = condition.evaluate(extended, values, budget);
      return verdict.kind === 'error' ? { kind: 'value', value: false } : verdict;
    },
  };
}

/** A variable's value as it is. */
function valueOf(name: string): Template {
  return { kind: 'expression', expression: { source: `$${name}`, variables: [name], evaluate: (_input, [value = null]) => ({ kind: 'value', value }) } };
}

/** E4. */
function checkExits(compilation: Compilation, { before, pointer }: Extension): void {
  if (!isList(before)) return;
  before.forEach((item, index) => {
    const [name = '', task] = onlyEntry(item) ?? [];
    if (property(task, 'then') !== 'exit') return;
    const at = `${childPointer(childPointer(`${pointer}/before`, index), name)}/then`;
    if (!compilation.problems.some((problem) => problem.message.startsWith(EXIT))) compilation.unsupported({ pointer: at, side: 'value' }, EXIT, 'let the extension be about other kinds of tasks, or leave `exit` out');
  });
}

const EXIT = '`exit` in an extension that is also about a `switch`';
