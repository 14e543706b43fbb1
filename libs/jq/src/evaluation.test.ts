// What programs yield, by area: the parts of the language that the comparison with jq 1.6 cannot cover, because later
// versions of jq differ or because they are ours.

import { BUDGET_DEFAULT, compileJq } from './index.ts';
import type { Budget, JsonValue } from './index.ts';

function outputs(program: string, input: JsonValue = null, variables: Readonly<Record<string, JsonValue>> = {}, budget: Budget = BUDGET_DEFAULT): JsonValue {
  const compiled = compileJq(program, { variables: Object.keys(variables) });
  if (compiled.kind === 'refused') throw new Error(`${program}: ${compiled.message}`);
  const outcome = compiled.program.all(input, Object.values(variables), budget);
  return outcome.kind === 'values' ? outcome.values : `${outcome.reason}: ${outcome.message}`;
}

type Row = readonly [program: string, input: JsonValue, expected: JsonValue];

const TABLES: Readonly<Record<string, readonly Row[]>> = {
  'language newer than jq 1.6': [
    ['.a?//"x"', null, ['x']],
    ['[.[]?//"x"]', [null, 1], [[1]]],
    ['.a.[0]', { a: [7] }, [7]],
    ['"abc" | .[1:2]', null, ['b']],
    ['{a: 1 + 2, b: .x // 3}', {}, [{ a: 3, b: 3 }]],
    ['{$__loc__}', null, [{ __loc__: { file: '<top-level>', line: 1 } }]],
    ['1 as $x | {$x, "y": 2, @base64 "z": 3}', null, [{ x: 1, y: 2, z: 3 }]],
    ['try error(null) catch .', null, [null]],
    ['try (error("x") | 1) catch . | error("y")', null, 'raised: y'],
    ['[(try (1, 2) catch 9) | error("x")]', null, 'raised: x'],
    ['(.[]? | error("late"))', [1], 'raised: late'],
    ['[limit(0; error("never"))]', null, [[]]],
    ['[skip(2; 1, 2, 3, 4)]', null, [[3, 4]]],
    ['any(true, error("x"); .), all(false, error("x"); .)', null, [true, false]],
    ['if . then 1 end, if false then 1 end', 5, [1, 5]],
    ['[[1,2],[3]] | .[] as [$a,$b] ?// $a | [$a,$b]', null, [[1, 2], [3, null]]],
    ['[[1]] | .[] as [$a] ?// $a | if ($a | type) == "number" then error("again") else $a end', null, [[1]]],
    ['reduce .[] as [$k, $v] ({}; .[$k] = $v)', [['a', 1], ['b', 2]], [{ a: 1, b: 2 }]],
    ['label $f | reduce (1, 2, 3) as $i (0; if $i == 3 then break $f else . + $i end), 9', null, []],
    ['def f($a; g): $a + g; f(1; 2, 3)', null, [3, 4]],
    ['def f: reduce .[] as $x (0; . + $x); [1, 2] | f', null, [3]],
    ['[.[] | (., 1) as $x | $x]', [5], [[5, 1]]],
  ],
  'functions newer than jq 1.6': [
    ['[1 | limit(4; repeat(. * 2))]', null, [[1, 2, 4, 8]]],
    ['ltrimstr("a"), rtrimstr("c"), trimstr("a")', 'abca', ['bca', 'abca', 'bc']],
    ['trim, ltrim, rtrim', ' a ', ['a', 'a ', ' a']],
    ['abs, toarray', -5, [5, [-5]]],
    ['pick(.a, .b[1])', { a: 1, b: [2, 3], c: 4 }, [{ a: 1, b: [null, 3] }]],
    ['have_decnum, have_literal_numbers', null, [false, true]],
    ['add(.[] | . * 2)', [1, 2], [6]],
    ['map_values(empty), map_values(select(. > 1))', [1, 2, 3], [[], [2, 3]]],
    ['(.[] | select(. > 1)) |= empty', [1, 2, 3], [[1]]],
    ['.a |= empty', { a: 1, b: 2 }, [{ b: 2 }]],
    ['from_entries', [{ k: 'a', v: 1 }, { Name: 'b', Value: 2 }, { key: false }, { key: null, value: 3 }, { key: 4 }], [{ a: 1, b: 2, false: null, null: 3, 4: null }]],
    ['with_entries(.value += 1)', { a: 1 }, [{ a: 2 }]],
    ['splits(", *")', 'a, b,c', ['a', 'b', 'c']],
    ['[scan("(x)"; "gi")]', 'aXbx', [[['X'], ['x']]]],
    ['[gsub("(?<a>.)"; "\\(.a | ascii_upcase)", "\\(.a | ascii_downcase)", "c")]', 'aB', [['AB', 'ab', 'cc']]],
    ['gsub(""; "-"), gsub("^"; ">"), gsub("$"; "<")', 'ab', ['-a-b-', '>ab', 'ab<']],
    ['gsub("\\\\p{Lu}"; "")', 'aBcÉ', ['ac']],
    ['[match("";"g").offset]', 'ab', [[0, 1, 2]]],
    ['match("(x)?")', 'abc', [{ offset: 0, length: 0, string: '', captures: [{ offset: -1, length: 0, string: null, name: null }] }]],
    ['[match("😀|b"; "g") | [.offset, .length]]', 'a😀b', [[[1, 1], [2, 1]]]],
    ['capture("(?<y>\\\\d+)-(?<m>\\\\d+)")', 'on 2024-05', [{ y: '2024', m: '05' }]],
    ['test("A.B"; "ix"), test("a.b"; "p"), test(["A", "i"])', 'a\nb', [false, true, true]],
    ['indices(", "), index("b"), rindex("b")', 'a, b, b', [[1, 4], 3, 6]],
    ['indices(1), indices([1, 2])', [0, 1, 2, 1], [[1, 3], [1]]],
    ['@base32, (@base32 | @base32d), @base64, @uri, (@uri | @urid)', 'hé/', ['NDB2SLY=', 'hé/', 'aMOpLw==', 'h%C3%A9%2F', 'hé/']],
    ['"\'" | @html, @sh, @uri', null, ['&#39;', "''\\'''", '%27']],
    ['tojson', [1e17, 1e-5, 0.1, 1e300, -0, 123456789012], ['[1e+17,1e-05,0.1,1e+300,-0,123456789012]']],
    ['[., nan, infinite, -infinite]', 1, [[1, null, Number.MAX_VALUE, -Number.MAX_VALUE]]],
    ['[splits("b"; "gi")]', 'aBc', [['a', 'c']]],
    ['bsearch(2), bsearch(5)', [1, 2, 3], [1, -4]],
    ['[combinations(2)]', [0, 1], [[[0, 0], [0, 1], [1, 0], [1, 1]]]],
    ['walk(if type == "object" then del(.x) else . end)', [{ x: 1, y: { x: 2 } }], [[{ y: {} }]]],
    ['isvalid(.a), isvalid(error)', 1, [false, false]],
    ['getpath(["a", 0, "b"])', { a: [{ b: 5 }] }, [5]],
    ['[paths(type == "number")], [getpath(paths)]', { a: [1] }, [[['a', 0]], [[1], 1]]],
    ['tostream', { a: [1] }, [[['a', 0], 1], [['a', 0]], [['a']]]],
    ['fromstream(1 | truncate_stream([[0], 1], [[1, 0], 2], [[1, 0]], [[1]]))', null, [[2]]],
    ['toboolean', 'true', [true]],
    ['1.5 | round, ceil, floor, trunc, significand, logb', null, [2, 2, 1, 1, 1.5, 0]],
    ['last(empty)', null, [null]],
    ['JOIN({"1": "x"}; .[] | .id; tostring; .[1])', [{ id: 1 }, { id: 2 }], ['x', null]],
    ['JOIN(INDEX(.[]; .id); .id | tostring) | map(.[1].n)', [{ id: 1, n: 5 }], [[5]]],
    ['format("csv")', [1, 'a'], ['1,"a"']],
  ],
  dates: [
    ['now', null, [0]],
    ['strftime("%Y-%m-%dT%H:%M:%SZ"), todate', 1425599621, ['2015-03-05T23:53:41Z', '2015-03-05T23:53:41Z']],
    ['fromdate', '2015-03-05T23:51:47Z', [1425599507]],
    ['dateadd("seconds"; 3600) | todate', 0, ['1970-01-01T01:00:00Z']],
    ['gmtime | mktime', -1, [-1]],
    ['strptime("%d %B %Y %I:%M %p") | mktime | todate', '05 March 2015 10:15 PM', ['2015-03-05T22:15:00Z']],
    ['try strptime("%Y") catch .', 'x', ['date "x" does not match format "%Y"']],
  ],
  'errors of a type': [
    ['.a', 1, 'type: Cannot index number with string "a"'],
    ['.[0]', {}, 'type: Cannot index object with number'],
    ['.[]', 1, 'type: Cannot iterate over number (1)'],
    ['null - {}', null, 'type: null (null) and object ({}) cannot be subtracted'],
    ['. + 1', { abc: 'defghijklmnop' }, 'type: object ({"abc":"def...) and number (1) cannot be added'],
    ['1 / 0', null, 'type: number (1) and number (0) cannot be divided because the divisor is zero'],
    ['error({a: 1})', null, 'raised: (not a string): {"a":1}'],
    ['error(null)', null, 'raised: null (null) not a string'],
    ['error("x")', null, 'raised: x'],
    ['{(1, 2 | tostring): 1} | keys | error', null, 'raised: (not a string): ["1"]'],
    ['tonumber', 'x1', 'type: string ("x1") cannot be parsed as a number'],
    ['fromjson', '{', 'type: string ("{") is not valid JSON'],
    ['path(1 | .a)', null, 'type: Invalid path expression near attempt to access element "a" of 1'],
  ],
  variables: [
    ['$a + $b', null, [3]],
    ['[$a, .x, $b]', { x: 9 }, [[1, 9, 2]]],
    ['. as $a | $a', 7, [7]],
    ['map($a + .)', [1, 2], [[2, 3]]],
    ['def f: $b; f', null, [2]],
  ],
};

