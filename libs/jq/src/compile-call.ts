// Calls: user functions, parameters, builtins. A user function is compiled once for each combination of its arguments'
// multiplicities, so that a function of single values stays free of callbacks.

import { BUILTINS, PRELUDE, REFUSED } from './builtins/catalog.ts';
import { enter, leave, tick } from './budget.ts';
import { bind, bindClosure, many, maybe, one, outer, withWalk } from './code.ts';
import type { Bare, Closure, Code, Env, Multiplicity } from './code.ts';
import { widest } from './combine.ts';
import type { JsonValue } from './json-value.ts';
import { parse } from './parser.ts';
import { bindingsIn, declareFunction, declareParameter, declareVariable, findCallable, ROOT_SCOPE } from './scope.ts';
import type { Compilation, FunctionBinding, FunctionInstance, ParameterBinding, Scope } from './scope.ts';
import { refuse } from './source-position.ts';
import { unknownFunction } from './suggestions.ts';
import type { Node, NodeOf } from './syntax.ts';

export function compileCall(c: Compilation, node: NodeOf<'call'>, scope: Scope): Code {
  const key = `${node.name}/${node.args.length}`;
  const local = findCallable(scope, node.name, node.args.length);
  if (local?.kind === 'parameter') return withWalk(callParameter(local, scope), () => walkParameter(local, scope));
  if (local?.kind === 'function') return callFunction(c, local, node, scope);
  const refused = REFUSED.get(node.name);
  if (refused !== undefined) return refuse(`${key} is not available: ${refused}`, node);
  const builtin = BUILTINS.get(key);
  if (builtin !== undefined) {
    const args = node.args.map((arg) => c.compile(arg, scope));
    return builtin({ compilation: c, scope, args, argSpans: node.args, span: node });
  }
  const prelude = preludeFunction(c, key);
  if (prelude !== null) return callFunction(c, prelude, node, scope);
  const known = [...bindingsIn(scope)].flatMap((binding) => (binding.kind === 'function' ? [`${binding.name}/${binding.arity}`] : []));
  return refuse(unknownFunction(node.name, node.args.length, [...known, ...BUILTINS.keys(), ...PRELUDE.keys()]), node);
}

/** Trees of prelude functions, parsed when first used; the same for every program. */
const PRELUDE_TREES = new Map<string, Node>();

function preludeFunction(c: Compilation, key: string): FunctionBinding | null {
  const known = c.prelude.get(key);
  if (known !== undefined) return known;
  const source = PRELUDE.get(key);
  if (source === undefined) return null;
  const tree = PRELUDE_TREES.get(key) ?? parse(`${source} .`);
  PRELUDE_TREES.set(key, tree);
  if (tree.kind !== 'define') throw new Error(`the prelude's ${key} is not a definition`);
  const { binding } = declareFunction(ROOT_SCOPE, tree.definition);
  c.prelude.set(key, binding as FunctionBinding);
  return binding as FunctionBinding;
}

function callParameter(parameter: ParameterBinding, scope: Scope): Bare {
  const steps = scope.level - parameter.level;
  const closureOf = (env: Env): Closure => outer(env, steps).closure as Closure;
  switch (parameter.multiplicity) {
    case 'one':
      return one((m, env, input) => {
        tick(m);
        const { code, env: home } = closureOf(env);
        return code.multiplicity === 'one' ? code.run(m, home, input) : null;
      });
    case 'maybe':
      return maybe((m, env, input) => {
        tick(m);
        const { code, env: home } = closureOf(env);
        return code.multiplicity === 'many' ? undefined : code.run(m, home, input);
      });
    case 'many':
      return many((m, env, input, emit) => {
        tick(m);
        const { code, env: home } = closureOf(env);
        return code.each(m, home, input, emit);
      });
  }
}

function walkParameter(parameter: ParameterBinding, scope: Scope): ReturnType<Code['walk']> {
  const steps = scope.level - parameter.level;
  return (m, env, path, input, emit) => {
    tick(m);
    const { code, env: home } = outer(env, steps).closure as Closure;
    return code.walk()(m, home, path, input, emit);
  };
}

/** How an argument reaches the function: a parameter that is passed on keeps its own closure. */
type PassArgument = (env: Env) => Closure;

function passArgument(arg: Node, code: Code, scope: Scope): PassArgument {
  if (arg.kind === 'call' && arg.args.length === 0) {
    const callable = findCallable(scope, arg.name, 0);
    if (callable?.kind === 'parameter') {
      const steps = scope.level - callable.level;
      return (env) => outer(env, steps).closure as Closure;
    }
  }
  return (env) => ({ code, env });
}

