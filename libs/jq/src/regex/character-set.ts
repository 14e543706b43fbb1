// Sets of code points: ranges, the classes \d \w \s, POSIX brackets and Unicode properties. Unicode knowledge comes from
// the JavaScript engine, asked about one character at a time, so it costs constant time and cannot backtrack.

export interface CharacterSet {
  readonly ranges: readonly (readonly [number, number])[];
  readonly properties: readonly Property[];
  readonly negated: boolean;
}

export type Property = (point: number) => boolean;

export function setHas(set: CharacterSet, point: number): boolean {
  for (const [low, high] of set.ranges) if (point >= low && point <= high) return !set.negated;
  for (const property of set.properties) if (property(point)) return !set.negated;
  return set.negated;
}

/** The set also holds a character whose other case it holds. */
export function setHasFolded(set: CharacterSet, point: number): boolean {
  return setHas(set.negated ? { ...set, negated: false } : set, point) !== set.negated || foldedHas(set, point) !== set.negated;
}

function foldedHas(set: CharacterSet, point: number): boolean {
  const plain = { ...set, negated: false };
  const lower = toLower(point);
  const upper = toUpper(point);
  return (lower !== point && setHas(plain, lower)) || (upper !== point && setHas(plain, upper));
}

function toLower(point: number): number {
  if (point < 128) return point >= 65 && point <= 90 ? point + 32 : point;
  return singlePoint(String.fromCodePoint(point).toLowerCase(), point);
}

function toUpper(point: number): number {
  if (point < 128) return point >= 97 && point <= 122 ? point - 32 : point;
  return singlePoint(String.fromCodePoint(point).toUpperCase(), point);
}

function singlePoint(text: string, otherwise: number): number {
  const point = text.codePointAt(0) as number;
  return text.length === (point > 0xffff ? 2 : 1) ? point : otherwise;
}

/** One representative for all cases of a character. */
export function fold(point: number): number {
  return toLower(toUpper(point));
}

function unicode(pattern: string): Property {
  const test = new RegExp(`^${pattern}$`, 'u');
  return (point) => test.test(String.fromCodePoint(point));
}

const UNICODE_WORD = unicode('[\\p{L}\\p{M}\\p{N}\\p{Pc}]');
const UNICODE_DIGIT = unicode('\\p{Nd}');
const UNICODE_SPACE = unicode('[\\p{Z}\\u0085]');

export function isWord(point: number): boolean {
  if (point < 128) return (point >= 97 && point <= 122) || (point >= 65 && point <= 90) || (point >= 48 && point <= 57) || point === 95;
  return UNICODE_WORD(point);
}

function isDigit(point: number): boolean {
  return point < 128 ? point >= 48 && point <= 57 : UNICODE_DIGIT(point);
}

function isSpace(point: number): boolean {
  return point < 128 ? point === 32 || (point >= 9 && point <= 13) : UNICODE_SPACE(point);
}

function not(property: Property): Property {
  return (point) => !property(point);
}

/** `\d`, `\W` and so on. */
export const ESCAPED_CLASSES: Readonly<Record<string, Property>> = {
  d: isDigit,
  D: not(isDigit),
  w: isWord,
  W: not(isWord),
  s: isSpace,
  S: not(isSpace),
};

const POSIX: Readonly<Record<string, Property>> = {
  alnum: unicode('[\\p{Alphabetic}\\p{M}\\p{Nd}]'),
  alpha: unicode('[\\p{Alphabetic}\\p{M}]'),
  ascii: (point) => point < 128,
  blank: unicode('[\\p{Zs}\\t]'),
  cntrl: unicode('\\p{C}'),
  digit: isDigit,
  graph: unicode('[^\\p{Z}\\p{C}\\s]'),
  lower: unicode('\\p{Lowercase}'),
  print: unicode('[^\\p{Zl}\\p{Zp}\\p{C}]'),
  punct: unicode('[\\p{P}$+<=>^`|~]'),
  space: isSpace,
  upper: unicode('\\p{Uppercase}'),
  xdigit: unicode('[0-9A-Fa-f]'),
  word: isWord,
};

/** A POSIX bracket's class, such as the alpha of `[:alpha:]`. */
export function posixClass(name: string): Property | null {
  return Object.hasOwn(POSIX, name) ? (POSIX[name] as Property) : null;
}

/** `\p{name}`: a POSIX name, a general category, a property or a script. Names ignore case, spaces, "-" and "_". */
export function unicodeProperty(name: string): Property | null {
  const posix = posixClass(name.toLowerCase());
  if (posix !== null) return posix;
  if (name.toLowerCase() === 'any') return () => true;
  const words = name.split(/[\s_-]+/).filter((word) => word !== '');
  const spelled = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()).join('_');
  for (const candidate of [name, spelled]) {
    if (!/^[A-Za-z_0-9]{1,40}$/.test(candidate)) continue;
    for (const expression of [`\\p{${candidate}}`, `\\p{Script=${candidate}}`]) {
      try {
        return unicode(expression);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    }
  }
  return null;
}
