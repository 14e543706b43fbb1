// Programs for the comparison with the real jq, by area: each is run on every input of its table.

import type { JsonValue } from './json-value.ts';

export interface CaseTable {
  readonly area: string;
  readonly inputs: readonly JsonValue[];
  readonly programs: readonly string[];
}

const ORDER: JsonValue = { id: 7, customer: { name: 'Ada', tags: ['vip', 'eu'] }, lines: [{ sku: 'a', qty: 2, price: 1.5 }, { sku: 'b', qty: 1, price: 10 }], note: null };

const ANYTHING: readonly JsonValue[] = [null, true, false, 0, -1.5, 1e17, '', 'abc', 'aé😀b', [], [1, 2, 3], [[1], [2, [3]]], {}, { a: 1, b: [1, { c: 'x' }] }];

export const CASE_TABLES: readonly CaseTable[] = [
  {
    area: 'paths',
    inputs: [...ANYTHING, ORDER],
    programs: [
      '.', '.a', '.a?', '.["a"]', '."a"', '.a.b', '.a?.b?', '.[0]', '.[0]?', '.[-1]?', '.[1.7]?', '.[]', '.[]?', '..', '[..]', '.[1:]', '.[1:]?', '.[:2]?', '.[:-1]?', '.[1:2]?', '.[-2:]?',
      '.[1.2:3.5]?', '.["a","b"]?', '.[0,1]?', '.[null]?', '.[true]?', '.[{}]?', '.[[1]]?', '[.[]?|.[]?]', '.b[1].c?', '.customer.name?', '.lines[0].sku?', '.lines[]?.qty?', '.lines|length?', 'try .lines[].sku catch .',
      'try .[0] catch .', 'try .a catch .', 'try .[] catch .', '.a//"none"', '(.a?)//"none"', '[.[]? // "x"]', 'try (.[1:]) catch .', 'try has("a") catch .', 'try has(0) catch .',
      '[paths]', '[paths(type == "number")]', '[leaf_paths]', '[path(..)]', 'try [path(.a[0].b)] catch .', 'try path(.a | 1) catch .', 'try [path(.[]?)] catch .', 'try getpath(["a","b"]) catch .', 'try getpath([0,0]) catch .',
      'try [path(first(.[]?))] catch .', 'try [path(if .a? then .a else .b? end)] catch .', 'try [path(.a // .b)] catch .', 'try [path(getpath(["a","b"]))] catch .', 'try [path(.[1:]?)] catch .', 'try [path(select(.a?))] catch .',
      'try [path(recurse)] catch .', '[recurse]', '[recurse(.[]?; . != 2)]', 'try [path(limit(1; .[]?))] catch .', 'try (path(1)) catch .', 'try path(empty) catch .', '[.. | numbers]', '[..|strings]', 'try first catch .', 'try last catch .', 'try nth(1) catch .',
    ],
  },
  {
    area: 'arithmetic',
    inputs: ANYTHING,
    programs: [
      'try (. + 1) catch .', 'try (. + null) catch .', 'try (. + "x") catch .', 'try (. + [9]) catch .', 'try (. + {z:1}) catch .', 'try (. - 1) catch .', 'try (. - [1]) catch .', 'try (. * 2) catch .', 'select(. != 1e17) | try (. * "ab") catch .', 'try (. * {b:{c:1}}) catch .',
      'try (. / 2) catch .', 'try (. / "b") catch .', 'try (. % 2) catch .', 'try (-.) catch .', 'try (1 - .) catch .', 'try (. + .) catch .', 'try (. * .) catch .', '[. == 0, . != 0, . < 0, . <= 0, . > 0, . >= 0]', '[. == null, . < "b", . < [2], . < {a:2}]',
      '[., 1, "a", null, [0], {}] | sort', '[(1,2) + (10,20)]', '[(1,2) * (3,4)]', '[(1,2) - (1,2)]', '1 + 2 * 3 - 4 / 2 % 3', '-1 + 2', '-(1 + 2)', '2 - 1 - 1', '[1,2] - [2]', '5 % 3, -5 % 3, 5 % -3, 5.9 % 3', '[.1 + .2, 1e3, 1.5e-7, 123456789012, 0.1, 100, 1e15, 1e16, 1e17, 1.1e17, 1e-5, 12345.678]',
      'try (1 % 0) catch .', '1e1000, -1e1000', '[nan] | tojson', '[infinite, -infinite, nan] | tojson', 'nan < nan, nan == nan', '. and true', '. or false', 'not', '[true, false | not]', '(true, false) and (true, false)', '(true, false) or (true, false)', '1 == 1.0', '"a" < "b", "a" < "aa", "é" > "z"', '{"a":1,"b":2} == {"b":2,"a":1}', '{"a":2} < {"a":1,"b":0}', '{"b":1} < {"a":2}',
    ],
  },
  {
    area: 'construction',
    inputs: [null, 3, { a: 1, b: [1, 2], c: { d: 'x' } }],
    programs: [
      '[]', '{}', '[1,2]', '[.,.]', '[.[]?]', '{a:1}', '{"a":1}', '{"a b":1}', '{a}?', 'try {a, b} catch .', '{(("x","y")):1}', '{a:(1,2), b:(3,4)}', '{"x\\(1+1)":.}', '. as $v | {$v}', '{a:1,a:2}', 'try {(.):1} catch "bad key"', '{if:1, then:2, and:3}', '{"a":.|type}', '"x\\(.)y"', '"\\(1,2) \\(3,4)"',
      '"a\\tb\\n\\"\\\\\\/\\u00e9\\ud83d\\ude00"', '@json "v=\\([.])"', '@csv "\\([1,"a\\"b",null,true])"', '@tsv "\\([1,"a\\tb"])"', '@html "<\\("<&>\\"")>"', '@uri "\\("a b/é?")"', '@sh "echo \\("it\'s")"', '@base64 "\\("héllo")"', '@text "\\([1])"', '[1,"a",null,2.5]|@csv,@tsv,@sh,@json,@text', 'try ([[1]]|@csv) catch .', 'try ({}|@csv) catch .', 'try ({}|@sh) catch .',
      '"aGk="|@base64d', '"aGk"|@base64d', '"hello"|@base64|@base64d', '[1,[2,{"a":3}]]|tojson,tostring', '"x"|tojson,tostring', '{"a":[1,2,{"b":null}]}|tojson', '[range(3)|{i:.}]', '{a:{b:{c:1}}}.a.b.c', '[[1,2],[3,4]][][0]', '{"k":1}["k"]', '[1,2,3][1:]', '{(1,2|tostring):0}', '[{a:1}|.a,.b]',
    ],
  },
  {
    area: 'control',
    inputs: [null, 0, 5, [1, 2, 3], { a: false, b: 1 }],
    programs: [
      'if . then 1 else 2 end', 'if . == 0 then "zero" elif . == 5 then "five" else "other" end', 'if (true,false) then 1 else 2 end', 'if empty then 1 else 2 end', '.a? // .b? // "d"', '[false, null, 1, 2] | [.[] // 9]', '(false, null) // 3', '(1, null, 2) // 3', 'empty // 1', 'error("x") // 1', '(1, error("x")) // 2', '[(false, error("x")) // 2]', 'first(empty) // "e"', '1 // error("no")',
      'try error("x") catch .', 'try error({a:1}) catch .a', '[.[]?, 1]', 'try (1, error("x"), 3) catch .', '[(1, error("x"), 3)?]', '.a?', 'values | try error catch .', 'try ([1] | error) catch .', 'error("x")?', 'try (try error("x") catch error("y")) catch .', '[.[]? | try (if . == 2 then error("two") else . end) catch "caught"]',
      'reduce range(5) as $i (0; . + $i)', 'reduce (.[]?) as $x (0; . + 1)', 'reduce range(3) as $i ([]; . + [$i * 2])', 'reduce empty as $x (7; 1)', 'reduce (1,2) as $x (0, 10; . + $x)', 'reduce range(5) as $x (0; empty)', 'reduce ([1,2],[3,4]) as [$a,$b] (0; . + $a * $b)',
      '[foreach range(5) as $i (0; . + $i)]', '[foreach range(5) as $i (0; . + $i; [$i, .])]', '[foreach (1,2,3) as $x (0; $x; ., 10)]', '[foreach range(5) as $x (0; if $x==2 then empty else .+$x end)]', '[foreach range(3) as $x (0, 100; . + $x)]',
      '[label $out | 1, break $out, 2]', '[label $a | (1, 2) | (label $b | ., break $a)]', '[range(10) | label $x | if . > 2 then break $x else . end]', '[label $f | range(10) | ., (select(. == 3) | break $f)]', '. as $x | [$x, 1]', '. as [$a, $b] | [$b, $a]?', '[[1,2],[3,4]] | .[] as [$a,$b] | {a:$a,b:$b}', '{"a":1,"b":[2,{"c":3}]} as {a:$x, b:[$y,{c:$z}]} | [$x,$y,$z]', '{"a":1} as {"a":$x} | $x', '{"a":1} as {$a} | $a', '{"k":"a","a":5} as {k:$k} | $k', '{"a":1,"b":2} as {("a","b"):$x} | $x', '[[1,2]] as [[$a]] | $a', '[1] as [$a,$b] | [$a,$b]', '[[1,2]] | .[] as [$a] ?// $a | [$a]', '1 as $x | 2 as $y | [$x,$y,$x]', '1 as $x | (2 as $x | $x), $x', '[1,2,3] | . as [$h] | $h',
      'def f: . + 1; 1 | f | f', 'def f(x): x * 2; f(1,2)', 'def f($a): $a + 1; f(5)', 'def f($a; $b): $a + $b; [f(1,2; 10,20)]', 'def f(g): [g, g]; 3 | f(. + 1)', 'def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; 5 | fac', 'def fib: if . < 2 then . else (. - 1 | fib) + (. - 2 | fib) end; 10 | fib', 'def f(x): x | x; 2 | f(. * .)', 'def a: 1; def b: a + 1; b', 'def f: def g: 3; g * 2; f', 'def f(x): def g: x; [g, g]; f(1,2)', 'def f: 1; def g: f; def f: 2; g, f', 'def r(n): if n > 0 then n, r(n - 1) else empty end; [r(4)]', 'def f($x): $x | . as $y | $x + $y; f(3)', 'def f(a; b): a + b; f(1; 2)', 'def f(x): . as $d | [1,2] | map(x + $d); 10 | f(.)', 'def map(f): "mine"; map(1)', 'def walk2(f): if type == "array" then map(walk2(f)) | f else f end; [1,[2]] | walk2(if type == "number" then . + 1 else . end)', 'def f(g): def h: g | g; h; 3 | f(. + 1)', '[limit(3; def n: ., (. + 1 | n); 0 | n)]',
      '[.[]? as $x | $x * 2]', '[first(range(10))]', '[limit(3; range(10))]', '[limit(1; 1, error("x"))]', 'first(1, error("x"))', 'isempty(empty), isempty(1)', '[nth(2; range(10))]', '[nth(0, 2; range(10))]', 'last(range(5))', '[last(empty)]', '[1 | until(. > 100; . * 2)]', '[1 | while(. < 50; . * 2)]', '[.[]? | select(. > 1)]', 'any, all?', 'try any catch "no"', '[true, false] | any, all', '[] | any, all', '[1,2,3] | any(. > 2), all(. > 0)', 'any(range(10); . == 3), all(range(10); . < 5)',
    ],
  },
  {
    area: 'arrays and objects',
    inputs: [[], [3, 1, 2], [{ a: 2, b: 'y' }, { a: 1, b: 'x' }, { a: 2, b: 'z' }], [[1, [2]], [3]], ['b', 'a', null, 'c'], { b: 2, a: 1 }, { x: { y: 1 } }, [null, true, false, 1, 'a', [1], { a: 1 }]],
    programs: [
      'length', 'keys', 'keys_unsorted', 'add', 'try (map(. + 1)) catch .', 'try map(.a) catch .', 'map_values(.)', 'try map_values(. + 1) catch .', '[.[] | type]', 'to_entries', 'objects | try with_entries(.value |= tostring) catch .', 'objects | to_entries | from_entries', 'with_entries(select(.key == "a"))?', 'try sort catch .', 'try sort_by(.a) catch "bad"', 'try sort_by(.a, .b) catch "bad"', 'try sort_by(-.a) catch "bad"', 'try group_by(.a) catch "bad"', 'try unique catch "bad"', 'try unique_by(.a) catch "bad"', 'try unique_by(length) catch "bad"', 'try min catch "bad"', 'try max catch "bad"', 'try min_by(.a) catch "bad"', 'try max_by(.a) catch "bad"', 'arrays | reverse', 'try flatten catch .', 'try flatten(1) catch .', 'try flatten(-1) catch .', 'try join(",") catch "bad"', 'try (map(tostring) | join("-")) catch .', 'try transpose catch "bad"',
      'contains([])?', 'contains({})?', 'try contains([1]) catch .', 'try contains({a:1}) catch .', 'try contains(["a"]) catch .', 'try inside([1,2,3,4]) catch .', 'has("a")?', 'has(0)?', 'try (["a","b"] | map(in({"a":1}))) catch .', 'try index(1) catch "bad"', 'try indices(1) catch "bad"', 'try indices([1]) catch "bad"', 'try rindex("a") catch "bad"', 'del(.[0])?', 'del(.a)?', 'try del(.[0,2]) catch .', 'try del(.[]) catch .', 'try del(.[1:]) catch .', 'try del(.[-1]) catch .', 'del(..)', 'try delpaths([["a"],["b"]]) catch .', 'try delpaths([[0],[1]]) catch .', 'try setpath(["a"]; 1) catch .', 'try setpath([0]; 1) catch .', 'try setpath([]; 1) catch .', 'try setpath(["x","y","z"]; 1) catch .', 'try getpath(["x","y"]) catch .', '[tostream]', 'fromstream(tostream)', '[1 | truncate_stream([[0],1],[[1,0],2],[[1,0]],[[1]])]', '[.[]?] | length', 'walk(if type == "number" then . + 1 else . end)', 'walk(if type == "array" then sort else . end)', 'try (map(select(. != null))) catch .', 'try ([.[] | select(type == "number")] | add) catch .', '[.[] | scalars]', '[.[] | iterables]', '[.[]|arrays,objects,booleans,nulls,values]', 'try combinations catch "bad"', 'first, last?', 'try (.[0] = 9) catch .', 'try (.a = 9) catch .', 'try tojson catch .', 'try ([.[] | length]) catch .', 'IN([], {})', 'try (.[0] | IN(1, 2, 3)) catch "bad"', 'try INDEX(.a) catch "bad"', 'splits("a")?', 'any(.[]; . == 1)', 'all(.[]; . != 5)', 'try (map({(.b): .a}) | add) catch "bad"', 'try (group_by(.a) | map({a: .[0].a, n: length})) catch "bad"', '. as $all | [range(length)] | map($all[.]?)', 'try (reduce .[] as $x ({}; .[$x.b] += $x.a)) catch "bad"', 'try (map(has("a"))) catch "bad"', 'try (to_entries | map("\\(.key)=\\(.value)") | join("&")) catch .', 'try ([splits(",")]) catch "bad"', 'try (.[1:] = ["x"]) catch .', 'try (.[1:] |= map(1)) catch "bad"',
    ],
  },
  {
    area: 'assignment',
    inputs: [null, { a: 1, b: [1, 2, 3] }, [1, [2, 3]], { a: { b: { c: 5 } } }],
    programs: [
      'try (.a = 2) catch .', 'try (.a |= 5) catch .', 'try (.a |= (. // 0) + 1) catch .', 'try (.a += 1) catch .', 'try (.a -= 1) catch .', 'try (.a *= 3) catch .', 'try (.a /= 2) catch .', 'try (.a %= 2) catch .', 'try (.a //= 7) catch .', 'try (.z //= 7) catch .', 'try (.b[0] = 9) catch .', 'try (.b[] += 1) catch .', 'try (.b[1:] = [7]) catch .', 'try (.[0] = 5) catch .', 'try (.[1][0] |= 9) catch .', 'try (.[-1] = 5) catch .', 'try ((.a, .c) = 1) catch .', 'try (.a = (1,2)) catch .', 'try (.a += (1,2)) catch .', 'try (.. = 1) catch .', 'try (.b |= map(. * 2)) catch .', 'try (.a.b.c |= . + 1) catch .', 'try (.a.x.y = 1) catch .', 'try (.["k"] = 1) catch .', 'try (.a[2] = 1) catch .', 'try (.[] = 1) catch .', 'try (.[] |= .) catch .', 'try ((.a | select(. == 1)) = 5) catch .', 'try (.b |= (.[0] = 5)) catch .', 'try (if .a then .a else .b end = 3) catch .', 'try ((.a // .b) = 4) catch .', 'try (.a = .b) catch .', 'try (.c = (.a | tojson)) catch .', 'try (.b[3] = 1) catch .', 'try (.b[-1] = 1) catch .', 'try (.b[-9] = 1) catch .', 'try (.a as $x | .c = $x) catch .', 'try (first(.b[]) = 0) catch .', 'try (getpath(["a","q"]) = 1) catch .', 'try (.b[1] |= empty) catch .', 'try (to_entries) catch .', 'try (map_values(. + 1)) catch .', 'try (.a = 1 | .b = 2 | .c = .a + .b) catch .', 'try (reduce ("a","b") as $k (.; .[$k] = 0)) catch .', 'try ((.b[] | select(. > 1)) |= . * 10) catch .', 'try (.a |= (1,2)) catch .', 'try (limit(1; .b[]) |= 9) catch .', 'try (.b | .[1:] |= map(0)) catch .', 'try ((.a,.b) |= tojson) catch .', 'try (paths as $p | $p) catch .', 'try (.a |= try error("x") catch .) catch .', 'try (recurse |= .) catch .', 'try (del(.a, .b[0])) catch .', 'try (delpaths([paths])) catch .', 'try (.a = 1 // 2) catch .',
    ],
  },
  {
    area: 'strings',
    inputs: ['', 'abc', 'aXbXc', 'foo bar foo', 'héllo 😀 wörld', 'a,b, c', '  pad ', '123', '-1.5e3', '{"a":[1,2]}', 'ABCxyz', 'aaa', 'line1\nline2', '<a href="x">&\'', 5, null],
    programs: [
      'length?', 'utf8bytelength?', 'try ascii_downcase catch "bad"', 'try ascii_upcase catch "bad"', 'try explode catch "bad"', 'try (explode | implode) catch "bad"', 'try ltrimstr("a") catch .', 'try rtrimstr("c") catch .', 'try startswith("a") catch .', 'try endswith("c") catch .', 'try split(",") catch .', 'try split("X") catch .', 'try split("") catch .', 'try (split(" ") | join("_")) catch .', 'try (. / ",") catch "bad"', 'try contains("a") catch "bad"', 'try inside("abcdef") catch "bad"', 'try (. * 2) catch .', 'try (. * 0) catch .', 'tostring', 'tojson', 'try tonumber catch "bad"', 'try fromjson catch "bad"', 'try (.[1:3]) catch .', 'try (.[-2:]) catch .', 'try (.[:1]) catch .', '@json', '@text', 'strings | gsub("\\u0027"; "") | @html, @uri', '@sh', '@base64', '(@base64 | @base64d)', 'type', 'try test("a") catch "bad"', 'try test("FOO"; "i") catch "bad"', 'try [match("o"; "g").offset] catch "bad"', 'try [match("(?<first>[a-z])(?<second>[a-z])?"; "g") | .captures | map(.string)] catch "bad"', 'try [match("[a-z]+"; "g") | .string] catch "bad"', 'try capture("(?<x>[a-z]+)") catch "bad"', 'try [scan("[a-z]")] catch "bad"', 'try [scan("([a-z])([a-z])")] catch "bad"', 'try sub("o"; "0") catch "bad"', 'try gsub("o"; "0") catch "bad"', 'try gsub("(?<l>[aeiou])"; "<\\(.l)>") catch "bad"', 'try gsub("\\\\s+"; "") catch "bad"', 'try [splits(", *")] catch "bad"', 'try split(", *"; null) catch "bad"', 'try gsub("[^a-z]"; "") catch "bad"', 'try test("^[a-z]+$") catch "bad"', 'try test("\\\\d") catch "bad"', 'try [match("\\\\w+"; "g").string] catch "bad"', 'try [match("\\\\b\\\\w"; "g").string] catch "bad"', 'try sub("^\\\\s+"; "") catch "bad"', 'try sub("\\\\s+$"; "") catch "bad"', 'try (ascii_downcase == .) catch "bad"', 'try (tojson | fromjson == .) catch "bad"', '"\\(.)!"', '[., "b"] | sort', '. == "abc"', '. < "b"', 'try test("a.c"; "x") catch "bad"', 'try [match("a|aa"; "g").string] catch "bad"', 'try test("(?i)abc") catch "bad"', 'try test("^(?:a|b)+") catch "bad"', 'try sub("(?<a>.)(?<b>.)"; "\\(.b)\\(.a)") catch "bad"', 'try ([match("(a)(x)?").captures[].string]) catch "bad"', 'try test("[[:upper:]]") catch "bad"', 'try test("\\\\p{Lu}") catch "bad"', 'try [match("l(?=l)|o(?!w)"; "g").offset] catch "bad"', 'try [match("(?<=X)."; "g").string] catch "bad"', 'try [match(".{2}"; "g").string] catch "bad"', 'try [match("[a-c]{1,2}"; "g").string] catch "bad"', 'try test("(.)\\\\1") catch "bad"', 'try test(1) catch "bad"',
    ],
  },
  {
    area: 'numbers',
    inputs: [0, 1, -1, 2.5, -2.5, 1e10, 0.1, 1e-7, 1e300, 123456789],
    programs: [
      'floor', 'ceil', 'round', 'fabs', 'sqrt | tostring | .[:12]', 'trunc', 'tostring', 'tojson', '@text', 'length', '. + 0.1 | tostring | .[:14]', 'select(. < 1e18) | . % 3', '. * 3', 'exp10?|type', 'pow(2; 3), (select(fabs < 1000) | pow(.; 2))', 'log2?|type', 'isinfinite, isnan, isnormal', '[range(3)]', '[range(2; 5)]', '[range(0; 10; 3)]', '[range(10; 0; -3)]', '[range(0, 1; 3, 4)]', '[range(0; 1; 0.3)]', '. < 1', '[., 1] | max', '[., 1] | min', 'significand', 'logb', 'frexp', 'modf|.[1]', 'ldexp(.; 2)', 'scalb(.; 1)', 'nearbyint', 'rint', 'gmtime?|type', '[limit(5; range(100))]', 'infinite, -infinite | tostring', '[.[]?]', 'tojson | fromjson', 'cbrt | tostring | .[:8]', 'atan2(.; 1) | tostring | .[:8]', 'fmin(.; 1), fmax(.; 1), fma(.; 2; 1)', 'splits("a")?', '-. | tostring', 'exp2? | type', 'drem(.; 3)',
    ],
  },
  {
    area: 'dates',
    inputs: [0, 1425599621, 1425599621.5, 951782400, 4102444799, -86400, 1709164800],
    programs: ['todate', 'gmtime | .[0:5], .[6:]', 'gmtime | mktime', 'strftime("%Y-%m-%dT%H:%M:%SZ")', 'strftime("%A, %B %d, %Y")', 'strftime("%a %b %e %j %U %W %u %w %y %C %H:%M:%S %I %p %Z %z %%")', 'strftime("%G-W%V-%u %D %F %R %T %s")', 'todate | fromdate', 'todate | strptime("%Y-%m-%dT%H:%M:%SZ")', 'todateiso8601? // 1', 'gmtime | todate', '"2015-03-05T23:51:47Z" | fromdate, fromdateiso8601', '"10:15 PM, 05 Mar 2015" | strptime("%I:%M %p, %d %b %Y") | mktime', 'try ("nonsense" | fromdate) catch "bad"', '"2024-02-29" | strptime("%Y-%m-%d")', 'now | type'],
  },
];
