// Runs a regular expression over a text by backtracking. Every instruction costs a step of fuel, and the stack of
// alternatives counts as allocation: an expression that backtracks without end stops at the budget.

import { allocate, burn, tick } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { fold, isWord, setHas, setHasFolded } from './character-set.ts';
import type { Anchor } from './regex-syntax.ts';
import type { Instruction, RegexProgram } from './regex-program.ts';

/** How matches are chosen. */
export interface SearchOptions {
  /** The longest of all ways to match at a position, instead of the first. */
  readonly longest: boolean;
  /** An empty match does not count. */
  readonly notEmpty: boolean;
}

/** Positions in UTF-16 units: slots 2n and 2n+1 hold start and end of group n, -1 where it took no part. */
export type MatchSlots = readonly number[];

/** Entries of the stack of alternatives that are paid for at a time. */
const STACK_PAGE = 1_024;
const BYTES_PER_ENTRY = 16;

/** The first match at or after a position. */
export function searchRegex(m: Meter, program: RegexProgram, text: string, from: number, options: SearchOptions): MatchSlots | null {
  const matcher = createMatcher(m, program, text, from, options);
  for (let start = from; start <= text.length; start++) {
    tick(m);
    if (program.prefix !== '') {
      const found = text.indexOf(program.prefix, start);
      burn(m, ((found === -1 ? text.length : found) - start) >> 5);
      if (found === -1) return null;
      start = found;
    }
    if (start > 0 && isTrail(text, start)) continue;
    const slots = matcher(start);
    if (slots !== null) return slots;
    if (program.isAnchored) return null;
  }
  return null;
}

function isTrail(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}

