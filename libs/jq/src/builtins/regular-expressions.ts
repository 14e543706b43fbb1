// match, test, capture, scan, split/2, splits, sub, gsub: what is done with the matches of a regular expression.

import { allocate, allocateArray, allocateObject, allocateString, burn, tick } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { many, one, withWalk } from '../code.ts';
import type { Bare, Code, Emit, Env } from '../code.ts';
import { typeFailure } from '../failure.ts';
import { setMember } from '../json-value.ts';
import type { JsonValue, OpenObject } from '../json-value.ts';
import { searchRegex } from '../regex/regex-matcher.ts';
import type { MatchSlots } from '../regex/regex-matcher.ts';
import type { Regex } from '../regex/regex.ts';
import { preview } from '../serialize.ts';
import { add } from '../arithmetic.ts';
import { hasPairs } from '../text.ts';
import { argument } from './builtin.ts';
import type { Builtin, BuiltinEntry } from './builtin.ts';
import { regexArguments } from './regex-arguments.ts';

function subject(input: JsonValue): string {
  if (typeof input !== 'string') throw typeFailure((m) => `${preview(m, input)} cannot be matched, as it is not a string`);
  return input;
}

/** Calls back for the first match, or for all. Answers false when the callback wanted no more. */
function eachMatch(m: Meter, regex: Regex, text: string, found: (slots: MatchSlots) => boolean): boolean {
  for (let from = 0; from <= text.length; ) {
    const slots = searchRegex(m, regex.program, text, from, regex.search);
    if (slots === null) return true;
    if (!found(slots)) return false;
    if (!regex.isGlobal) return true;
    const end = slots[1] as number;
    from = end > (slots[0] as number) && end > from ? end : Math.max(end, from) + (isPair(text, Math.max(end, from)) ? 2 : 1);
  }
  return true;
}

function isPair(text: string, at: number): boolean {
  return (text.codePointAt(at) ?? 0) > 0xffff;
}

/** Counts code points from one position to the next, so that all offsets of a text cost one pass. */
function offsetCounter(m: Meter, text: string): (unit: number) => number {
  if (!hasPairs(m, text)) return (unit) => unit;
  let unit = 0;
  let points = 0;
  return (target) => {
    if (target < unit) {
      unit = 0;
      points = 0;
    }
    burn(m, (target - unit) >> 2);
    while (unit < target) {
      unit += isPair(text, unit) ? 2 : 1;
      points++;
    }
    return points;
  };
}

function piece(m: Meter, text: string, from: number, to: number): string {
  allocateString(m, to - from);
  return text.slice(from, to);
}

function groupText(m: Meter, text: string, slots: MatchSlots, group: number): string | null {
  const from = slots[2 * group] as number;
  const to = slots[2 * group + 1] as number;
  return from < 0 || to < from ? null : piece(m, text, from, to);
}

function matchObject(m: Meter, regex: Regex, text: string, slots: MatchSlots, offset: (unit: number) => number): JsonValue {
  const part = (group: number): { offset: number; length: number; string: string | null } => {
    const string = groupText(m, text, slots, group);
    if (string === null) return { offset: -1, length: 0, string };
    const start = offset(slots[2 * group] as number);
    return { offset: start, length: offset(slots[2 * group + 1] as number) - start, string };
  };
  const { groupNames } = regex.program;
  allocateArray(m, groupNames.length);
  const whole = part(0);
  const captures = groupNames.map((name, i) => {
    allocateObject(m, 4);
    return { ...part(i + 1), name };
  });
  allocateObject(m, 4);
  return { ...whole, captures };
}

/** The named groups of a match. */
function captureObject(m: Meter, regex: Regex, text: string, slots: MatchSlots): JsonValue {
  const { groupNames } = regex.program;
  const object: OpenObject = {};
  allocateObject(m, groupNames.length);
  groupNames.forEach((name, i) => {
    if (name !== null) setMember(object, name, groupText(m, text, slots, i + 1));
  });
  return object;
}

/** A builtin that yields one value for a text and an expression. */
function single(flagsAt: number, extraFlags: string, use: (m: Meter, regex: Regex, text: string) => JsonValue): Builtin {
  return (site) => {
    const { each, only } = regexArguments(site, argument(site, 0), site.args[flagsAt] ?? null, extraFlags);
    const bare: Bare =
      only === null
        ? many((m, env, input, emit) => each(m, env, input, (regex) => emit(use(m, regex, subject(input)))))
        : one((m, env, input) => use(m, only(m, env, input), subject(input)));
    return withWalk(bare);
  };
}

