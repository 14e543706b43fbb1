// The tree as instructions for the matcher. Every instruction is a small record; the matcher keeps its own stack, so the
// depth of a match never is the depth of JavaScript's stack.

import type { CharacterSet } from './character-set.ts';
import { fold } from './character-set.ts';
import { RegexError } from './regex-syntax.ts';
import type { Anchor, ParsedRegex, RegexNode } from './regex-syntax.ts';

/** Instructions of one expression; repeats with bounds are written out, so they count as often as they may run. */
export const REGEX_PROGRAM_MAX = 10_000;
/** Code points that a look-behind may reach back. */
export const LOOK_BEHIND_MAX = 255;

export type Instruction =
  | { readonly op: 'character'; readonly point: number }
  | { readonly op: 'folded'; readonly point: number }
  | { readonly op: 'set'; readonly set: CharacterSet; readonly folded: boolean }
  | { readonly op: 'any'; readonly newlines: boolean }
  | { readonly op: 'anchor'; readonly anchor: Anchor }
  /** Goes on at `first`, and at `second` when that fails. */
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  /** Fails when nothing was consumed since the slot was saved: ends loops over what may be empty. */
  | { readonly op: 'progress'; readonly slot: number }
  | { readonly op: 'backreference'; readonly numbers: readonly number[]; readonly folded: boolean }
  /** Runs what follows up to its 'match', then goes on at `next`. Lengths are set for a look-behind. */
  | { readonly op: 'look'; readonly negative: boolean; readonly lengths: readonly [number, number] | null; next: number }
  | { readonly op: 'atomic'; next: number }
  | { readonly op: 'match' };

export interface RegexProgram {
  readonly instructions: readonly Instruction[];
  /** By number from 1. */
  readonly groupNames: readonly (string | null)[];
  /** Positions that the matcher keeps: two a group, the first pair for the match, and one a guarded loop. */
  readonly slotCount: number;
  /** Text that every match begins with; the search skips to it. */
  readonly prefix: string;
  /** Only the start of the text can match. */
  readonly isAnchored: boolean;
}