function createMatcher(m: Meter, program: RegexProgram, text: string, searchStart: number, options: SearchOptions): (start: number) => MatchSlots | null {
  const { instructions } = program;
  const end = text.length;
  let slots: number[] = [];
  /** Pairs: (instruction, position) to go on at, or (-1 - slot, old position) to put back on the way. */
  const stack: number[] = [];
  let paidEntries = 0;

  const push = (a: number, b: number): void => {
    stack.push(a, b);
    if (stack.length > paidEntries) {
      allocate(m, STACK_PAGE * BYTES_PER_ENTRY);
      paidEntries += 2 * STACK_PAGE;
    }
  };
  const save = (slot: number, position: number): void => {
    push(-1 - slot, slots[slot] as number);
    slots[slot] = position;
  };

  /** Takes alternatives back to where there is one to try; answers its instruction, or -1 at the floor. */
  let resumeAt = 0;
  const backtrack = (floor: number): number => {
    while (stack.length > floor) {
      const position = stack.pop() as number;
      const target = stack.pop() as number;
      if (target >= 0) {
        resumeAt = position;
        return target;
      }
      slots[-1 - target] = position;
    }
    return -1;
  };

  const isWordAt = (position: number): boolean => position >= 0 && position < end && isWord(text.codePointAt(position) as number);
  const before = (position: number): number => (position > 1 && isTrail(text, position - 1) ? position - 2 : position - 1);

  function anchorHolds(anchor: Anchor, at: number): boolean {
    switch (anchor) {
      case 'text-start':
        return at === 0;
      case 'text-end':
        return at === end;
      case 'text-end-line':
        return at === end || (at === end - 1 && text.charCodeAt(at) === 10);
      case 'line-start':
        return at === 0 || (text.charCodeAt(at - 1) === 10 && at < end);
      case 'line-end':
        return at === end || text.charCodeAt(at) === 10;
      case 'word':
        return isWordAt(before(at)) !== isWordAt(at);
      case 'not-word':
        return isWordAt(before(at)) === isWordAt(at);
      case 'search-start':
        return at === searchStart;
      case 'keep':
        return true;
    }
  }

  /** Where the text of a group ends when it is repeated here, or -1. */
  function afterReference(numbers: readonly number[], folded: boolean, at: number): number {
    for (let i = numbers.length - 1; i >= 0; i--) {
      const from = slots[2 * (numbers[i] as number)] as number;
      const to = slots[2 * (numbers[i] as number) + 1] as number;
      if (from < 0 || to < from) continue;
      const length = to - from;
      burn(m, length >> 2);
      const here = text.slice(at, at + length);
      const there = text.slice(from, to);
      if (here === there || (folded && here.length === length && here.toLowerCase() === there.toLowerCase())) return at + length;
      return -1;
    }
    return -1;
  }

  /** Whether one character is what the instruction asks for. */
  function accepts(instruction: Instruction, point: number): boolean {
    switch (instruction.op) {
      case 'character':
        return point === instruction.point;
      case 'folded':
        return point === instruction.point || fold(point) === instruction.point;
      case 'set':
        return instruction.folded ? setHasFolded(instruction.set, point) : setHas(instruction.set, point);
      case 'any':
        return instruction.newlines || point !== 10;
      default:
        return false;
    }
  }

  /** Runs a look-around or atomic group; its alternatives are forgotten, what it captured stays. */
  function runInner(pc: number, at: number, mustEndAt: number): number {
    const floor = stack.length;
    const saved = [...slots];
    burn(m, saved.length >> 2);
    const ended = run(pc, at, mustEndAt, floor);
    stack.length = floor;
    if (ended < 0) {
      slots = saved;
      return -1;
    }
    const captured = slots;
    slots = saved;
    captured.forEach((position, slot) => {
      if (position !== saved[slot]) save(slot, position);
    });
    return ended;
  }

  function lookHolds(instruction: Extract<Instruction, { op: 'look' }>, pc: number, at: number): boolean {
    if (instruction.lengths === null) return runInner(pc + 1, at, -1) >= 0;
    const [least, most] = instruction.lengths;
    let start = at;
    for (let length = 0; length <= most; length++) {
      tick(m);
      if (length >= least && runInner(pc + 1, start, at) >= 0) return true;
      if (start === 0) return false;
      start = before(start);
    }
    return false;
  }

  /** Goes on from an instruction until a match, whose end it answers, or until no alternative is left: -1. */
  function run(startPc: number, startAt: number, mustEndAt: number, floor: number): number {
    let pc = startPc;
    let at = startAt;
    let longest = -1;
    let longestSlots: number[] = slots;
    const isTop = floor === 0 && startPc === 0;
    for (;;) {
      tick(m);
      const instruction = instructions[pc] as Instruction;
      let next = pc + 1;
      switch (instruction.op) {
        case 'character':
        case 'folded':
        case 'set':
        case 'any': {
          const point = at < end ? (text.codePointAt(at) as number) : -1;
          if (point >= 0 && accepts(instruction, point)) at += point > 0xffff ? 2 : 1;
          else next = -1;
          break;
        }
        case 'anchor':
          if (!anchorHolds(instruction.anchor, at)) next = -1;
          break;
        case 'split':
          push(instruction.second, at);
          next = instruction.first;
          break;
        case 'jump':
          next = instruction.to;
          break;
        case 'save':
          save(instruction.slot, at);
          break;
        case 'progress':
          if (slots[instruction.slot] === at) next = -1;
          break;
        case 'backreference': {
          const after = afterReference(instruction.numbers, instruction.folded, at);
          if (after < 0) next = -1;
          else at = after;
          break;
        }
        case 'look': {
          next = lookHolds(instruction, pc, at) === instruction.negative ? -1 : instruction.next;
          break;
        }
        case 'atomic': {
          const after = runInner(pc + 1, at, -1);
          if (after < 0) next = -1;
          else {
            at = after;
            next = instruction.next;
          }
          break;
        }
        case 'match': {
          const counts = (mustEndAt < 0 || at === mustEndAt) && !(isTop && options.notEmpty && at === startAt);
          if (counts && !(isTop && options.longest)) return at;
          if (counts && at > longest) {
            longest = at;
            longestSlots = [...slots];
          }
          next = -1;
        }
      }
      if (next < 0) {
        next = backtrack(floor);
        if (next < 0) {
          if (longest >= 0) slots = longestSlots;
          return longest;
        }
        at = resumeAt;
      }
      pc = next;
    }
  }

  return (start) => {
    stack.length = 0;
    slots = new Array<number>(program.slotCount).fill(-1);
    slots[0] = start;
    const matchEnd = run(0, start, -1, 0);
    if (matchEnd < 0) return null;
    slots[1] = matchEnd;
    return slots;
  };
}
