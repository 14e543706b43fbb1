// Programs and inputs made to hang, to exhaust memory or to overflow the stack: each ends quickly, with the right reason,
// and no `try` of the program can keep it from ending.

import { BUDGET_DEFAULT, compileJq } from './index.ts';
import type { JsonValue } from './index.ts';

/** Milliseconds; generous, since test machines are shared. On a free machine the slowest takes about 60. */
const TIME_MAX_MS = 3_000;

function reasonOf(source: string, input: JsonValue): string {
  const compiled = compileJq(source);
  if (compiled.kind === 'refused') return `refused: ${compiled.message}`;
  const started = performance.now();
  const outcome = compiled.program.all(input, [], BUDGET_DEFAULT);
  expect(performance.now() - started).toBeLessThan(TIME_MAX_MS);
  return outcome.kind === 'error' ? outcome.reason : outcome.kind;
}

function nested(levels: number): JsonValue {
  let value: JsonValue = 1;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

const FUEL: readonly string[] = [
  '[range(1e9)]', 'range(1e9) | empty', 'last(range(1e12))', 'repeat(1) | empty', 'last(repeat(.))', 'until(false; .)', 'last(while(true; .))', 'reduce range(1e9) as $i (0; . + 1)', 'last(foreach range(1e9) as $i (0; . + 1))',
  'last(recurse(.))', 'label $f | range(1e9) | select(false)', 'first(range(1e9) | select(. < 0))', 'any(range(1e9); . < 0)', 'isempty(range(1e9) | empty)', 'range(0; 1; 0)', 'range(0; 1; 1e-300)', '[limit(1e9; repeat(1))] | length',
  'nth(1e9; repeat(1))', 'skip(1e9; repeat(1))', '("a" * 40 + "b") | test("^(a+)+$")', '("a" * 40 + "b") | test("(a|a)*c$")', '("x" * 5000) | test("(x+x+)+y")', '("a" * 60) | test("(a?){60}a{60}b")', '[range(400)] | combinations(9) | empty', 'try repeat(1) catch 1 | empty', '[range(300)] | [.[] | . as $a | range(300) | . as $b | range(300)] | length', '[range(3000)] | map(. as $x | [range(3000)] | index($x)) | length', '(("ab" * 20000) | [match("(?=(a|b)*c)"; "g")])', '[range(20000)] - [range(20000) | . + 30000]', '.[range(1e9)]?',
];

const ALLOCATION: readonly string[] = [
  '"x" * 1e9', '"x" * 1e308', '.[1e9] = 1', '.[3e7] = 1', 'setpath([1e8]; 1)', '[.[1e8]] | .[0] |= . | .[1e8] = 1', 'reduce range(40) as $i ("x"; . + .)', 'reduce range(40) as $i ([1]; . + .)', 'reduce range(60) as $i ("x"; "\\(.)\\(.)")', '[limit(40; repeat("x" * 1e6))] | add', '("x" * 1e6) as $x | [range(100) | $x] | join($x)', 'reduce range(50) as $i ([0]; [.[], .[]])', '("x" * 2e6) | [., .] | map(explode) | flatten | map(. + 1)', '("x" * 3e6) | @base64 | @base64 | @base64', '("a" * 1e6) | gsub("a"; "b" * 100)', '[range(1000)] | . as $a | map($a + $a) | flatten | flatten', '("[" * 9000000) | fromjson', '("x" * 1e7) / "" | length', '[("x" * 1e6) | ., . | ascii_downcase, ascii_upcase, ., .] | map(. + .) | add | tojson | tojson', '"\\([range(500)] | map("x" * 1e5) | tojson)"', '("a" * 1e6) as $t | reduce range(200) as $i ([]; . + [$t + "b"])',
];

const DEPTH: readonly string[] = [
  'def f: f; f', 'def f: 1 + f; f', 'def f: [f]; f', 'def f: f, f; f', 'def f(g): f(g | g); f(.)', 'def f(x): x | f(x); f(.)', 'def f($a): f($a + 1); f(1)', 'def f: . as [$a] | (f, 1); f', 'def f: {a: (f, f)}; f', 'def f: try f catch f; f', 'def f: "\\(f)"; f', 'def f: path(f); f', 'def f: .a |= f; f', 'def f: reduce 1 as $x (0; f); f', 'def f: def g: f; g; f', 'recurse([.])', 'last(recurse([., 1]; true))', 'reduce range(100000) as $i (0; [.])', 'last(foreach range(100000) as $i (0; {a: .}))', 'until(false; [.])', 'last(while(true; [.]))', 'setpath([range(100000) | 0]; 1)', 'getpath([range(50000) | "a"]) = 1', '("[" * 5000 + "]" * 5000) | fromjson', 'def f: label $x | f; f', 'def f: first(f, 1); f', 'def f: any(f; .); f', 'def f: [limit(2; f, f)]; f', 'try (def f: f; f) catch "caught"', '(def f: f; f)? // 1', 'def f: walk(f); [1] | f',
];

const DEEP_INPUT: readonly string[] = ['tojson', 'tostring', '. == [1]', '[.., 1] | length', '[paths] | length', 'flatten', '[tostream] | length', 'walk(.)', '[., .] | sort', '[., .] | unique', 'reduce 1 as $x (.; .)', 'contains([[1]])', '[leaf_paths]', '.. |= .', '. * {a: 1}?', 'del(..)', '[., .] | group_by(.)', 'tojson | fromjson', '@json', '@html', '"\\(.)"', '[recurse] | length', 'map(tojson)', '[.] | index([.])', 'nan as $n | [., $n]'];

describe('programs that would run on without end run out of fuel', () => {
  test.each(FUEL)('%s', (source) => {
    expect(reasonOf(source, [])).toBe('fuel-exhausted');
  });
});

describe('programs that would fill the memory exceed their allocation', () => {
  test.each(ALLOCATION)('%s', (source) => {
    expect(['allocation-exceeded', 'fuel-exhausted']).toContain(reasonOf(source, null));
  });

  test('and what is huge at once is told from what is long', () => {
    expect(reasonOf('"x" * 1e9', null)).toBe('allocation-exceeded');
    expect(reasonOf('.[1e9] = 1', null)).toBe('allocation-exceeded');
  });
});

describe('programs that would overflow the stack exceed their depth', () => {
  test.each(DEPTH)('%s', (source) => {
    expect(['depth-exceeded', 'fuel-exhausted', 'allocation-exceeded']).toContain(reasonOf(source, null));
  });

  test('plain recursion without end is told as such', () => {
    expect(['def f: f; f', 'def f: [f]; f', 'reduce range(100000) as $i (0; [.])'].map((source) => reasonOf(source, null))).toEqual(Array(3).fill('depth-exceeded'));
  });

  test('a value nested deeply comes in and goes out, but is not walked beyond the depth', () => {
    const deep = nested(100_000);
    expect(reasonOf('.a[0]?', deep)).toBe('values');
    for (const source of DEEP_INPUT) expect([source, reasonOf(source, deep)]).toEqual([source, expect.stringMatching(/^(depth-exceeded|fuel-exhausted|allocation-exceeded|values|type)$/)]);
    for (const source of ['tojson', '..', '"\\(.)"', '[paths]']) expect([source, reasonOf(source, deep)]).toEqual([source, 'depth-exceeded']);
  });
});

describe('spent budgets cannot be caught', () => {
  test.each(['try last(repeat(1)) catch "caught"', '(repeat(1) | empty)?', 'last(range(1e9)) // 1', 'isvalid(last(range(1e9)))', '. as [$a] ?// $a | last(range(1e9))', 'label $f | try last(range(1e9)) catch break $f', 'first(last(range(1e9))?, 1)', 'any(last(range(1e9)), true; .)', 'path(last(range(1e9))?)', '[.[last(range(1e9))]?]', 'def f: try last(range(1e9)) catch f; f'])('%s', (source) => {
    expect(reasonOf(source, [])).toBe('fuel-exhausted');
  });

  test('neither allocation nor depth', () => {
    expect(['try ("x" * 1e9) catch 1', '("x" * 1e9)? // 1', 'isvalid("x" * 1e9)'].map((source) => reasonOf(source, null))).toEqual(Array(3).fill('allocation-exceeded'));
    expect(['try (def f: f; f) catch 1', '(def f: [f]; f)? // 1', 'isvalid(def f: [f]; f)'].map((source) => reasonOf(source, null))).toEqual(Array(3).fill('depth-exceeded'));
  });
});

describe('large objects cost what JavaScript takes to list them', () => {
  const big = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key${i}`, i]));
  test.each(['last(range(1e6) as $i | try error(1) catch length)', 'last(range(1e6) as $i | length)', 'last(range(1e6) as $i | try (. + 1) catch .)', '. as $big | last(range(1e6) | first($big[]))', '. as $big | last(range(1e6) | . == $big)', '. as $big | last(range(1e6) | $big == {})', 'last(range(1e6) as $i | .a = 1)', 'last(range(1e6) as $i | [first(tostream)])', 'last(range(1e6) as $i | first(paths))', 'last(range(1e6) as $i | . + {a: 1})', 'last(range(1e6) as $i | . * {a: 1})', 'last(range(1e6) as $i | "\\($i)" | [.] | {a: .})'])('%s', (source) => {
    expect(['fuel-exhausted', 'allocation-exceeded']).toContain(reasonOf(source, big));
  });
});

describe('strings beyond what the engine holds', () => {
  test('are refused before they are made, whatever the budget', () => {
    const compiled = compileJq('("x" * 1e8) as $x | ([range(20) | $x] | add), "\\($x)\\($x)\\($x)\\($x)\\($x)\\($x)", ([range(20) | $x] | join($x)), reduce range(20) as $i (""; . + $x)');
    if (compiled.kind !== 'compiled') throw new Error(compiled.message);
    expect(compiled.program.all(null, [], { ...BUDGET_DEFAULT, allocation: Infinity, fuel: Infinity })).toMatchObject({ reason: 'allocation-exceeded' });
  });
});

describe('depth is given back', () => {
  test('when a consumer stops early, when an error is caught and when a label is left', () => {
    const deep = JSON.stringify(nested(200));
    const sources = ['[range(500) as $i | first(paths)]', '[range(60) as $i | first(tostream)]', '[range(500) as $i | first(.. | numbers)]', '[range(500) as $i | try (.. | numbers | error) catch 1]', '[range(500) as $i | label $f | .. | numbers | break $f]', 'def f: if . > 100 then error("deep") else . + 1 | f end; [range(300) as $i | try (0 | f) catch 1]', '[range(500) as $i | isempty(..)]', '[range(500) as $i | any(..; true)]', '[range(500) as $i | (.. | numbers | error)?, 1]', '[range(500) as $i | . as [$a] ?// $a | 1]', '[range(500) as $i | isvalid(.. | error)]'];
    for (const source of sources) expect([source, reasonOf(source, JSON.parse(deep) as JsonValue)]).toEqual([source, 'values']);
  });
});

describe('a budget is spent the same every time', () => {
  test('and a program that fits a budget exactly does not fit one less', () => {
    const compiled = compileJq('[range(20)] | map(select(. % 3 == 0) | tostring + "x") | join(",") | test("1[58]x")');
    if (compiled.kind !== 'compiled') throw new Error(compiled.message);
    const fits = (fuel: number): boolean => compiled.program.first(null, [], { ...BUDGET_DEFAULT, fuel }).kind === 'value';
    let low = 0;
    let high = 100_000;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (fits(middle)) high = middle;
      else low = middle;
    }
    expect([fits(high), fits(high - 1), fits(high), fits(high - 1)]).toEqual([true, false, true, false]);
    expect(high).toBeGreaterThan(100);
  });
});
