/**
 * Scenarios of feature files, in the words of the specification's conformance test kit: a workflow, its input, and what
 * must come of running it.
 *
 * Reads what such files have of Gherkin: features, scenarios, steps, texts between three quotation marks, comments and
 * tags. Outlines, tables and backgrounds are not there; a step that is not known is said to be so, never passed over.
 */
import { valueOfYaml } from '@millrace/dsl';
import type { Json } from './json.ts';

export interface Step {
  /** Without its keyword. */
  readonly text: string;
  /** The text below it, if any. */
  readonly attached: string | undefined;
  readonly line: number;
}

export interface Scenario {
  readonly name: string;
  readonly definition: string;
  readonly input: Json;
  /** What must be so afterwards. */
  readonly checks: readonly Step[];
}

const STEP = /^\s*(?:Given|When|Then|And|But|\*)\s+(.*?)\s*$/;
const QUOTES = /^(\s*)"""/;

/** The scenarios of a file, in their order. Throws with the line where it is no feature file. */
export function scenariosOf(text: string): readonly Scenario[] {
  const lines = text.split(/\r?\n/);
  const scenarios: { readonly name: string; readonly steps: Step[] }[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const title = /^\s*Scenario:\s*(.*?)\s*$/.exec(line)?.[1];
    if (title !== undefined) scenarios.push({ name: title, steps: [] });
    const step = STEP.exec(line)?.[1];
    const scenario = scenarios.at(-1);
    if (step === undefined || scenario === undefined) continue;
    const number = index + 1;
    const indent = QUOTES.exec(lines[index + 1] ?? '')?.[1]?.length;
    const attached: string[] = [];
    if (indent !== undefined) {
      for (index += 2; index < lines.length && !QUOTES.test(lines[index] ?? ''); index += 1) attached.push((lines[index] ?? '').slice(Math.min(indent, (lines[index] ?? '').search(/\S|$/))));
      if (index >= lines.length) throw new Error(`line ${number}: the text below the step does not end`);
    }
    scenario.steps.push({ text: step, attached: indent === undefined ? undefined : attached.join('\n'), line: number });
  }
  return scenarios.map(({ name, steps }) => scenarioOf(name, steps));
}

function scenarioOf(name: string, steps: readonly Step[]): Scenario {
  const attachedTo = (words: RegExp): string | undefined => steps.find((step) => words.test(step.text))?.attached;
  const definition = attachedTo(DEFINITION);
  if (definition === undefined) throw new Error(`the scenario ${name} has no workflow`);
  const input = attachedTo(INPUT);
  return { name, definition, input: input === undefined ? {} : valueOfYaml(input), checks: steps.filter(({ text }) => ![DEFINITION, INPUT, EXECUTED].some((words) => words.test(text))) };
}

const DEFINITION = /^a workflow with definition:?$/;
const INPUT = /^given the workflow input is:?$/;
const EXECUTED = /^the workflow is executed$/;
