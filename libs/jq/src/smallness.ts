// A static bound on what a program costs, so that its caller may run it inline without worry.
//
// The bound is linear: work of at most COST times the size of the input and variables (counted in values and characters).
// It holds because every iteration is over parts of a value, whose sizes add up to the size of the whole, and because
// what is used once for every part may only come from that part. Not small, whatever they compute: folds, recursion,
// ranges, regular expressions, `..`, and one iteration within another over something other than its own part.
// The one exception to the proof is the repetition of a string by `*`, which only the allocation budget bounds.

import type { FunctionDefinition, Node, NodeOf } from './syntax.ts';

/** Steps for each unit of input size. */
export const SMALL_COST_MAX = 500;
/** Output size for each unit of input size. */
export const SMALL_GROWTH_MAX = 64;

/** Null stands for "no linear bound". */
type Bound = { readonly cost: number; readonly growth: number; readonly iterates: boolean } | null;

interface Context {
  /** How many iterations are around this point. */
  readonly level: number;
  /** The level at which "." was made, and each variable; something of a lower level is used once for every part. */
  readonly inputLevel: number;
  readonly variables: ReadonlyMap<string, number>;
  readonly functions: ReadonlyMap<string, FunctionInScope>;
  /** Visits left: functions are followed at every call, which may be exponentially often. */
  readonly visits: { left: number };
}

type FunctionInScope =
  | { readonly kind: 'definition'; readonly definition: FunctionDefinition; readonly home: Context }
  | { readonly kind: 'recursive' }
  | { readonly kind: 'argument'; readonly node: Node; readonly home: Context };

/** Functions whose cost is linear in their input and whose arguments are scalars, with the growth of their output. */
const LINEAR_FUNCTIONS: ReadonlyMap<string, number> = new Map([
  ...['not', 'type', 'length', 'utf8bytelength', 'keys', 'keys_unsorted', 'add', 'tonumber', 'ascii_downcase', 'ascii_upcase', 'ltrim', 'rtrim', 'trim', 'implode', 'flatten', 'reverse', 'sort', 'unique', 'min', 'max', 'floor', 'ceil', 'round', 'sqrt', 'fabs', 'abs', 'trunc', 'first', 'last', 'any', 'all', 'now', 'todate', 'fromdate', 'gmtime', 'mktime', 'isnan', 'isinfinite', 'error', 'empty', 'values', 'nulls', 'strings', 'numbers', 'booleans', 'arrays', 'objects', 'scalars', 'iterables', 'infinite', 'nan', 'toboolean', 'toarray'].map((name): [string, number] => [`${name}/0`, 2]),
  ...['has', 'in', 'startswith', 'endswith', 'ltrimstr', 'rtrimstr', 'error', 'strftime', 'strptime', 'pow', 'split'].map((name): [string, number] => [`${name}/1`, 3]),
  ['pow/2', 1],
  ['to_entries/0', 4],
  ['from_entries/0', 2],
  ['tostring/0', 6],
  ['tojson/0', 6],
  ['explode/0', 4],
  ['fromjson/0', 4],
]);

/** Functions that run their argument on every part of the input. */
const EACH_PART: ReadonlySet<string> = new Set(['map/1', 'map_values/1', 'with_entries/1', 'any/1', 'all/1', 'sort_by/1', 'group_by/1', 'unique_by/1', 'min_by/1', 'max_by/1']);
const SORTING_STEPS = 16;
const FORMAT_GROWTH = 6;

/** Whether the program's cost is provably small in the sense above. `variables` are its declared variables. */
export function isSmall(tree: Node, variables: readonly string[]): boolean {
  const bound = visit(tree, { level: 0, inputLevel: 0, variables: new Map(variables.map((name) => [name, 0])), functions: new Map(), visits: { left: VISITS_MAX } }, 0);
  return bound !== null && bound.cost <= SMALL_COST_MAX && bound.growth <= SMALL_GROWTH_MAX;
}

const CONSTANT: Bound = { cost: 1, growth: 1, iterates: false };