for (const [area, rows] of Object.entries(TABLES)) {
  describe(`programs about ${area}`, () => {
    test.each(rows)('%s on %j', (program, input, expected) => {
      expect(outputs(program, input, area === 'variables' ? { a: 1, b: 2 } : {})).toEqual(expected);
    });
  });
}

describe('an evaluation', () => {
  test('takes "now" from its budget and nowhere else', () => {
    expect(outputs('now, (now | todate)', null, {}, { ...BUDGET_DEFAULT, nowSeconds: 86_400 })).toEqual([86_400, '1970-01-02T00:00:00Z']);
  });

  test('that yields nothing is empty, and the first of many outputs is enough', () => {
    const none = compileJq('empty');
    const several = compileJq('1, error("not reached")');
    if (none.kind !== 'compiled' || several.kind !== 'compiled') throw new Error('refused');
    expect(none.program.first(null, [], BUDGET_DEFAULT)).toEqual({ kind: 'empty' });
    expect(several.program.first(null, [], BUDGET_DEFAULT)).toEqual({ kind: 'value', value: 1 });
  });

  test('never changes its input or variables, whatever it assigns', () => {
    const freeze = (value: JsonValue): JsonValue => {
      if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach((item) => freeze(item as JsonValue));
      return value;
    };
    const input = freeze({ a: [1, { b: 2 }], c: { d: [3] }, list: [{ k: 'x', n: 1 }, { k: 'y', n: 2 }] });
    const programs = [
      '.a[1].b = 5', '.a[] |= [.]', '.. |= .', '(.. | numbers) += 1', 'del(.a[0], .c.d)', '.c.d[3] = 1', '.a |= sort', '.a |= (.[0] = 9)', 'reduce .list[] as $x (.; .[$x.k] += $x.n)',
      'reduce .list[] as $x ({}; . + {($x.k): $x})', 'reduce .list[] as $x (.list; . + [$x])', '.list | map(.n += 1)', '.list |= map(.n += 1)', 'to_entries | map(.value = 1)', 'walk(if type == "array" then . + [0] else . end)',
      '(.a, .c) = $v', '.a += $v', '[paths] as $p | delpaths($p)', '.list | group_by(.k) | map(.[0].n = 7)', '(.a[1], .a) |= [., .] | .a[0][1][0].b = 3', 'pick(.a[1]) | .a[1].b = 3', 'with_entries(.value |= tostring)', 'reduce range(3) as $i (.a; .[$i] = $v) | .[0][0] = 7',
    ];
    const before = JSON.stringify(input);
    const variable = freeze([1, [2]]);
    for (const program of programs) {
      expect([program, outputs(program, input, { v: variable })]).toEqual([program, expect.any(Array)]);
      expect(JSON.stringify(input)).toBe(before);
    }
  });

  test('keeps earlier values apart from later changes made in place', () => {
    expect(outputs('reduce (1, 2) as $i ([]; . + [$i]) | ., (.[0] = 9), .')).toEqual([[1, 2], [9, 2], [1, 2]]);
    expect(outputs('[foreach (1, 2, 3) as $i ([]; . + [$i])]')).toEqual([[[1], [1, 2], [1, 2, 3]]]);
    expect(outputs('reduce (1, 2, 3) as $i ([]; . + [[.]])')).toEqual([[[[]], [[[[]]]], [[[[]], [[[[]]]]]]]]);
    expect(outputs('reduce (1, 2) as $i ({a: []}; . as $old | .a += [$i] | .old = $old)')).toEqual([{ a: [1, 2], old: { a: [1], old: { a: [] } } }]);
    expect(outputs('{a: {b: 1}} | (.a.b, .a) |= [., .] | .a[0].b[0] = 5')).toEqual([{ a: [{ b: [5, 1] }, { b: [1, 1] }] }]);
  });

  test('says what it may yield and whether its cost is small', () => {
    const report = (source: string): unknown => {
      const compiled = compileJq(source, { variables: ['k', 'all'] });
      return compiled.kind === 'compiled' ? [compiled.program.multiplicity, compiled.program.small] : compiled;
    };
    expect(['{a: (.a + 1)}', '.a.b[0].c', 'map(select(.k == $k))', '.items[].x = 1', '[.items[].price] | add', 'def f(x): map(x); f(.a)'].map(report)).toEqual(Array(6).fill(['one', true]));
    expect(['.[]', '.a?', 'empty', 'select(.a)'].map(report)).toEqual(Array(4).fill(['many', true]));
    expect(['range(3)', '..', '.items[] as $i | .items', 'def f: 1, f; f'].map(report)).toEqual(Array(4).fill(['many', false]));
    expect(['reduce .[] as $x (0; . + $x)', 'test("a")', 'map(. + $all)', '.items[].x = $all', 'def add: add; add', '[.,.]|[.,.]|[.,.]|[.,.]|[.,.]|[.,.]|[.,.]'].map(report)).toEqual(Array(6).fill(['one', false]));
  });
});

