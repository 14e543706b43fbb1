// Programs that are refused when they are compiled, each with the place of the mistake.

import { compileJq } from './index.ts';
import type { Refusal } from './index.ts';

function refusal(source: string, variables: readonly string[] = []): Refusal {
  const result = compileJq(source, { variables });
  if (result.kind !== 'refused') throw new Error(`${source} was compiled`);
  return result;
}

/** The offending text is marked by « and ». */
const ROWS: readonly (readonly [marked: string, message: RegExp])[] = [
  ['«»', /empty/],
  ['1 +«»', /expected an expression, found the end/],
  ['.a | «foo(1; 2)»', /foo\/2 is not defined/],
  ['«slect(.)»', /slect\/1 is not defined: did you mean "select"/],
  ['«map»', /map\/0 is not defined: "map" takes 1 arguments/],
  ['.a + «$contxt»', /\$contxt is not defined: did you mean \$context/],
  ['«$nothing»', /\$nothing is not defined/],
  ['"a\\(1 + «)»"', /expected an expression, found the end of the interpolation/],
  ['«"»abc', /never closed/],
  ['"a«\\x»"', /not an escape/],
  ['"a«\\(»1', /never closed/],
  ['1 == 2 «==» 3', /do not chain/],
  ['«import» "a" as b; .', /no modules/],
  ['«include» "a"; .', /no modules/],
  ['«env»', /environment/],
  ['«$ENV».PATH', /environment/],
  ['[«input»]', /one input/],
  ['. | «debug»', /side effects/],
  ['«input_line_number»', /one input/],
  ['«halt»', /cannot end the process/],
  ['«localtime»', /time zone/],
  ['break«»', /after "break"/],
  ['«break $x»', /no label "\$x"/],
  ['test(«"("»)', /not a valid regex/],
  ['test(«"a"»; "q")', /not a valid modifier/],
  ['test(«"(?<=a*)b"»)', /look-behind has to have a bounded length/],
  ['gsub(«"a{5000}"»; "")', /repeats more than 1000/],
  ['test(«"((a{1000}){1000}){1000}"»)', /expands to more than/],
  ['{«1»: 2}', /expected a key/],
  ['{(«1»): 2}', /a key has to be a string/],
  ['«@nothing»', /not a format/],
  ['if . then 1 «)»', /expected "end"/],
  ['reduce .[] «$x» (0; 1)', /expected "as"/],
  ['def f: 1«»', /expected ";"/],
  ['def f(«1»): 1; f', /expected a parameter/],
  ['.a «&» 1', /not part of jq/],
  ['.[1«}»', /expected "\]"/],
  ['. as «1» | 2', /expected a variable/],
  ['.a.«1»', /./],
];

describe('a program is refused with the place of its mistake', () => {
  test.each(ROWS)('%s', (marked, message) => {
    const offset = marked.indexOf('«');
    const length = marked.indexOf('»') - offset - 1;
    const found = refusal(marked.replace(/[«»]/g, ''), ['context', 'input']);
    expect(found.message).toMatch(message);
    if (marked !== '.a.«1»') expect([found.offset, found.length]).toEqual([offset, length]);
  });

  test('lines and columns count from one', () => {
    expect(refusal('.a |\n  # a comment\n  nope')).toMatchObject({ line: 3, column: 3, offset: 21, length: 4 });
  });
});

describe('programs that would exhaust the compiler are refused', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['parentheses', '('.repeat(50_000)],
    ['arrays', '['.repeat(30_000) + ']'.repeat(30_000)],
    ['interpolations', '"\\('.repeat(20_000)],
    ['a chain of operators', Array(20_000).fill('1').join('+')],
    ['a chain of pipes', Array(20_000).fill('.').join('|')],
    ['unary minus', `${'-'.repeat(50_000)}1`],
    ['definitions', 'def f: '.repeat(9_000)],
    ['patterns', `. as ${'['.repeat(30_000)}`],
    ['bindings', '. as $a | '.repeat(6_000) + '.'],
    ['suffixes', `.${'[0]'.repeat(20_000)}`],
    ['length', `"${'x'.repeat(70_000)}"`],
  ];
  test.each(cases)('%s', (_name, source) => {
    const started = performance.now();
    expect(refusal(source).message).toMatch(/nested|chain|longer|grows|not defined|expected/);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('functions that call themselves within functions, in any number of ways', () => {
    const started = performance.now();
    const levels = Array.from({ length: 40 }, (_, i) => i);
    const doubling = `${levels.map((i) => `def f${i}(g): ${i === 0 ? 'g' : `f${i - 1}(g), f${i - 1}(g | 1)`};`).join('')} f39(.)`;
    const recursive = `${levels.map((i) => `def f${i}: `).join('')}1${levels.map((i) => `; f${39 - i}, ${levels.slice(0, 39 - i).map((j) => `f${j}`).join(', ') || '1'}`).join('')}`;
    for (const source of [doubling, recursive]) expect(['compiled', 'refused']).toContain(compileJq(source).kind);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