/** Several parts side by side; at most one may iterate, unless they are alternatives or a sequence. */
function together(parts: readonly Bound[], mayAllIterate: boolean): Bound {
  let cost = 1;
  let growth = 1;
  let iterating = 0;
  for (const part of parts) {
    if (part === null) return null;
    cost += part.cost;
    growth += part.growth;
    if (part.iterates) iterating++;
  }
  if (iterating > 1 && !mayAllIterate) return null;
  return { cost, growth, iterates: iterating > 0 };
}

function then(first: Bound, next: (context: Context) => Bound, context: Context): Bound {
  if (first === null) return null;
  const level = first.iterates ? context.level + 1 : context.level;
  const second = next({ ...context, level, inputLevel: level });
  if (second === null) return null;
  return { cost: first.cost + first.growth * second.cost, growth: first.growth * second.growth, iterates: first.iterates || second.iterates };
}

const VISITS_MAX = 5_000;
const VISIT_DEPTH_MAX = 600;

function visit(node: Node | null, context: Context, depth: number): Bound {
  if (node === null) return CONSTANT;
  if (depth > VISIT_DEPTH_MAX || --context.visits.left < 0) return null;
  const at = (inner: Node | null, inside: Context = context): Bound => visit(inner, inside, depth + 1);
  switch (node.kind) {
    case 'literal':
      return { cost: 1, growth: typeof node.value === 'string' ? 1 + node.value.length / 16 : 1, iterates: false };
    case 'identity':
      return context.inputLevel === context.level ? CONSTANT : null;
    case 'variable':
      return (context.variables.get(node.name) ?? context.level) === context.level ? CONSTANT : null;
    case 'index': {
      const target = at(node.target);
      return keep(together([target, at(node.key)], false), target);
    }
    case 'slice': {
      const target = at(node.target);
      return keep(together([target, at(node.from), at(node.to)], false), target);
    }
    case 'iterate': {
      const target = at(node.target);
      return target === null || target.iterates ? null : { cost: target.cost + target.growth, growth: target.growth, iterates: true };
    }
    case 'string': {
      const parts = together(node.parts.filter((part) => typeof part !== 'string').map((part) => at(part)), false);
      return parts === null ? null : { ...parts, cost: parts.cost * 2, growth: parts.growth * FORMAT_GROWTH };
    }
    case 'format':
      return context.inputLevel === context.level ? { cost: FORMAT_GROWTH, growth: FORMAT_GROWTH, iterates: false } : null;
    case 'array': {
      const body = at(node.body);
      return body === null ? null : { cost: body.cost + body.growth, growth: 1 + body.growth, iterates: false };
    }
    case 'object':
      return together(node.entries.flatMap((entry) => [at(entry.key), at(entry.value)]), false);
    case 'negate':
      return at(node.operand);
    case 'pipe':
      return pipe(node.stages, context, depth);
    case 'comma': {
      const items = together(node.items.map((item) => at(item)), true);
      return items === null ? null : { ...items, iterates: true };
    }
    case 'comparison':
      // Comparing costs no more than the smaller side, so a variable from outside may be compared with every part.
      if (node.right.kind === 'variable') return at(node.left);
      return node.left.kind === 'variable' ? at(node.right) : together([at(node.left), at(node.right)], false);
    case 'arithmetic':
    case 'logic':
      return together([at(node.left), at(node.right)], false);
    case 'alternative':
      return together([at(node.left), at(node.right)], true);
    case 'if':
      return together([...node.branches.flatMap((branch) => [at(branch.condition), at(branch.then)]), at(node.otherwise ?? null)], false);
    case 'try':
      return together([at(node.body), at(node.handler)], true);
    case 'update': {
      const target = at(node.target);
      if (node.operator === '|=') return together([CONSTANT, target, at(node.value, { ...context, level: context.level + 1, inputLevel: context.level + 1 })], false);
      // One value at every place of many is as often in the result.
      if (target !== null && target.iterates && node.value.kind !== 'literal') return null;
      return together([CONSTANT, target, at(node.value)], false);
    }
    case 'bind':
      return visitBind(node, context, depth);
    case 'define': {
      const name = key(node.definition.name, node.definition.parameters.length);
      const home: Context = { ...context, functions: new Map([...context.functions, [name, { kind: 'recursive' }]]) };
      return at(node.rest, { ...context, functions: new Map([...context.functions, [name, { kind: 'definition', definition: node.definition, home }]]) });
    }
    case 'call':
      return visitCall(node, context, depth);
    default:
      return null;
  }
}

