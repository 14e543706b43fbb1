// Programs for the comparison with the real jq, made by grammars from a seed, one grammar an area.
//
// 1. An expression has a kind (number, text, list, object, truth), so that most programs do more than fail.
// 2. What jq 1.6 is known to do otherwise (README, "Differences") is left out: it would say nothing new.

import fc from 'fast-check';

import type { JsonValue } from './json-value.ts';

export interface GeneratedArea {
  readonly area: string;
  readonly inputs: readonly JsonValue[];
  readonly programs: readonly string[];
}

type Kind = 'number' | 'text' | 'list' | 'object' | 'truth' | 'path' | 'regex';
type Expression = fc.Arbitrary<string>;
type Grammar = { readonly [kind in Kind]: Expression };

/** Longest program taken. */
const PROGRAM_CHARACTERS_MAX = 300;
/** Programs sampled of each area; doubles are dropped. */
const SAMPLES = 420;

const INPUTS: readonly JsonValue[] = [
  { n: 3, s: 'abc', t: 'Foo bar', l: [3, 1, 2, 1], o: { a: 1, b: [2, { c: 'x' }] }, e: [], z: null, ll: [[1, 2], [3]], ss: ['b', 'a', 'B'], os: [{ k: 'x', v: 1 }, { k: 'y', v: 2 }, { k: 'x', v: 3 }] },
  { n: -1.5, s: '', t: 'é 😀', l: [], o: {}, e: [null, false], z: 0, ll: [[]], ss: [], os: [] },
];

/** The template with the values in the places of its `_`, in turn. */
function filled(template: string, values: readonly string[]): string {
  const rest = [...values];
  return template.replace(/(?<![A-Za-z0-9_])_(?![A-Za-z0-9_])/g, () => rest.shift() ?? 'null');
}

