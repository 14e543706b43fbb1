// Regular expression text to its tree. The syntax is Oniguruma's in its Perl flavour, which is what jq uses: classes,
// greedy, lazy and possessive repeats, groups, names, alternatives, anchors, look-around, back references, inline flags.
// Refused with a reason: subexpression calls, conditionals, absent groups, callouts.

import { ESCAPED_CLASSES, posixClass, unicodeProperty } from './character-set.ts';
import type { CharacterSet, Property } from './character-set.ts';
import { RegexError } from './regex-syntax.ts';
import type { Anchor, ParsedRegex, RegexNode, RepeatMode } from './regex-syntax.ts';

/** UTF-16 code units of one expression. */
export const REGEX_LENGTH_MAX = 4_096;
const NESTING_MAX = 64;
const REPEAT_MAX = 1_000;

export interface RegexOptions {
  readonly ignoreCase: boolean;
  /** Spaces and comments in the expression mean nothing. */
  readonly extended: boolean;
  /** "." also matches a newline. */
  readonly dotAll: boolean;
  /** "^" and "$" also match at the lines within the text. */
  readonly lines: boolean;
}

const ESCAPED_CHARACTERS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };

const ESCAPED_ANCHORS: Readonly<Record<string, Anchor>> = {
  A: 'text-start', Z: 'text-end-line', z: 'text-end', b: 'word', B: 'not-word', G: 'search-start', K: 'keep',
};

/** Throws RegexError. */
export function parseRegex(source: string, initial: RegexOptions): ParsedRegex {
  if (source.length > REGEX_LENGTH_MAX) throw new RegexError(`it is longer than ${REGEX_LENGTH_MAX} characters`);
  const parser = createParser(source);
  return parser(initial);
}

