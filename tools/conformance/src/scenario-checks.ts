/** What a scenario says of an execution, compared with what became of it. */
import { isDeepStrictEqual } from 'node:util';
import { valueOfYaml } from '@millrace/dsl';
import type { Scenario, Step } from './gherkin.ts';
import { isObject, type Json } from './json.ts';

/** The parts of an execution that scenarios speak of. */
export interface Outcome {
  readonly status: string;
  readonly output: Json | undefined;
  readonly error: Json | undefined;
  /** In the order in which they were entered. */
  readonly tasks: readonly { readonly name: string; readonly status: string }[];
}

type Check = (outcome: Outcome, words: readonly string[], attached: Json | undefined) => string | undefined;

const ENDINGS: Readonly<Record<string, string>> = { complete: 'completed', fault: 'faulted', cancel: 'cancelled' };

const CHECKS: readonly (readonly [RegExp, Check])[] = [
  [/^the workflow should (complete|fault|cancel)$/, (outcome, [ending = '']) => mustBe('the workflow', outcome.status, ENDINGS[ending])],
  [/^the workflow should complete with output:?$/, (outcome, _, wanted) => mustBe('the workflow', outcome.status, 'completed') ?? mustEqual('the output', outcome.output, wanted)],
  [/^the workflow should fault with error:?$/, (outcome, _, wanted) => mustBe('the workflow', outcome.status, 'faulted') ?? mustHave('the error', outcome.error, wanted)],
  [/^the workflow output should have properties (.*)$/, (outcome, [names = '']) => Array.from(names.matchAll(/'([^']*)'/g), ([, path = '']) => path).map((path) => (valueAt(outcome.output, path) === undefined ? `the output has no \`${path}\`` : undefined)).find((found) => found !== undefined)],
  [/^the workflow output should have an? '([^']*)' property with value:?$/, (outcome, [path = ''], wanted) => mustEqual(`\`${path}\` of the output`, valueAt(outcome.output, path), wanted)],
  [/^the workflow output should have an? '([^']*)' property containing (\d+) items?$/, (outcome, [path = '', count]) => {
    const found = valueAt(outcome.output, path);
    return Array.isArray(found) && found.length === Number(count) ? undefined : `\`${path}\` of the output is ${JSON.stringify(found)}, not ${count} items`;
  }],
  [/^(\S+) should run first$/, (outcome, [name]) => mustBe('the first task', outcome.tasks[0]?.name, name)],
  [/^(\S+) should run last$/, (outcome, [name]) => mustBe('the last task', outcome.tasks.at(-1)?.name, name)],
  [/^(\S+) should run (before|after) (\S+)$/, (outcome, [one = '', where, other = '']) => {
    const [first, second] = [outcome.tasks.findIndex(({ name }) => name === one), outcome.tasks.findIndex(({ name }) => name === other)];
    if (first < 0 || second < 0) return `\`${first < 0 ? one : other}\` did not run`;
    return (where === 'before' ? first < second : first > second) ? undefined : `\`${one}\` did not run ${where} \`${other}\``;
  }],
  [/^(\S+) should (complete|fault|cancel)$/, (outcome, [name = '', ending = '']) => mustBe(`the task \`${name}\``, outcome.tasks.find((task) => task.name === name)?.status, ENDINGS[ending])],
];

/** What is not as the scenario says: sentences with the lines of its steps. */
export function failuresOf(scenario: Scenario, outcome: Outcome): readonly string[] {
  return scenario.checks.flatMap((step) => {
    const failure = failureOf(step, outcome);
    return failure === undefined ? [] : [`line ${step.line}: ${failure}`];
  });
}

function failureOf({ attached, text }: Step, outcome: Outcome): string | undefined {
  for (const [words, check] of CHECKS) {
    const match = words.exec(text);
    if (match !== null) return check(outcome, match.slice(1), attached === undefined ? undefined : valueOfYaml(attached));
  }
  return `the step is not known here: ${text}`;
}

function mustBe(what: string, found: string | undefined, wanted: string | undefined): string | undefined {
  return found === wanted ? undefined : `${what} is ${found ?? 'not there'}, not ${wanted ?? ''}`;
}

function mustEqual(what: string, found: Json | undefined, wanted: Json | undefined): string | undefined {
  return isDeepStrictEqual(found, wanted) ? undefined : `${what} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`;
}

/** Every property that is wanted; others may be there too. */
function mustHave(what: string, found: Json | undefined, wanted: Json | undefined): string | undefined {
  if (!isObject(wanted)) return mustEqual(what, found, wanted);
  return Object.entries(wanted).map(([name, value]) => mustEqual(`\`${name}\` of ${what}`, isObject(found) ? found[name] : undefined, value)).find((failure) => failure !== undefined);
}

function valueAt(value: Json | undefined, path: string): Json | undefined {
  return path.split('.').reduce<Json | undefined>((at, name) => {
    if (Array.isArray(at)) return (at as readonly Json[])[Number(name)];
    return isObject(at) ? at[name] : undefined;
  }, value);
}
