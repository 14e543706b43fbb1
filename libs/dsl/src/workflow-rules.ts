/**
 * What a workflow document must obey beyond its schema: names that are there, once, and can be reached.
 *
 * Owns the rules that hold for every document, whether or not this release runs what is in it.
 *
 * W1 A flow directive names a task of its own list (DSL reference, Flow Directive).
 * W2 A name is used once in its list, and none is a directive's word.
 * W4 A branch of a fork leads to no other branch, and there are at most FORK_BRANCHES_MAX.
 * W3 A switch has at most one case without a condition (DSL reference, Switch Case).
 */
import type { JsonValue } from '@millrace/engine';
import { closestName } from './closest-name.ts';
import { childPointer } from './json-pointer.ts';
import { isList, isObject, onlyEntry, property, type JsonObject } from './json-value.ts';
import { FORK_BRANCHES_MAX, PROBLEMS_MAX } from './limits.ts';
import type { Problem } from './problem.ts';
import { problemAt, type Side, type WorkflowDocument } from './source-document.ts';
import { taskListsOf, type TaskList, type TaskPlace } from './task-lists.ts';
import { unreachableTasks } from './unreachable-tasks.ts';

/** Words of flow directives; a task of such a name could never be the target of one. */
export const DIRECTIVES: readonly string[] = ['continue', 'exit', 'end'];

/** Names that expressions have already (DSL, Runtime expression arguments). */
export const ARGUMENT_NAMES: readonly string[] = ['context', 'input', 'output', 'secrets', 'authorization', 'task', 'workflow', 'runtime'];

const ROOT_PROPERTIES: readonly string[] = ['document', 'input', 'use', 'do', 'timeout', 'output', 'schedule', 'evaluate', '$schema'];
const ERROR_FILTER_PROPERTIES: readonly string[] = ['type', 'status', 'instance', 'title', 'detail', 'details'];
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What the rules found; warnings do not keep a document from running. */
export interface RuleFindings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

interface Report {
  problem(pointer: string, side: Side, message: string, suggestion?: string): void;
  warning(pointer: string, side: Side, message: string, suggestion?: string): void;
}

/** Checks the rules on a document that may also be wrong by its schema. */
export function checkWorkflowRules(document: WorkflowDocument): RuleFindings {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const report: Report = {
    problem: (pointer, side, message, suggestion) => void problems.push(problemAt(document, { pointer, side }, 'workflow-invalid', message, suggestion)),
    warning: (pointer, side, message, suggestion) => void warnings.push(problemAt(document, { pointer, side }, 'workflow-invalid', message, suggestion)),
  };
  onlyKnown(report, document.value, '', ROOT_PROPERTIES);
  mustBeInUse(report, document.value, document.value['timeout'], '/timeout', 'timeouts', 'timeout');
  for (const list of taskListsOf(document.value)) {
    if (problems.length < PROBLEMS_MAX) checkList(report, list, document.value, () => problems.length >= PROBLEMS_MAX);
  }
  return { problems, warnings };
}

function checkList(report: Report, list: TaskList, document: JsonObject, enough: () => boolean): void {
  const targets: Targets = { names: new Set(list.tasks.map((task) => task.name)), areBranches: list.areBranches };
  if (list.areBranches && list.tasks.length > FORK_BRANCHES_MAX) report.problem(list.pointer, 'key', `the fork has ${list.tasks.length} branches; the most is ${FORK_BRANCHES_MAX}`, 'divide the work over several forks, or loop over it with `for`');
  const seen = new Set<string>();
  for (const task of list.tasks) {
    if (enough()) return;
    if (DIRECTIVES.includes(task.name)) report.problem(task.pointer, 'key', `a task cannot be called \`${task.name}\`: that is a flow directive`, 'give it another name');
    if (seen.has(task.name)) report.problem(task.pointer, 'key', `there is another task \`${task.name}\` in the same list`, 'give one of them another name');
    seen.add(task.name);
    checkTarget(report, property(task.definition, 'then'), childPointer(task.pointer, 'then'), targets);
    checkSwitch(report, task, targets);
    checkVariables(report, task);
    checkUses(report, task, document);
  }
  if (list.areBranches) return;
  for (const task of unreachableTasks(list.tasks)) report.warning(task.pointer, 'key', `\`${task.name}\` can never run: nothing leads to it`, 'remove it, or name it in a `then`');
}

/** The tasks that directives of a list may name, if any. */
interface Targets {
  readonly names: ReadonlySet<string>;
  readonly areBranches: boolean;
}

/** W1, W4. */
function checkTarget(report: Report, then: JsonValue | undefined, pointer: string, { names, areBranches }: Targets): void {
  if (typeof then !== 'string' || DIRECTIVES.includes(then)) return;
  if (names.has(then)) {
    if (areBranches) report.problem(pointer, 'value', `\`${then}\` is another branch, and branches run at the same time`, 'put tasks that follow one another into one branch, in a `do`');
    return;
  }
  const meant = closestName(then, [...DIRECTIVES, ...names]);
  report.problem(pointer, 'value', `there is no task \`${then}\` in the same list`, meant === undefined ? 'name a task of the same list, or write `continue`, `exit` or `end`' : `did you mean \`${meant}\`?`);
}