/** A builtin that yields one value for every match. */
function perMatch(extraFlags: string, make: (m: Meter, regex: Regex, text: string, slots: MatchSlots, offset: (unit: number) => number) => JsonValue): Builtin {
  return (site) => {
    const { each } = regexArguments(site, argument(site, 0), site.args[1] ?? null, extraFlags);
    return withWalk(
      many((m, env, input, emit) =>
        each(m, env, input, (regex) => {
          const text = subject(input);
          const offset = offsetCounter(m, text);
          return eachMatch(m, regex, text, (slots) => emit(make(m, regex, text, slots, offset)));
        }),
      ),
    );
  };
}

function isMatch(m: Meter, regex: Regex, text: string): boolean {
  return searchRegex(m, regex.program, text, 0, regex.search) !== null;
}

/** All groups of a match when there are any, else the matched text. */
function scanned(m: Meter, regex: Regex, text: string, slots: MatchSlots): JsonValue {
  const { groupNames } = regex.program;
  if (groupNames.length === 0) return groupText(m, text, slots, 0);
  allocateArray(m, groupNames.length);
  return groupNames.map((_, i) => groupText(m, text, slots, i + 1));
}

function splitAll(m: Meter, regex: Regex, text: string): string[] {
  const parts: string[] = [];
  let from = 0;
  allocateArray(m, 0);
  eachMatch(m, regex, text, (slots) => {
    allocate(m, 8);
    parts.push(piece(m, text, from, Math.max(from, slots[0] as number)));
    from = slots[1] as number;
    return true;
  });
  parts.push(piece(m, text, from, text.length));
  return parts;
}

const splits: Builtin = (site) => {
  const { each } = regexArguments(site, argument(site, 0), site.args[1] ?? null, 'g');
  return withWalk(
    many((m, env, input, emit) =>
      each(m, env, input, (regex) => {
        for (const part of splitAll(m, regex, subject(input))) {
          tick(m);
          if (!emit(part)) return false;
        }
        return true;
      }),
    ),
  );
};

/**
 * sub and gsub: every match replaced by what the replacement makes of its named groups. The n-th outputs of the
 * replacement, over all matches, make the n-th result.
 */
function substitution(extraFlags: string): Builtin {
  return (site) => {
    const { each, only } = regexArguments(site, argument(site, 0), site.args[2] ?? null, extraFlags);
    const replacement = argument(site, 1);
    if (only !== null && replacement.multiplicity === 'one') {
      const { run } = replacement;
      return withWalk(one((m, env, input) => substituteOne(m, only(m, env, input), subject(input), (captured) => run(m, env, captured))));
    }
    return withWalk(many((m, env, input, emit) => each(m, env, input, (regex) => substitute(m, env, regex, subject(input), replacement, emit))));
  };
}

function inserted(m: Meter, before: string, value: JsonValue): string {
  if (typeof value !== 'string') add(m, before, value === null ? false : value);
  return value as string;
}

function substituteOne(m: Meter, regex: Regex, text: string, replace: (captured: JsonValue) => JsonValue): string {
  const parts: string[] = [];
  let length = 0;
  let from = 0;
  eachMatch(m, regex, text, (slots) => {
    const gap = text.slice(from, Math.max(from, slots[0] as number));
    const insert = inserted(m, gap, replace(captureObject(m, regex, text, slots)));
    length += gap.length + insert.length;
    allocate(m, 16);
    parts.push(gap, insert);
    from = slots[1] as number;
    return true;
  });
  if (parts.length === 0) return text;
  allocateString(m, length + text.length - from);
  return parts.join('') + text.slice(from);
}

function substitute(m: Meter, env: Env, regex: Regex, text: string, replacement: Code, emit: Emit): boolean {
  const results: string[] = [];
  let from = 0;
  eachMatch(m, regex, text, (slots) => {
    const gap = text.slice(from, Math.max(from, slots[0] as number));
    let position = 0;
    replacement.each(m, env, captureObject(m, regex, text, slots), (value) => {
      const insert = inserted(m, gap, value);
      const result = (results[position] ?? '') + gap + insert;
      allocateString(m, result.length);
      results[position++] = result;
      return true;
    });
    from = slots[1] as number;
    return true;
  });
  if (results.length === 0) return emit(text);
  for (const result of results) {
    allocateString(m, result.length + text.length - from);
    if (!emit(result + text.slice(from))) return false;
  }
  return true;
}

export const REGULAR_EXPRESSIONS: readonly BuiltinEntry[] = [
  ['test/1', single(1, '', isMatch)],
  ['test/2', single(1, '', isMatch)],
  ['match/1', perMatch('', matchObject)],
  ['match/2', perMatch('', matchObject)],
  ['capture/1', perMatch('', captureObject)],
  ['capture/2', perMatch('', captureObject)],
  ['scan/1', perMatch('g', scanned)],
  ['scan/2', perMatch('g', scanned)],
  ['split/2', single(1, 'g', splitAll)],
  ['splits/1', splits],
  ['splits/2', splits],
  ['sub/2', substitution('')],
  ['sub/3', substitution('')],
  ['gsub/2', substitution('g')],
  ['gsub/3', substitution('g')],
];