function callFunction(c: Compilation, binding: FunctionBinding, node: NodeOf<'call'>, scope: Scope): Code {
  const { definition } = binding;
  const codes = node.args.map((arg) => c.compile(arg, scope));
  const passes = node.args.map((arg, i) => passArgument(arg, codes[i] as Code, scope));
  const instance = instanceOf(c, binding, codes.map(({ multiplicity }) => multiplicity));
  const steps = scope.level - binding.scope().level;
  const valueArgs = codes.filter((_, i) => definition.parameters[i]?.isValue === true);
  const weight = 1 + definition.body.height + 2 * valueArgs.length;

  /** The function's environment: all closures, then the value parameters. */
  const enterWith = (env: Env, values: readonly JsonValue[]): Env => {
    let inner = outer(env, steps);
    for (const pass of passes) inner = bindClosure(inner, pass(env));
    for (const value of values) inner = bind(inner, value);
    return inner;
  };
  const eachEnvironment = (m: Parameters<Code['each']>[0], env: Env, input: JsonValue, body: (inner: Env) => boolean): boolean => {
    const values: JsonValue[] = [];
    const fill = (at: number): boolean => {
      const arg = valueArgs[at];
      if (arg === undefined) return body(enterWith(env, values));
      return arg.each(m, env, input, (value) => {
        values[at] = value;
        return fill(at + 1);
      });
    };
    return fill(0);
  };

  return withWalk(callBody(instance, widest(instance.multiplicity, ...valueArgs.map(({ multiplicity }) => multiplicity))), () => {
    return (m, env, path, input, emit) =>
      eachEnvironment(m, env, input, (inner) => {
        tick(m);
        enter(m, weight);
        const more = (instance.code as Code).walk()(m, inner, path, input, emit);
        leave(m, weight);
        return more;
      });
  });

  function callBody(callee: FunctionInstance, multiplicity: Multiplicity): Bare {
    if (multiplicity === 'many') {
      return many((m, env, input, emit) =>
        eachEnvironment(m, env, input, (inner) => {
          tick(m);
          enter(m, weight);
          const more = (callee.code as Code).each(m, inner, input, emit);
          leave(m, weight);
          return more;
        }),
      );
    }
    const run = (m: Parameters<Code['each']>[0], env: Env, input: JsonValue): JsonValue | undefined => {
      tick(m);
      const values: JsonValue[] = [];
      for (const arg of valueArgs) {
        const value = arg.multiplicity === 'many' ? undefined : arg.run(m, env, input);
        if (value === undefined) return undefined;
        values.push(value);
      }
      enter(m, weight);
      const body = callee.code as Code;
      const result = body.multiplicity === 'many' ? undefined : body.run(m, enterWith(env, values), input);
      leave(m, weight);
      return result;
    };
    return multiplicity === 'one' ? one(run as Parameters<typeof one>[0]) : maybe(run);
  }
}

/**
 * The body compiled for these arguments. A recursive body is first assumed to yield one value; if it turns out to yield
 * otherwise, it is compiled again under the weaker assumption. When the assumption holds it is right: whatever ends, ends
 * through calls that yielded one value.
 */
function instanceOf(c: Compilation, binding: FunctionBinding, args: readonly Multiplicity[]): FunctionInstance {
  const key = args.join();
  const known = binding.instances.get(key);
  if (known !== undefined) {
    if (known.code === null) {
      known.isRecursive = true;
      c.mayDeepen = true;
    }
    return known;
  }
  const instance: FunctionInstance = { code: null, multiplicity: 'one', isRecursive: false };
  binding.instances.set(key, instance);
  const { parameters, body } = binding.definition;
  let scope = parameters.reduce((at, parameter, i) => declareParameter(at, parameter.name, args[i] as Multiplicity), binding.scope());
  for (const parameter of parameters) if (parameter.isValue) scope = declareVariable(scope, parameter.name);
  for (;;) {
    const code = c.compile(body, scope);
    const actual = widest(code.multiplicity, instance.multiplicity);
    if (!instance.isRecursive || actual === instance.multiplicity) {
      instance.multiplicity = actual;
      instance.code = code;
      return instance;
    }
    instance.multiplicity = actual;
    forgetInstancesAfter(binding, key);
  }
}

/** Instances compiled meanwhile relied on the assumption that has just failed. */
function forgetInstancesAfter(binding: FunctionBinding, key: string): void {
  const keys = [...binding.instances.keys()];
  for (const later of keys.slice(keys.indexOf(key) + 1)) binding.instances.delete(later);
}