/** Throws RegexError when the expression is too large or looks behind without bound. */
export function compileRegex(parsed: ParsedRegex): RegexProgram {
  const instructions: Instruction[] = [];
  let slotCount = 2 * (parsed.groupNames.length + 1);
  let visits = 0;

  function emit<I extends Instruction>(instruction: I): I {
    instructions.push(instruction);
    return instruction;
  }

  /** Repeats of nothing emit nothing, so it is the visits that are bounded. */
  function compile(node: RegexNode): void {
    if (++visits > REGEX_PROGRAM_MAX) throw new RegexError(`it expands to more than ${REGEX_PROGRAM_MAX} steps: use smaller repeats`);
    switch (node.kind) {
      case 'empty':
        return;
      case 'character':
        emit(node.ignoreCase ? { op: 'folded', point: fold(node.point) } : { op: 'character', point: node.point });
        return;
      case 'set':
        emit({ op: 'set', set: node.set, folded: node.ignoreCase });
        return;
      case 'any':
        emit({ op: 'any', newlines: node.newlines });
        return;
      case 'anchor':
        emit(node.anchor === 'keep' ? { op: 'save', slot: 0 } : { op: 'anchor', anchor: node.anchor });
        return;
      case 'sequence':
        node.items.forEach(compile);
        return;
      case 'choice':
        compileChoice(node.options);
        return;
      case 'group':
        emit({ op: 'save', slot: 2 * node.number });
        compile(node.body);
        emit({ op: 'save', slot: 2 * node.number + 1 });
        return;
      case 'repeat':
        compileRepeat(node);
        return;
      case 'look':
        compileLook(node);
        return;
      case 'atomic':
        compileAtomic(() => compile(node.body));
        return;
      case 'backreference':
        emit({ op: 'backreference', numbers: node.numbers, folded: node.ignoreCase });
    }
  }

  function compileChoice(options: readonly RegexNode[]): void {
    const ends: Extract<Instruction, { op: 'jump' }>[] = [];
    options.forEach((option, i) => {
      if (i === options.length - 1) {
        compile(option);
        return;
      }
      const split = emit({ op: 'split', first: instructions.length + 1, second: 0 });
      compile(option);
      ends.push(emit({ op: 'jump', to: 0 }));
      split.second = instructions.length;
    });
    for (const end of ends) end.to = instructions.length;
  }

  function compileRepeat(node: Extract<RegexNode, { kind: 'repeat' }>): void {
    if (node.mode === 'possessive') {
      compileAtomic(() => compileRepeat({ ...node, mode: 'greedy' }));
      return;
    }
    for (let i = 0; i < node.min; i++) compile(node.body);
    const isLazy = node.mode === 'lazy';
    if (node.max === Infinity) {
      compileLoop(node.body, isLazy);
      return;
    }
    const splits: Extract<Instruction, { op: 'split' }>[] = [];
    for (let i = node.min; i < node.max; i++) {
      splits.push(emit({ op: 'split', first: 0, second: 0 }));
      const body = instructions.length;
      (splits[splits.length - 1] as (typeof splits)[0])[isLazy ? 'second' : 'first'] = body;
      compile(node.body);
    }
    for (const split of splits) split[isLazy ? 'first' : 'second'] = instructions.length;
  }

  function compileLoop(body: RegexNode, isLazy: boolean): void {
    const start = instructions.length;
    const split = emit({ op: 'split', first: 0, second: 0 });
    split[isLazy ? 'second' : 'first'] = instructions.length;
    const slot = widths(body)[0] === 0 ? slotCount++ : null;
    if (slot !== null) emit({ op: 'save', slot });
    compile(body);
    if (slot !== null) emit({ op: 'progress', slot });
    emit({ op: 'jump', to: start });
    split[isLazy ? 'first' : 'second'] = instructions.length;
  }

  function compileAtomic(body: () => void): void {
    const atomic = emit({ op: 'atomic', next: 0 });
    body();
    emit({ op: 'match' });
    atomic.next = instructions.length;
  }

  function compileLook(node: Extract<RegexNode, { kind: 'look' }>): void {
    const lengths = node.behind ? widths(node.body) : null;
    if (lengths !== null && lengths[1] > LOOK_BEHIND_MAX) throw new RegexError(`a look-behind has to have a bounded length, of at most ${LOOK_BEHIND_MAX} characters`);
    const look = emit({ op: 'look', negative: node.negative, lengths, next: 0 });
    compile(node.body);
    emit({ op: 'match' });
    look.next = instructions.length;
  }

  compile(parsed.root);
  emit({ op: 'match' });
  return { instructions, groupNames: parsed.groupNames, slotCount, prefix: prefixOf(instructions), isAnchored: isAnchored(instructions) };
}

/** The least and the most code points that a node matches. */
function widths(node: RegexNode): readonly [number, number] {
  switch (node.kind) {
    case 'character':
    case 'set':
    case 'any':
      return [1, 1];
    case 'sequence':
      return node.items.map(widths).reduce<readonly [number, number]>(([low, high], [a, b]) => [low + a, high + b], [0, 0]);
    case 'choice': {
      const all = node.options.map(widths);
      return [Math.min(...all.map(([low]) => low)), Math.max(...all.map(([, high]) => high))];
    }
    case 'group':
    case 'atomic':
      return widths(node.body);
    case 'repeat': {
      const [low, high] = widths(node.body);
      return [low * node.min, high === 0 ? 0 : high * node.max];
    }
    case 'backreference':
      return [0, Infinity];
    default:
      return [0, 0];
  }
}

function prefixOf(instructions: readonly Instruction[]): string {
  let prefix = '';
  for (const instruction of instructions) {
    if (instruction.op === 'save') continue;
    if (instruction.op !== 'character') break;
    prefix += String.fromCodePoint(instruction.point);
  }
  return prefix;
}

function isAnchored(instructions: readonly Instruction[]): boolean {
  const first = instructions.find(({ op }) => op !== 'save');
  return first?.op === 'anchor' && first.anchor === 'text-start';
}