/** A step into a value yields a part of it: the cost of all, the growth of the target alone. */
function keep(all: Bound, target: Bound): Bound {
  return all === null || target === null ? null : { cost: all.cost, growth: target.growth, iterates: all.iterates };
}

function pipe(stages: readonly Node[], context: Context, depth: number): Bound {
  const [first, ...rest] = stages;
  const bound = visit(first ?? null, context, depth + 1);
  return rest.length === 0 ? bound : then(bound, (inside) => pipe(rest, inside, depth + 1), context);
}

function visitBind(node: NodeOf<'bind'>, context: Context, depth: number): Bound {
  const source = visit(node.source, context, depth + 1);
  const [pattern] = node.patterns;
  if (source === null || node.patterns.length > 1 || pattern?.kind !== 'variable') return null;
  const level = source.iterates ? context.level + 1 : context.level;
  const variables = new Map([...context.variables, [pattern.name, level]]);
  const body = visit(node.body, { ...context, level, variables }, depth + 1);
  return body === null ? null : { cost: source.cost + source.growth * body.cost, growth: source.growth * body.growth, iterates: source.iterates || body.iterates };
}

function key(name: string, arity: number): string {
  return `${name}/${arity}`;
}

function visitCall(node: NodeOf<'call'>, context: Context, depth: number): Bound {
  const name = key(node.name, node.args.length);
  const local = context.functions.get(name);
  if (local?.kind === 'argument') return visit(local.node, { ...local.home, level: context.level, inputLevel: context.inputLevel }, depth + 1);
  if (local?.kind === 'recursive') return null;
  if (local?.kind === 'definition') return visitDefinition(local.definition, local.home, node, context, depth);
  const [first, second] = node.args;
  if (name === 'select/1') return selected(visit(first ?? null, context, depth + 1));
  if (EACH_PART.has(name)) {
    if (context.inputLevel !== context.level) return null;
    const level = context.level + 1;
    const body = visit(first ?? null, { ...context, level, inputLevel: level }, depth + 1);
    return body === null ? null : { cost: SORTING_STEPS + 2 * body.cost, growth: 4 + 2 * body.growth, iterates: false };
  }
  if (name === 'first/1' || name === 'isempty/1' || name === 'path/1' || name === 'del/1') {
    const body = visit(first ?? null, context, depth + 1);
    return body === null ? null : { cost: 2 * body.cost + 2, growth: 1 + body.growth, iterates: body.iterates };
  }
  if (name === 'join/1' && first?.kind === 'literal' && context.inputLevel === context.level) return { cost: 4, growth: 4, iterates: false };
  if (name === 'contains/1' && first?.kind === 'literal' && context.inputLevel === context.level) return { cost: 8, growth: 1, iterates: false };
  const growth = LINEAR_FUNCTIONS.get(name);
  if (growth === undefined || context.inputLevel !== context.level) return null;
  const args = together([visit(first ?? null, context, depth + 1), visit(second ?? null, context, depth + 1)], false);
  return args === null ? null : { cost: args.cost + SORTING_STEPS, growth, iterates: args.iterates };
}

/** A filter yields its input or nothing. */
function selected(condition: Bound): Bound {
  return condition === null || condition.iterates ? null : { cost: condition.cost, growth: 1, iterates: false };
}

function visitDefinition(definition: FunctionDefinition, home: Context, node: NodeOf<'call'>, context: Context, depth: number): Bound {
  if (definition.parameters.some(({ isValue }) => isValue)) return null;
  const functions = new Map(home.functions);
  definition.parameters.forEach(({ name }, i) => functions.set(key(name, 0), { kind: 'argument', node: node.args[i] as Node, home: context }));
  return visit(definition.body, { ...home, functions, level: context.level, inputLevel: context.inputLevel }, depth + 1);
}
