/**
 * From a workflow document to the program that the engine runs.
 *
 * Owns what of the DSL this release runs: the rest is valid, and refused here with its place, so that
 * nothing an author has written is ever passed over.
 *
 * C1 Equal documents give equal programs with equal numbers, in every process.
 * C2 A document that is refused gives no program at all.
 */
import { NO_NODE, type DoNode, type Node, type Program } from '@millrace/engine';
import { contentHash } from '../canonical-json.ts';
import { isObject, property } from '../json-value.ts';
import { PROBLEMS_MAX } from '../limits.ts';
import { inFileOrder, reasonOf, type Problem, type ProblemReason } from '../problem.ts';
import type { WorkflowDocument } from '../source-document.ts';
import { validateWorkflow } from '../validate-workflow.ts';
import { errorVariableOf } from './catch-clause.ts';
import { createCompilation, type Compilation } from './compilation.ts';
import { eventVariablesOf } from './events.ts';
import { compileFields } from './metadata.ts';
import { planTasks, type PlannedTask } from './plan.ts';
import { compileSchedule } from './schedule.ts';
import { compileData, compileTimeout, type Targets } from './task-head.ts';
import { messageVariablesOf } from './subscription.ts';
import { compileTask, loopVariablesOf } from './task-node.ts';
import { innerScope, taskScope, WORKFLOW_INPUT, WORKFLOW_OUTPUT, type TaskScope } from './visible.ts';

export type CompileResult =
  | { readonly kind: 'compiled'; readonly program: Program; readonly warnings: readonly Problem[] }
  | {
      readonly kind: 'refused';
      /** `workflow-unsupported` only when nothing in the document is wrong. */
      readonly reason: ProblemReason;
      readonly problems: readonly Problem[];
    };

export interface CompileOptions {
  /** The document was compiled before: it is not validated again, which is most of the work. */
  readonly isChecked?: boolean;
}

/** Validates and compiles a document. Problems and warnings are in the order of the file. */
export function compileWorkflow(document: WorkflowDocument, { isChecked = false }: CompileOptions = {}): CompileResult {
  const validation = isChecked ? CHECKED : validateWorkflow(document);
  if (validation.kind === 'refused') return { kind: 'refused', reason: 'workflow-invalid', problems: validation.problems };

  const compilation = createCompilation(document);
  checkWhole(compilation);
  const program = compileProgram(compilation);
  if (compilation.problems.length === 0) return { kind: 'compiled', program, warnings: inFileOrder([...validation.warnings, ...compilation.warnings]) };
  return { kind: 'refused', reason: reasonOf(compilation.problems), problems: inFileOrder(compilation.problems).slice(0, PROBLEMS_MAX) };
}

const CHECKED = { kind: 'valid', warnings: [] } as const;

function compileProgram(compilation: Compilation): Program {
  const { value } = compilation.document;
  const identity = property(value, 'document');
  const text = (name: string): string => String(property(identity, name) ?? '');
  const { exportAs: _as, exportSchema: _schema, ...data } = compileData(compilation, value, '', { from: WORKFLOW_INPUT, as: WORKFLOW_OUTPUT, export: WORKFLOW_OUTPUT });
  const fields = compileFields(compilation);
  return {
    hash: contentHash(value),
    namespace: text('namespace'),
    name: text('name'),
    version: text('version'),
    document: value,
    ...data,
    ...(fields.length === 0 ? {} : { fields }),
    nodes: compileNodes(compilation),
  };
}

/** Every node, each at the index of its number. */
function compileNodes(compilation: Compilation): readonly Node[] {
  const planned = planTasks(compilation.document.value);
  const nodes: Node[] = [rootOf(compilation, planned)];
  const compileList = (tasks: readonly PlannedTask[], parent: number, outer: TaskScope, areBranches = false): void => {
    const targets = targetsOf(tasks);
    tasks.forEach((task, index) => {
      const scope = task.isFunction === true ? taskScope([]) : outer;
      const node = compileTask(compilation, { task, next: areBranches ? undefined : tasks[index + 1], targets, parent }, scope);
      if (node) nodes.push(node);
      const loop = task.part?.kind === 'messages' ? messageVariablesOf(task) : task.kind === 'for' ? loopVariablesOf(task) : task.kind === 'listen' ? eventVariablesOf(task) : undefined;
      compileList(task.block, task.number, loop ? innerScope(scope, [loop.each, loop.at]) : scope, task.kind === 'fork');
      compileList(task.handler, task.number, innerScope(scope, [errorVariableOf(task)]));
    });
  };
  compileList(planned, 0, taskScope([]));
  return nodes;
}

function rootOf(compilation: Compilation, planned: readonly PlannedTask[]): DoNode {
  const document = compilation.document.value;
  return {
    kind: 'do',
    number: 0,
    name: 'do',
    reference: '/do',
    parent: NO_NODE,
    next: NO_NODE,
    then: { kind: 'continue' },
    definition: { do: document['do'] ?? [] },
    first: planned[0]?.number ?? NO_NODE,
    ...compileTimeout(compilation, document['timeout'], '/timeout', WORKFLOW_INPUT),
  };
}

/** The task that a name stands for; where extensions are about it, the first of the blocks around it. */
function targetsOf(tasks: readonly PlannedTask[]): Targets {
  const targets = new Map<string, number>();
  for (const { name, number, part } of tasks) if (!targets.has(name) && (part === undefined || part.kind === 'around' || part.kind === 'branch')) targets.set(name, number);
  return targets;
}

/** What concerns the document as a whole. */
function checkWhole(compilation: Compilation): void {
  const { value } = compilation.document;
  const dsl = property(value['document'], 'dsl');
  if (typeof dsl === 'string' && !dsl.startsWith('1.0.')) compilation.unsupported({ pointer: '/document/dsl', side: 'value' }, `version ${dsl} of the DSL`, 'this release runs versions 1.0.0 to 1.0.3: write `1.0.3`');
  compileSchedule(compilation);
  checkEvaluate(compilation);
}

/** The schema has no `evaluate`, though the reference does; its two properties are checked here. */
function checkEvaluate(compilation: Compilation): void {
  const evaluate = compilation.document.value['evaluate'];
  if (evaluate === undefined) return;
  if (!isObject(evaluate)) return compilation.invalid({ pointer: '/evaluate' }, '`evaluate` must be an object', 'write `{ language: jq, mode: strict }`, or leave it out');
  for (const [name, value] of Object.entries(evaluate)) {
    const pointer = `/evaluate/${name}`;
    if (name === 'language' && value !== 'jq') compilation.unsupported({ pointer, side: 'value' }, `the expression language ${JSON.stringify(value)}`, 'write `jq`, or leave it out');
    else if (name === 'mode' && value !== 'strict' && value !== 'loose') compilation.invalid({ pointer }, '`mode` must be `strict` or `loose`');
    else if (name !== 'language' && name !== 'mode') compilation.invalid({ pointer, side: 'key' }, `there is no property \`${name}\` in \`evaluate\``, 'known here: `language`, `mode`');
  }
}