const grammar = (): Grammar =>
  fc.letrec<Record<Kind, string>>((tie) => {
    const [number, text, list, object, truth, regex] = (['number', 'text', 'list', 'object', 'truth', 'regex'] as const).map((kind) => tie(kind) as Expression) as [Expression, Expression, Expression, Expression, Expression, Expression];
    // With an anchor jq 1.6 replaces one match after another.
    const anywhere = fc.constantFrom('"a"', '"[a-z]+"', '"o+"', '"x|b"', '"[^,]*,"', '"(a)(b)?"', '"é"', '"[[:upper:]]"');
    const of = (template: string, ...parts: readonly Expression[]): Expression => fc.tuple(...parts).map((values) => filled(template, values));
    const one = (leaves: readonly string[], ...more: readonly Expression[]): Expression => fc.oneof({ maxDepth: 3, depthSize: 'small' }, fc.constantFrom(...leaves), ...more);
    const each = (templates: readonly string[], ...parts: readonly Expression[]): Expression => fc.constantFrom(...templates).chain((template) => of(template, ...parts));
    return {
      number: one(
        ['0', '1', '2', '3', '-1', '10', '2.5', '$d.n', '($d.l|length)'],
        each(['(_ + _)', '(_ - _)', '(_ * _)', '([_, _] | min)', '([_, _] | max)'], number, number),
        each(['(_ | floor)', '(_ | fabs)', '(_ | ceil)', '(-(_))', '(_ | round)', '(_ | tostring | tonumber)', '(_ | tojson | fromjson)'], number),
        each(['(_ | length)', '(_ | add // 0 | if type == "number" then . else 0 end)', '(_ | map(numbers) | add // 0)', '(reduce (_[]) as $x (0; . + 1))', '(_ | first(.[]?) // 0 | numbers // 1)', '(_ | index(1) // -1)'], list),
        each(['(_ | length)', '(_ | utf8bytelength)', '(_ | explode | add // 0)', '(_ | index("a") // 0)'], text),
        each(['(_ | length)', '(_ | keys | length)', '([_ | .[] | numbers] | add // 0)'], object),
        of('(if _ then _ else _ end)', truth, number, number),
        of('(_ as $v | $v + _)', number, number),
      ),
      text: one(
        ['""', '"a"', '"b c"', '"Foo"', '"é"', '$d.s', '$d.t', '"x,y,,z"', '"aXbX"'],
        each(['(_ + _)', '([_, _] | join("-"))', '(_ | ltrimstr(_))', '(_ | rtrimstr(_))', '"<\\(_)|\\(_)>"'], text, text),
        each(['(_ | ascii_downcase)', '(_ | ascii_upcase)', '(_ | explode | reverse | implode)', '(_ | @base64)', '(_ | @base64 | @base64d)', '(_ | @json)', '(_ | tojson)', '(_ | .[1:])', '(_ | .[:-1])', '(_ | .[1:2])', '(_ | split("") | sort | join(""))'], text),
        each(['(_ | tostring)', '(_ | tojson)', '"n=\\(_)"', '(_ | @text)'], number),
        each(['(_ | tojson)', '(_ | map(tostring) | join(","))', '(_ | map(strings) | join("/"))', '(_ | map(numbers, strings) | @csv)', '(_ | map(scalars) | @sh)'], list),
        each(['(_ | tojson)', '(_ | keys | join("+"))', '(_ | to_entries | map(.key) | join(""))'], object),
        of('(_ | sub(_; "!"))', text, regex),
        of('(_ | gsub(_; "<" + "x" + ">"))', text, anywhere),
      ),
      list: one(
        ['[]', '[1]', '[1,2,3]', '["a",1,null]', '$d.l', '$d.ll', '$d.ss', '$d.os', '$d.e', '[range(4)]'],
        each(['(_ + _)', '(_ - _)', '([_, _] | flatten)', '([_, _] | transpose)', '[_[], _[]]'], list, list),
        each(['(_ | reverse)', '(_ | sort)', '(_ | unique)', '(_ | map(.))', '(_ | map(tojson))', '(_ | map([.]))', '(_ | flatten(1))', '(_ | .[1:])', '(_ | .[:-1])', '(_ | group_by(type))', '(_ | sort_by(tojson))', '(_ | unique_by(type))', '[_ | paths]', '[_ | .. | scalars]', '(_ | to_entries)', '[_ | tostream]', '(_ | map(select(. != null)))', '[limit(2; _[])]', '[_ | recurse | numbers]', '[_[] as $x | $x | type]', '[label $f | _[] | if . == 2 then break $f else . end]', '[foreach _[] as $x (0; . + 1; [., $x])]', '(reduce _[] as $x ([]; [$x] + .))', '(_ | del(.[0]))', '(_ | del(.[-1]))', '(_ | walk(if type == "number" then . + 1 else . end))', '(_ | to_entries | map(.value))', '(_ | map(values))', '[_ | .[]? | .[]?]', '[_ | while(length > 0; .[1:])]', '(_ | until(length < 2; .[1:]))', '[_ | first(.[]), last(.[])]', '(_ | any, all | [.])', '(_ | indices(1))', '(_ | map(in([0,1,2])?))', '(_ | inside([1,2,3,"a",null]) | [.])', '(_ | . as [$a, $b] | [$b, $a])', '(_ | . as [$a] ?// {k: $a} | [$a])'], list),
        each(['(_ | keys)', '(_ | to_entries)', '[_ | .[]]', '[_ | paths]', '[_ | leaf_paths]', '[_ | tostream]', '[_ | getpath(["b", 0])?]'], object),
        each(['(_ | split(","))', '(_ | explode)', '(_ | split("X"))', '[_ | ascii_downcase, ascii_upcase]', '(_ / "b")'], text),
        each(['[_ | match(_; "g") | [.offset, .length, .string]]', '[_ | scan(_)]', '[_ | test(_), test("a"; "i")]', '(_ | [splits(_)])', '[_ | match(_) | .captures | map([.name, .string, .offset])]', '[_ | capture(_)]'], text, regex),
        each(['[range(_)] | .[:6]', '[range(0; _; 2)] | .[:5]'].map((made) => `(${made})`), number),
        of('[_, _]', number, text),
      ),
      object: one(
        ['{}', '{a:1}', '{"x y": [1]}', '$d.o', '{a:{b:{c:2}}}', '{b:2,a:1}'],
        each(['(_ + _)', '(_ * _)', '{p: _, q: _}'], object, object),
        each(['(_ | with_entries(.value |= tojson))', '(_ | to_entries | from_entries)', '(_ | map_values(tojson))', '(_ | del(.a))', '(_ | with_entries(select(.key > "a")))', '(_ | .new = 1)', '(_ | .a |= [.])', '(_ | walk(.))', '(_ | {a, b: .c?})', '(. as $q | _ | {q: ($q | type)})', '(_ | delpaths([["a"], ["b", 0]]))', '(_ | . as {a: $x} | {$x})', '(_ | fromstream(tostream))', '(_ | setpath(["a"]; 7))', '(_ | to_entries | map({(.key): .value}) | add // {})'], object),
        each(['{("k" + _): 1}', '({} | .["k" + _] = 2)'], text),
        each(['(reduce _[] as $x ({}; .["k" + ($x | tojson)] += 1))', '(_ | to_entries | map({key: "k\\(.key)", value}) | from_entries)', '(_ | map({("k" + tojson): type}) | add // {})'], list),
        each(['{n: _}', '({a: 1} | .a += _)', '({a: 2} | .a *= _)', '({} | .a.b = _)', '({a: [1, 2]} | .a[] -= _)', '({a: null} | .a //= _)'], number),
      ),
      truth: one(
        ['true', 'false', '($d.z | not)', '($d.e | any)'],
        each(['(_ and _)', '(_ or _)', '([_, _] | all)'], truth, truth),
        of('(_ | not)', truth),
        each(['(_ < _)', '(_ == _)', '(_ >= _)'], number, number),
        each(['(_ == _)', '(_ < _)', '(_ | contains(_))', '(_ | startswith(_))', '(_ | endswith(_))', '(_ | inside(_))'], text, text),
        each(['(_ == _)', '(_ <= _)', '(_ | contains(_))'], list, list),
        each(['(_ | has("a"))', '(_ | isempty(.[]))', '(_ | any(. == 1))', '(_ | all(type == "number"))'], object),
        of('(_ | has(0))', list),
      ),
      path: one(
        ['.n', '.s', '.l', '.o', '.l[0]', '.l[1:]', '.o.a', '.o.b', '.os[0].k', '.os[].v', '.ll[][0]?', '.l[]', '.new', '.e[0]', '.ss[-1:]', '.o["a","zz"]', '.o[]', '.l[:2]', '.l | first(.[])', '.os | .[] | select(.k == "x") | .v', 'getpath(["o", "b"])', '.o | to_entries | .[0]?', '(.n, .s)', '(.new // .n)', 'if .n > 0 then .s else .t end', '.. | numbers', '.l | recurse(if type == "array" then .[]? else empty end) | numbers', 'paths as $p | select($p == ["o", "a"]) | getpath($p)', '.l[0], .l[1]', 'limit(1; .os[])'],
        fc.constantFrom('.o', '.ll', '.os').map((made) => `${made} | .[0]?`),
      ),
      regex: fc.constantFrom('"a"', '"[a-z]+"', '"(?<x>[A-Za-z])"', '"\\\\s"', '"^."', '"o+"', '"x|b"', '"[^,]*,"', '"(a)(b)?"', '"\\\\w+$"', '"é"', '"[[:upper:]]"', '"(?i)foo"', '"."'),
    };
  }) as unknown as Grammar;

