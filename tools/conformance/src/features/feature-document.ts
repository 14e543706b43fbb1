/**
 * Feature documents: small workflows, each with what it covers of the DSL's reference and how it must run.
 *
 * Owns their form and running one in memory: compiled as any document is, decided by the engine, every journal replayed.
 * What a step answers is stated in the file, so a call is checked by the arguments it has; the protocols themselves have
 * tests with real servers. Does not own the list of what the reference has.
 *
 * A file is two YAML documents: the workflow, and a case.
 */
import { compileWorkflow, formatProblem, readDocuments, valueOfYaml } from '@millrace/dsl';
import { viewOf, type CloudEvent, type JsonValue, type Problem, type Program } from '@millrace/engine';
import { run, type Answer } from '@millrace/engine/testing';

export interface FeatureCase {
  /** Entries of the reference, `Section.property`. */
  readonly covers: readonly string[];
  readonly input: JsonValue;
  /** By operation without its version, what its steps answer in turn, or `{failure}`; the last goes on. Without one a step answers its arguments. */
  readonly answers: { readonly [operation: string]: readonly (JsonValue | { readonly failure: Problem })[] };
  readonly events: readonly CloudEvent[];
  readonly expect: Expectation;
}

/** Each property that is there must be so; `error` and `arguments` may leave properties out. */
export interface Expectation {
  readonly output?: JsonValue;
  readonly error?: { readonly [name: string]: JsonValue };
  /** Tasks in the order in which they were entered, those that were skipped or failed with that word. */
  readonly path?: readonly string[];
  /** The arguments of the steps, in order. */
  readonly arguments?: readonly JsonValue[];
  /** The document is refused, and this is what is said of it. */
  readonly refused?: readonly string[];
}

export interface FeatureOutcome {
  readonly output?: JsonValue;
  readonly error?: Problem;
  readonly path?: readonly string[];
  readonly arguments?: readonly JsonValue[];
  readonly refused?: readonly string[];
}

/** The workflow's text and the case of a file. Throws when the file has another form. */
export function readFeature(text: string): { readonly workflow: string; readonly feature: FeatureCase } {
  const [workflow, given, ...more] = text.split(/^---$/m);
  if (workflow === undefined || given === undefined || more.length > 0) throw new Error('a feature document is a workflow, a line `---`, and its case');
  const stated = valueOfYaml(given) as unknown as Partial<FeatureCase> & { readonly covers: readonly string[] };
  return { workflow, feature: { input: {}, answers: {}, events: [], expect: {}, ...stated } };
}

/** Compiles and runs the document. */
export function runFeature(workflow: string, feature: FeatureCase): FeatureOutcome {
  const read = readDocuments(workflow, { fileName: 'document' });
  if (read.kind === 'refused') return { refused: read.problems.map(formatProblem) };
  const [document] = read.documents;
  if (document?.kind !== 'workflow') throw new Error('the first document of a feature document is a workflow');
  const compiled = compileWorkflow(document);
  if (compiled.kind === 'refused') return { refused: compiled.problems.map(formatProblem) };
  const { program } = compiled;
  const { execution, journal, steps } = run(program, feature.input, answering(feature, program), undefined, feature.events);
  const view = viewOf({ organisation: 'acme', execution: 'e' }, program, journal, 'completed');
  return {
    ...(execution.end?.output === undefined ? {} : { output: execution.end.output.value }),
    ...(execution.end?.error === undefined ? {} : { error: execution.end.error }),
    path: view.tasks.map(({ name, status }) => (status === 'completed' ? name : `${name} ${status}`)),
    arguments: steps.map((step) => step.arguments),
  };
}

function answering({ answers }: FeatureCase, program: Program): Answer {
  const given = new Map<string, number>();
  return (step, { node }) => {
    const called = program.nodes[node];
    const operation = called?.kind === 'call' ? (called.operation.split(':')[0] ?? '') : '';
    const list = answers[operation];
    if (list === undefined) return step;
    const count = given.get(operation) ?? 0;
    given.set(operation, count + 1);
    return list[Math.min(count, list.length - 1)] ?? null;
  };
}