describe('inherited names are keys like any other', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'];
  const parsed = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as JsonValue;

  test.each(names)('%s is absent from an empty object and can be made in every way', (name) => {
    const key = JSON.stringify(name);
    const own = (value: JsonValue): string => JSON.stringify(value);
    expect(outputs(`[.[${key}], ."${name}", .${name}, .${name}?, has(${key}), (try getpath([${key}]) catch 1)]`, {})).toEqual([[null, null, null, null, false, null]]);
    for (const program of [`{${name}: 1}`, `{${key}: 1}`, `{(${key}): 1}`, `{} | .[${key}] = 1`, `{} | .${name} |= 1`, `{} | .${name} += 1`, `[{key: ${key}, value: 1}] | from_entries`, `{} | setpath([${key}]; 1)`, `{} + {${key}: 1}`, `{} * {${key}: 1}`, `{a: 1} | with_entries(.key = ${key})`, `{${key}: 0} | map_values(1)`, `[{id: ${key}}] | INDEX(.id) | map_values(1)`, `{${key}: 1, b: 2} | del(.b)`, `{${key}: 1, b: 2} | pick(.["${name}"])`, `1 as $x | {${key}: $x}`, `{${key}: nan} | map_values(1)`, `"x" | capture("(?<${name}>x)") | map_values(1)`]) {
      const [value] = outputs(program, null) as readonly JsonValue[];
      expect(own(value as JsonValue)).toBe(`{${key}:1}`);
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    }
  });

  test('a parsed __proto__ member is read, copied, merged, listed and removed as a member', () => {
    expect(outputs('.__proto__.polluted, .polluted, keys, has("__proto__"), length', parsed)).toEqual([true, null, ['__proto__', 'constructor'], true, 2]);
    expect(JSON.stringify(outputs('.a = 1, (. + {}), (. * {b: 1} | del(.b)), del(.__proto__), (to_entries | from_entries), walk(.), (.__proto__.x = 1)', parsed))).toBe(
      '[{"__proto__":{"polluted":true},"constructor":1,"a":1},{"__proto__":{"polluted":true},"constructor":1},{"__proto__":{"polluted":true},"constructor":1},{"constructor":1},{"__proto__":{"polluted":true},"constructor":1},{"__proto__":{"polluted":true},"constructor":1},{"__proto__":{"polluted":true,"x":1},"constructor":1}]',
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