/** Programs on paths: read, list, assign, update and delete. */
function pathPrograms({ path, number, object, list }: Grammar): Expression {
  const of = (templates: readonly string[], ...parts: readonly Expression[]): Expression => fc.tuple(fc.constantFrom(...templates), ...parts).map(([template, ...values]) => filled(template, values));
  return fc.oneof(
    of(['[_]', '[path(_)]', '[(_) | type]', '[(_)? // "none"]', 'try del(_) catch "E"', 'try ((_) |= [.]) catch "E"', 'try ((_) |= tojson) catch "E"', 'try [paths == path(_)] catch "E"', 'try (to_entries | map(.value) | [.[] | (_)?]) catch "E"', 'try ([path(_)] | map(length)) catch "E"', 'try delpaths([path(_)]) catch "E"', 'try (reduce path(_) as $p (.; setpath($p; "set"))) catch "E"', '[(_) as $v | $v | tojson]', 'try ((_) = null) catch "E"'], path),
    of(['. as $d | try ((_) = _) catch "E"', '. as $d | try ((_) += _) catch "E"', '. as $d | try ((_) -= _) catch "E"', '. as $d | try ((_) //= _) catch "E"'], path, number),
    of(['. as $d | try ((_) = _) catch "E"', '. as $d | try ((_) |= _) catch "E"'], path, object),
    of(['. as $d | try ((_) |= _) catch "E"', '. as $d | try ((_) += _) catch "E"'], path, list),
    of(['try ((_) |= (_)) catch "E"', 'try ([_] + [_]) catch "E"', 'try del((_), (_)) catch "E"'], path, path),
  );
}

