// Properties that hold for all values and programs: laws of paths, order, text and regular expressions.

import fc from 'fast-check';

import { BUDGET_DEFAULT, compileJq } from './index.ts';
import type { JsonValue } from './index.ts';

function all(program: string, input: JsonValue, variables: Readonly<Record<string, JsonValue>> = {}): JsonValue {
  const compiled = compileJq(program, { variables: Object.keys(variables) });
  if (compiled.kind === 'refused') throw new Error(compiled.message);
  const outcome = compiled.program.all(input, Object.values(variables), BUDGET_DEFAULT);
  if (outcome.kind === 'error') throw new Error(outcome.message);
  return outcome.values;
}

const key = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor', '0', ''), fc.string({ maxLength: 3 }));
const value = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom<JsonValue>(null, true, false, 0, 1, '', 'a'),
    fc.integer({ min: -1000, max: 1000 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    fc.string({ maxLength: 5, unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => JSON.parse(`{${entries.map(([name, item]) => `${JSON.stringify(name)}:${JSON.stringify(item)}`).join(',')}}`) as JsonValue),
  ),
})).value;

const step = fc.oneof(key, fc.integer({ min: 0, max: 3 }));

describe('paths', () => {
  test('what is set at a path is read there, and nothing else changes', () => {
    fc.assert(
      fc.property(value, fc.array(step, { maxLength: 4 }), value, (input, path, item) => {
        const before = JSON.stringify(input);
        const [result] = all('try [setpath($p; $v) | getpath($p) == $v, (setpath($p; $v) | setpath($p; $v)) == setpath($p; $v)] catch "does not apply"', input, { p: path, v: item }) as readonly JsonValue[];
        expect(['does not apply', [true, true]]).toContainEqual(result);
        expect(JSON.stringify(input)).toBe(before);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test('every path leads to what iterating yields, setting what is there changes nothing, and deleting removes', () => {
    fc.assert(
      fc.property(value, (input) => {
        const checks = '[paths] as $all | [[getpath($all[])] == ([..] | .[1:]), (reduce $all[] as $p (.; setpath($p; getpath($p)))) == ., ([path(..)] | .[1:]) == $all, (fromstream(tostream) == .), ((.. |= .) == .), delpaths($all) == (if type == "array" then [] elif type == "object" then {} else . end)]';
        expect(all(checks, input)).toEqual([[true, true, true, true, true, true]]);
      }),
      { seed: 2, numRuns: 200 },
    );
  });
});

describe('order', () => {
  test('is total: exactly one of less, equal and greater holds, and it is transitive', () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        const [less, same, greater, chain] = all('($a < $b), ($a == $b), ($a > $b), ((($a <= $b) and ($b <= $c)) | not) or ($a <= $c)', null, { a, b, c }) as readonly boolean[];
        expect([less, same, greater].filter(Boolean)).toHaveLength(1);
        expect(chain).toBe(true);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test('sorting orders, keeps every element, and agrees with min, max, unique and group_by', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 8 }), (items) => {
        const checks = 'sort as $s | [([range(1; $s | length)] | all($s[. - 1] <= $s[.])), ($s | length) == length, $s[0] == min, $s[-1] == max, (group_by(.) | map(.[0])) == unique, (group_by(.) | add // []) == $s, ($s | sort) == $s, (reverse | sort) == $s]';
        expect(all(checks, items)).toEqual([Array(8).fill(true)]);
      }),
      { seed: 4, numRuns: 200 },
    );
  });
});

describe('text', () => {
  test('JSON text reads back as the value it was made from, and is what JSON.parse reads', () => {
    fc.assert(
      fc.property(value, (input) => {
        const [text] = all('tojson', input) as readonly string[];
        expect(JSON.parse(text as string)).toEqual(input);
        expect(all('tojson | fromjson == $v', input, { v: input })).toEqual([true]);
      }),
      { seed: 5, numRuns: 400 },
    );
  });

  test('encodings decode to what was encoded; exploding, splitting and slicing put together give the text again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 2 }), fc.nat(20), (text, separator, at) => {
        const checks = '[(@base64 | @base64d), (@base32 | @base32d), (@uri | @urid), (explode | implode), (split($s) | join($s)), .[:$n] + .[$n:]] | map(. == $t)';
        expect(all(checks, text, { s: separator, n: at, t: text })).toEqual([Array(6).fill(true)]);
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  test('numbers written as text read back exactly', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => {
        expect(Number((all('tojson', n) as readonly string[])[0])).toBe(n);
      }),
      { seed: 7, numRuns: 1_000 },
    );
  });
});

describe('regular expressions', () => {
  // JavaScript's own engine is the reference where both mean the same.
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', 'é', '(?:ab|a)', '(a)', '(b|)', '\\b', '(?=a)', '(?!b)', '(?<=a)', '(?<!b)');
  const repeated = fc.tuple(atom, fc.constantFrom('', '', '*', '+', '?', '*?', '+?', '{2}', '{1,2}', '{0,2}?')).map(([part, times]) => (/^\\b|^\(\?[=!<]/.test(part) ? part : part + times));
  const expression = fc.array(fc.array(repeated, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')), { minLength: 1, maxLength: 2 }).map((options) => options.join('|'));
  const text = fc.array(fc.constantFrom('a', 'b', 'c', '1', 'é', ' '), { maxLength: 10 }).map((characters) => characters.join(''));

  test('match as JavaScript does, groups included', () => {
    fc.assert(
      fc.property(expression, text, (pattern, subject) => {
        const reference = [...subject.matchAll(new RegExp(pattern.replaceAll('\\w', '[\\p{L}\\p{N}_]').replaceAll('\\b', '(?:(?<=[\\p{L}\\p{N}_])(?![\\p{L}\\p{N}_])|(?<![\\p{L}\\p{N}_])(?=[\\p{L}\\p{N}_]))'), 'gu'))].map((match) => [match.index, match[0]]);
        expect(all('[match($p; "g") | [.offset, .string]]', subject, { p: pattern })).toEqual([reference]);
      }),
      { seed: 8, numRuns: 1_500 },
    );
  });
});