function createParser(source: string): (initial: RegexOptions) => ParsedRegex {
  let at = 0;
  let depth = 0;
  const names: (string | null)[] = [];
  const references: { readonly name: string; readonly numbers: number[] }[] = [];

  const fail = (message: string): never => {
    throw new RegexError(`${message} (at offset ${at})`);
  };
  const isNext = (text: string): boolean => source.startsWith(text, at);
  const accept = (text: string): boolean => isNext(text) && ((at += text.length), true);

  function take(): number {
    const point = source.codePointAt(at);
    if (point === undefined) return fail('it ends too early');
    at += point > 0xffff ? 2 : 1;
    return point;
  }

  /** The pattern has to be sticky. */
  function takePattern(pattern: RegExp): string | null {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0];
    if (found === undefined) return null;
    at += found.length;
    return found;
  }

  function choice(options: RegexOptions): RegexNode {
    if (++depth > NESTING_MAX) fail(`it is nested more than ${NESTING_MAX} deep`);
    const alternatives: RegexNode[] = [];
    const state = { options };
    do alternatives.push(sequence(state));
    while (accept('|'));
    depth--;
    return alternatives.length === 1 ? (alternatives[0] as RegexNode) : { kind: 'choice', options: alternatives };
  }

  /** Inline flags such as (?i) hold to the end of the group, so they change the state. */
  function sequence(state: { options: RegexOptions }): RegexNode {
    const items: RegexNode[] = [];
    while (at < source.length && !isNext('|') && !isNext(')')) {
      if (state.options.extended && takePattern(/[ \t\n\r\f\v]+|#[^\n]*/y) !== null) continue;
      if (accept('\\Q')) {
        const end = source.indexOf('\\E', at);
        const text = source.slice(at, end === -1 ? source.length : end);
        at = end === -1 ? source.length : end + 2;
        for (const character of text) items.push(characterNode(character.codePointAt(0) as number, state.options));
        continue;
      }
      const item = atom(state);
      if (item !== null) items.push(repeats(item, state.options));
    }
    return items.length === 1 ? (items[0] as RegexNode) : { kind: 'sequence', items };
  }

  function characterNode(point: number, options: RegexOptions): RegexNode {
    return { kind: 'character', point, ignoreCase: options.ignoreCase };
  }

  function repeats(body: RegexNode, options: RegexOptions): RegexNode {
    let node = body;
    let count = 0;
    for (;;) {
      if (options.extended) takePattern(/[ \t\n\r\f\v]+/y);
      const bounds = repeatBounds();
      if (bounds === null) return node;
      if (node.kind === 'anchor') fail('the target of a repeat operator is invalid');
      if (++count > NESTING_MAX) fail('it repeats a repeat too often');
      const mode: RepeatMode = accept('?') ? 'lazy' : accept('+') ? 'possessive' : 'greedy';
      node = { kind: 'repeat', body: node, ...bounds, mode };
    }
  }

  function repeatBounds(): { readonly min: number; readonly max: number } | null {
    if (accept('*')) return { min: 0, max: Infinity };
    if (accept('+')) return { min: 1, max: Infinity };
    if (accept('?')) return { min: 0, max: 1 };
    const text = takePattern(/\{[0-9]+(?:,[0-9]*)?\}/y);
    if (text === null) return null;
    const [low = '', high] = text.slice(1, -1).split(',');
    const min = Number(low);
    const max = high === undefined ? min : high === '' ? Infinity : Number(high);
    if (min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX)) fail(`it repeats more than ${REPEAT_MAX} times`);
    if (max < min) fail('the bounds of a repeat are the wrong way round');
    return { min, max };
  }

  function atom(state: { options: RegexOptions }): RegexNode | null {
    const { options } = state;
    if (isNext('*') || isNext('+') || isNext('?')) fail('the target of a repeat operator is not specified');
    if (accept('(')) return group(state);
    if (accept('[')) return { kind: 'set', set: bracket(), ignoreCase: options.ignoreCase };
    if (accept('.')) return { kind: 'any', newlines: options.dotAll };
    if (accept('^')) return { kind: 'anchor', anchor: options.lines ? 'line-start' : 'text-start' };
    if (accept('$')) return { kind: 'anchor', anchor: options.lines ? 'line-end' : 'text-end-line' };
    if (accept('\\')) return escape(options);
    return characterNode(take(), options);
  }

  function group(state: { options: RegexOptions }): RegexNode | null {
    const { options } = state;
    if (!accept('?')) return capture(null, options);
    if (accept('#')) {
      const end = source.indexOf(')', at);
      if (end === -1) fail('a comment is never closed');
      at = end + 1;
      return null;
    }
    if (accept(':')) return closed(choice(options));
    if (accept('=')) return { kind: 'look', body: closed(choice(options)), behind: false, negative: false };
    if (accept('!')) return { kind: 'look', body: closed(choice(options)), behind: false, negative: true };
    if (accept('>')) return { kind: 'atomic', body: closed(choice(options)) };
    if (accept('<=')) return { kind: 'look', body: closed(choice(options)), behind: true, negative: false };
    if (accept('<!')) return { kind: 'look', body: closed(choice(options)), behind: true, negative: true };
    const name = takePattern(/P?<[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*>/y);
    if (name !== null) return capture(name.slice(name.indexOf('<') + 1, -1), options);
    const flags = takePattern(/[imsx]*(?:-[imsx]*)?(?=[:)])/y);
    if (flags === null) return fail('this kind of group is not supported');
    const changed = withFlags(options, flags);
    if (accept(':')) return closed(choice(changed));
    at++;
    state.options = changed;
    return null;
  }

  function withFlags(options: RegexOptions, flags: string): RegexOptions {
    const [on = '', off = ''] = flags.split('-');
    const pick = (flag: string, old: boolean): boolean => (on.includes(flag) ? true : off.includes(flag) ? false : old);
    return {
      ignoreCase: pick('i', options.ignoreCase),
      extended: pick('x', options.extended),
      dotAll: pick('s', options.dotAll),
      lines: pick('m', options.lines),
    };
  }

  function capture(name: string | null, options: RegexOptions): RegexNode {
    names.push(name);
    const number = names.length;
    return { kind: 'group', number, body: closed(choice(options)) };
  }

  function closed(body: RegexNode): RegexNode {
    if (!accept(')')) fail('a parenthesis is never closed');
    return body;
  }

  function escape(options: RegexOptions): RegexNode {
    const letter = source[at] ?? '';
    const anchor = Object.hasOwn(ESCAPED_ANCHORS, letter) ? ESCAPED_ANCHORS[letter] : undefined;
    if (anchor !== undefined) {
      at++;
      return { kind: 'anchor', anchor };
    }
    if (letter === 'R') return at++, lineBreak();
    if (letter === 'N') return at++, { kind: 'any', newlines: false };
    if (letter === 'O') return at++, { kind: 'any', newlines: true };
    if (letter === 'g' || letter === 'X') return fail(`"\\${letter}" is not supported`);
    const named = takePattern(/k(?:<[^>]+>|'[^']+')/y);
    if (named !== null) {
      const reference = { name: named.slice(2, -1), numbers: [] };
      references.push(reference);
      return { kind: 'backreference', numbers: reference.numbers, ignoreCase: options.ignoreCase };
    }
    const number = /^[1-9][0-9]*/.exec(source.slice(at, at + 4))?.[0];
    if (number !== undefined && (Number(number) <= 9 || Number(number) <= names.length)) {
      at += number.length;
      const reference = { name: number, numbers: [] };
      references.push(reference);
      return { kind: 'backreference', numbers: reference.numbers, ignoreCase: options.ignoreCase };
    }
    const property = classEscape();
    if (property !== null) return { kind: 'set', set: { ranges: [], properties: [property], negated: false }, ignoreCase: false };
    return characterNode(characterEscape(), options);
  }

  function lineBreak(): RegexNode {
    const single: CharacterSet = { ranges: [[10, 13], [0x85, 0x85], [0x2028, 0x2029]], properties: [], negated: false };
    const pair: RegexNode = { kind: 'sequence', items: [13, 10].map((point) => ({ kind: 'character', point, ignoreCase: false })) };
    return { kind: 'atomic', body: { kind: 'choice', options: [pair, { kind: 'set', set: single, ignoreCase: false }] } };
  }

  /** A class after a backslash: \d, \p{…}. Null when it is something else. */
  function classEscape(): Property | null {
    const letter = source[at] ?? '';
    if (Object.hasOwn(ESCAPED_CLASSES, letter)) {
      at++;
      return ESCAPED_CLASSES[letter] as Property;
    }
    const text = takePattern(/[pP]\{\^?[^}]*\}/y);
    if (text === null) return null;
    const negated = (text[0] === 'P') !== (text[2] === '^');
    const name = text.slice(text[2] === '^' ? 3 : 2, -1);
    const property = unicodeProperty(name) ?? fail(`"${name}" is not a character property`);
    return negated ? (point) => !property(point) : property;
  }

  /** A single character after a backslash. */
  function characterEscape(): number {
    if (at >= source.length) fail('it ends with a backslash');
    const hexadecimal = takePattern(/x\{[0-9a-fA-F]{1,8}\}|x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}/y);
    if (hexadecimal !== null) {
      const point = Number.parseInt(hexadecimal.replace(/[xu{}]/g, ''), 16);
      return point > 0x10ffff ? fail('it names a code point that does not exist') : point;
    }
    const octal = takePattern(/[0-7]{1,3}/y);
    if (octal !== null) return Number.parseInt(octal, 8) & 0xff;
    const control = takePattern(/c[A-Za-z@[\]^_]/y);
    if (control !== null) return control.charCodeAt(1) & 31;
    const letter = source[at] as string;
    if (Object.hasOwn(ESCAPED_CHARACTERS, letter)) {
      at++;
      return ESCAPED_CHARACTERS[letter] as number;
    }
    return take();
  }

  function bracket(): CharacterSet {
    const negated = accept('^');
    const ranges: [number, number][] = [];
    const properties: Property[] = [];
    let first = true;
    while (first || !isNext(']')) {
      if (at >= source.length) fail('a character class is never closed');
      first = false;
      const item = bracketItem();
      if (typeof item !== 'number') {
        properties.push(item);
        continue;
      }
      if (!isNext('-') || source[at + 1] === ']' || at + 1 >= source.length) {
        ranges.push([item, item]);
        continue;
      }
      at++;
      const end = bracketItem();
      if (typeof end !== 'number') {
        ranges.push([item, item], [45, 45]);
        properties.push(end);
      } else if (end < item) {
        fail('a character class has an empty range');
      } else {
        ranges.push([item, end]);
      }
    }
    at++;
    return { ranges, properties, negated };
  }

  function bracketItem(): number | Property {
    const posix = takePattern(/\[:\^?[a-z]+:\]/y);
    if (posix !== null) {
      const negated = posix[2] === '^';
      const property = posixClass(posix.slice(negated ? 3 : 2, -2)) ?? fail(`"${posix}" is not a character class`);
      return negated ? (point) => !property(point) : property;
    }
    if (!accept('\\')) return take();
    if (accept('b')) return 8;
    return classEscape() ?? characterEscape();
  }

  /** Names and numbers of back references are known only at the end: a group may come after its reference. */
  function resolveReferences(): void {
    for (const { name, numbers } of references) {
      if (/^[0-9]+$/.test(name)) {
        if (Number(name) > names.length || Number(name) === 0) fail(`there is no group ${name}`);
        numbers.push(Number(name));
      } else {
        names.forEach((other, i) => other === name && numbers.push(i + 1));
        if (numbers.length === 0) fail(`there is no group named "${name}"`);
      }
    }
  }

  return (initial) => {
    const root = choice(initial);
    if (at < source.length) fail('a closing parenthesis has no opening one');
    resolveReferences();
    return { root, groupNames: names };
  };
}