/** Programs with functions of their own, closures and control. */
function controlPrograms({ number, text, list, truth, object }: Grammar): Expression {
  const of = (templates: readonly string[], ...parts: readonly Expression[]): Expression => fc.tuple(fc.constantFrom(...templates), ...parts).map(([template, ...values]) => `. as $d | ${filled(template, values)}`);
  return fc.oneof(
    of(['def f(g): [g, g]; f(_ | .)', 'def f($a): $a + 1; f(_)', 'def f: if . > 20 then . else (. * 2 + 1 | f) end; (_ | fabs) | f', '[range(3) | . + _]', '_ as $x | [$x, ($x | . as $y | $y * 2)]', 'def f(a; $b): a + $b; f(_; 1)', '[_ | ., 1 | select(. > 0)]', 'reduce range(4) as $i (_; . + $i)', '[foreach range(4) as $i (_; . - $i; [$i, .])]', '[limit(3; _ | recurse(. + 1))]', '[_ | while(. < 9 and . > -20; . * 2 + 1)]', 'def z($x; f): $x | f; z(_; . * 3)'], number),
    of(['[_[] | try (if type == "number" then error("n") else . end) catch .]', '[_[] as $x | try ($x | keys) catch "E"]', '_ as [$a, [$b]] | [$a, $b]', '[_ | .[]? | numbers, strings]', '[first(_[]), isempty(_[])]', '_ | . as [$h] | [$h, length]', 'def m(f): [.[] | f]; _ | m(type)', '[_[] | select(type == "number" or type == "string")] | sort', '[.[]? as $y | _ | length]', '[label $a | label $b | _[] | if . == 1 then break $b else ., 0 end]', '_ | [.[:1], .[1:]] | map(length)', '[_ | .[] | (.k? // "none")]', '_ | [paths(type == "number")]', '_ | [splits("a")?]', '[_ | combinations? ] | .[:3]', '_ | input_line_number? // 0'].filter((made) => !made.includes('input_line_number')), list),
    of(['if _ then 1 elif _ then 2 else 3 end', '[if (_, _) then "y" else "n" end]', '[(_, _) | not]', '[(_ and _), (. == null)]'], truth, truth),
    of(['[_, (try error(_) catch .)]', '_ | [., length] | _', '[_ | (explode | implode), _]'], text, text),
    of(['_ | [to_entries[] | "\\(.key)=\\(.value | tojson)"]', '_ | with_entries(.key |= "k" + .)', '[_ | .. | type]', '_ | [keys[] as $k | {k: $k, v: .[$k]}]', '_ as {a: $x, b: [$y]} | [$x, $y]', '_ as {$a} | [$a]', '_ | tojson | fromjson', '_ | [recurse | scalars]', '[_ | objects, arrays | length]'], object),
  );
}

/** The same programs for the same seed, at least a thousand. */
export function generatedAreas(seed: number): readonly GeneratedArea[] {
  const made = grammar();
  const bound = (expression: Expression): Expression => expression.map((program) => `. as $d | ${program}`);
  const areas: readonly (readonly [string, Expression])[] = [
    ['numbers', bound(made.number)],
    ['texts', bound(made.text)],
    ['lists', bound(made.list)],
    ['objects', bound(made.object)],
    ['truth', bound(made.truth)],
    ['paths and assignment', pathPrograms(made)],
    ['control and functions', controlPrograms(made)],
  ];
  return areas.map(([area, expression], index) => ({
    area,
    inputs: INPUTS,
    programs: [...new Set(fc.sample(expression, { numRuns: SAMPLES, seed: seed + index }))].filter((program) => program.length <= PROGRAM_CHARACTERS_MAX),
  }));
}
