// The evaluator against the real jq: every program of the tables on every input, and programs made by a generator.
// One jq process runs a whole table: each program is wrapped so that it yields one array, or says that it failed.

import fc from 'fast-check';
import { spawnSync } from 'node:child_process';

import { BUDGET_DEFAULT, compileJq } from './index.ts';
import type { JsonValue } from './index.ts';
import { CASE_TABLES } from './comparison-cases.ts';
import { generatedAreas } from './comparison-generator.ts';

const isPresent = spawnSync('jq', ['--version']).status === 0;
const whenPresent = isPresent ? test : test.skip;
const note = isPresent ? '' : ' (skipped: there is no jq on the PATH)';

const wrap = (program: string): string => `(try [${program}] catch {failed: true})`;

/** The real jq's results: a row for every input, in it a result for every program. */
function runRealJq(programs: readonly string[], inputs: readonly JsonValue[]): JsonValue[][] {
  const result = spawnSync('jq', ['-c', `[${programs.map(wrap).join(',\n')}]`], {
    input: inputs.map((input) => JSON.stringify(input)).join('\n'),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0) throw new Error(`jq failed: ${result.stderr}`);
  return result.stdout.trim().split('\n').map((line) => JSON.parse(line) as JsonValue[]);
}

function compileOurs(program: string): (input: JsonValue) => JsonValue {
  const compiled = compileJq(wrap(program));
  if (compiled.kind === 'refused') return () => `refused: ${compiled.message}`;
  return (input) => {
    const outcome = compiled.program.first(input, [], BUDGET_DEFAULT);
    return outcome.kind === 'value' ? outcome.value : `${outcome.kind}: ${outcome.kind === 'error' ? outcome.message : ''}`;
  };
}

function differences(programs: readonly string[], inputs: readonly JsonValue[]): string[] {
  const rows = runRealJq(programs, inputs);
  return programs.flatMap((program, p) => {
    const run = compileOurs(program);
    return inputs.flatMap((input, i) => {
      const ours = JSON.stringify(sorted(run(input)));
      const theirs = JSON.stringify(sorted(rows[i]?.[p] ?? null));
      return ours === theirs ? [] : [`${program} on ${JSON.stringify(input)}: ours ${ours}, jq ${theirs}`];
    });
  });
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item as JsonValue)]));
}

/** Programs given to one jq process: it reads all of them before the first runs. */
const PROGRAMS_AT_ONCE = 60;
/** Programs that the comparison must not fall below. */
const PROGRAMS_MIN = 2_000;

const inChunks = (programs: readonly string[]): readonly (readonly string[])[] => Array.from({ length: Math.ceil(programs.length / PROGRAMS_AT_ONCE) }, (_, index) => programs.slice(index * PROGRAMS_AT_ONCE, (index + 1) * PROGRAMS_AT_ONCE));

describe('the evaluator agrees with the real jq', () => {
  const areas = generatedAreas(20_261_123);

  test('on at least 2,000 programs', () => {
    const programs = new Set([...CASE_TABLES, ...areas].flatMap((table) => table.programs));
    expect(programs.size).toBeGreaterThanOrEqual(PROGRAMS_MIN);
  });

  for (const { area, programs, inputs } of areas) {
    whenPresent(`on ${programs.length} generated programs about ${area}${note}`, () => {
      expect(inChunks(programs).flatMap((chunk) => differences(chunk, inputs)).slice(0, 20)).toEqual([]);
    });
  }

  for (const { area, programs, inputs } of CASE_TABLES) {
    whenPresent(`on ${programs.length} programs about ${area}, each on ${inputs.length} inputs${note}`, () => {
      expect(differences(programs, inputs)).toEqual([]);
    });
  }

  whenPresent(`on generated arithmetic and comparisons${note}`, () => {
    // jq 1.6 lets `try` catch errors of what comes after it in the pipe; collecting its outputs keeps that out of the way.
    const leaf = fc.oneof(
      fc.integer({ min: -20, max: 20 }).map((n) => (n < 0 ? `(${n})` : String(n))),
      fc.constantFrom('null', 'true', 'false', '.', '.a', '.b', '"x"', '"xy"', '[1,2]', '[]', '{}', '{"a":1}', '0.5', '.[0]?', 'length'),
    );
    const { expression } = fc.letrec<{ expression: string }>((tie) => ({
      expression: fc.oneof(
        { maxDepth: 4, depthSize: 'small' },
        leaf,
        fc.tuple(tie('expression'), fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', 'and', 'or', '//', '|', ','), tie('expression')).map(([a, operator, b]) => `(${a} ${operator} (${b} | .))`),
        fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `(if ${a} then ${b} else ${c} end)`),
        tie('expression').map((a) => `[${a}]`),
        tie('expression').map((a) => `([try ${a} catch "E"] | .[])`),
        fc.tuple(fc.constantFrom('sort', 'add', 'length', 'type', 'tojson', 'not', 'keys', 'floor', 'tostring', 'map(.)', 'unique', 'first(.[]?)', 'any', 'to_entries', 'flatten'), tie('expression')).map(([f, a]) => `([try (${a} | ${f}) catch "F"] | .[])`),
        fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `{a: (${a}), b: (${b})}`),
        fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `(${a} as $x | ${b} | [., $x])`),
        fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `([try (reduce (${a}) as $x (0; ${b})) catch "R"] | .[])`),
      ),
    }));
    const programs = [...new Set(fc.sample(expression, { numRuns: 900, seed: 20_240_229 }))].filter((program) => program.length < 400);
    const inputs: JsonValue[] = [null, 3, 'x', [1, null], { a: 2, b: [1] }];
    expect(programs.length).toBeGreaterThan(300);
    const chunks = Array.from({ length: Math.ceil(programs.length / 50) }, (_, i) => programs.slice(i * 50, i * 50 + 50));
    expect(chunks.flatMap((chunk) => differences(chunk, inputs)).slice(0, 20)).toEqual([]);
  });
});