/** W3. */
function checkSwitch(report: Report, task: TaskPlace, targets: Targets): void {
  const cases = property(task.definition, 'switch');
  if (!isList(cases)) return;
  const pointer = childPointer(task.pointer, 'switch');
  const seen = new Set<string>();
  let fallback: string | undefined;
  cases.forEach((item, index) => {
    const [name, definition] = onlyEntry(item) ?? [];
    if (name === undefined || !isObject(definition)) return;
    const place = childPointer(childPointer(pointer, index), name);
    if (seen.has(name)) report.problem(place, 'key', `there is another case \`${name}\` in the same switch`, 'give one of them another name');
    seen.add(name);
    checkTarget(report, definition['then'], childPointer(place, 'then'), targets);
    if (Object.hasOwn(definition, 'when')) return;
    if (fallback !== undefined) report.problem(place, 'key', `a switch can have one case without \`when\`, and \`${fallback}\` is one already`, 'give this case a `when`, or remove it');
    else if (index < cases.length - 1) report.warning(place, 'key', `\`${name}\` has no \`when\`, so it is tried after the cases below it`, 'put it last, where readers look for it');
    fallback ??= name;
  });
}

/** Names of variables that a task gives to the tasks inside it. */
function checkVariables(report: Report, task: TaskPlace): void {
  const each = property(property(task.definition, 'for'), 'each');
  const at = property(property(task.definition, 'for'), 'at');
  const places: readonly (readonly [JsonValue | undefined, string])[] = [
    [each, '/for/each'],
    [at, '/for/at'],
    [property(property(task.definition, 'catch'), 'as'), '/catch/as'],
    [property(property(task.definition, 'foreach'), 'item'), '/foreach/item'],
    [property(property(task.definition, 'foreach'), 'at'), '/foreach/at'],
  ];
  for (const [name, path] of places) {
    if (typeof name !== 'string') continue;
    if (ARGUMENT_NAMES.includes(name)) report.problem(task.pointer + path, 'value', `a variable cannot be called \`${name}\`: expressions have a \`$${name}\` already`, 'give it another name');
    else if (!VARIABLE_NAME.test(name)) report.problem(task.pointer + path, 'value', `\`${name}\` cannot be the name of a variable`, name.startsWith('$') ? `write it without the \`$\`: \`${name.slice(1)}\`` : 'use letters, digits and underscores, a letter first');
  }
  if (typeof each === 'string' && each === at) report.problem(`${task.pointer}/for/at`, 'value', `\`each\` and \`at\` are both called \`${each}\``, 'give one of them another name');
}

/** Names that must be defined under `use`, and filters whose unknown properties the schema lets pass. */
function mustBeInUse(report: Report, document: JsonObject, name: JsonValue | undefined, pointer: string, group: string, what: string): void {
  if (typeof name !== 'string') return;
  const defined = property(property(document, 'use'), group);
  const names = isObject(defined) ? Object.keys(defined) : [];
  if (names.includes(name)) return;
  const meant = closestName(name, names);
  report.problem(pointer, 'value', `there is no ${what} \`${name}\` in \`use.${group}\``, meant === undefined ? `define it there, or write it here in full` : `did you mean \`${meant}\`?`);
}

function checkUses(report: Report, task: TaskPlace, document: JsonObject): void {
  const mustBeIn = (name: JsonValue | undefined, path: string, group: string, what: string): void => mustBeInUse(report, document, name, task.pointer + path, group, what);
  mustBeIn(property(property(task.definition, 'raise'), 'error'), '/raise/error', 'errors', 'error');
  const caught = property(task.definition, 'catch');
  mustBeIn(property(caught, 'retry'), '/catch/retry', 'retries', 'retry policy');
  mustBeIn(property(task.definition, 'timeout'), '/timeout', 'timeouts', 'timeout');
  onlyKnown(report, property(caught, 'errors'), `${task.pointer}/catch/errors`, ['with']);
  onlyKnown(report, property(property(caught, 'errors'), 'with'), `${task.pointer}/catch/errors/with`, ERROR_FILTER_PROPERTIES);
}

function onlyKnown(report: Report, value: JsonValue | undefined, pointer: string, known: readonly string[]): void {
  if (!isObject(value)) return;
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    const meant = closestName(name, known.filter((candidate) => !Object.hasOwn(value, candidate)));
    report.problem(childPointer(pointer, name), 'key', `there is no property \`${name}\` here`, meant === undefined ? `known here: ${known.map((candidate) => `\`${candidate}\``).join(', ')}` : `did you mean \`${meant}\`?`);
  }
}
