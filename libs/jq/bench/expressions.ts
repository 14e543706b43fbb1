// Microseconds of one evaluation for expressions as workflows use them. Run: node libs/jq/bench/expressions.ts

import { BUDGET_DEFAULT, compileJq } from '../src/index.ts';
import type { JsonValue } from '../src/index.ts';

const ROUNDS = 5;
const ROUND_MS = 150;

const input: JsonValue = {
  a: 1,
  b: { c: 2 },
  nested: { list: [{ c: 5 }] },
  text: 'order 42 of customer 7',
  items: Array.from({ length: 100 }, (_, id) => ({ id, name: `item ${id}`, price: id * 1.5 })),
};

const PROGRAMS: readonly string[] = [
  '{a: (.a + 1), b: .b}',
  '.nested.list[0].c',
  '$input.a',
  '.a == 1 and .b.c == 2',
  '.missing // "default"',
  '"item \\(.a)"',
  'if .a > 0 then "yes" else "no" end',
  '.a += 1',
  '.nested.list[0].c = 3',
  '.text | test("customer [0-9]+")',
  '.text | capture("order (?<order>[0-9]+)")',
  '.items | length',
  '.items | map(select(.id > 50) | .name)',
  '[.items[].price] | add',
  'reduce .items[] as $i (0; . + $i.price)',
  'reduce .items[] as $i ({}; .[$i.name] = $i.price)',
  '.items | group_by(.id % 7) | map(length)',
  '.items | sort_by(-.price) | .[0].id',
  '.items | tojson',
];

/** The fastest round, since other work on the machine only ever makes one slower. */
function microseconds(source: string): number {
  const compiled = compileJq(source, { variables: ['input'] });
  if (compiled.kind === 'refused') throw new Error(`${source}: ${compiled.message}`);
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < ROUND_MS) {
      for (let i = 0; i < 100; i++) compiled.program.first(input, [input], BUDGET_DEFAULT);
      count += 100;
    }
    best = Math.min(best, ((performance.now() - start) * 1_000) / count);
  }
  return best;
}

for (const source of PROGRAMS) console.log(`${microseconds(source).toFixed(2).padStart(8)} µs  ${source}`);
