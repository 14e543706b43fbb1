// Builtins that let values through or end a branch: empty, error, select, first, limit, any, all and their kin.

import { choose, identityCode, pipe } from '../compile-control.ts';
import { iterate } from '../compile-access.ts';
import { tick } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { many, maybe, NO_PATH, one, withWalk } from '../code.ts';
import type { Bare, Code, Path } from '../code.ts';
import { JqFailure, typeFailure } from '../failure.ts';
import { isArray, isObject, isTrue } from '../json-value.ts';
import type { JsonValue } from '../json-value.ts';
import { argument } from './builtin.ts';
import type { Builtin, BuiltinEntry } from './builtin.ts';

export function emptyCode(): Code {
  return withWalk(
    maybe(() => undefined),
    () => () => true,
  );
}

function raise(value: JsonValue): never {
  throw new JqFailure('raised', value);
}

const error: Builtin = ({ args }) => {
  const [message] = args;
  if (message === undefined) {
    return withWalk(
      one((m, _env, input) => {
        tick(m);
        return raise(input);
      }),
    );
  }
  return withWalk(message.multiplicity === 'one' ? one((m, env, input) => raise(message.run(m, env, input))) : many((m, env, input) => message.each(m, env, input, raise)));
};

function selectCode(condition: Code): Code {
  return choose(condition, identityCode(), emptyCode());
}

/** Lets inputs of some types through. */
function selectType(test: (value: JsonValue) => boolean): Builtin {
  return () =>
    withWalk(
      maybe((m, _env, input) => {
        tick(m);
        return test(input) ? input : undefined;
      }),
      () => (m, _env, path, input, emit) => {
        tick(m);
        return test(input) ? emit(path, input) : true;
      },
    );
}

/** The first output. */
function firstCode(source: Code): Code {
  const walk = (): ReturnType<Code['walk']> => {
    const walkSource = source.walk();
    return (m, env, path, input, emit) => {
      let found: { readonly path: Path; readonly value: JsonValue } | null = null as { readonly path: Path; readonly value: JsonValue } | null;
      walkSource(m, env, path, input, (at, value) => {
        found = { path: at, value };
        return false;
      });
      return found === null || emit(found.path, found.value);
    };
  };
  if (source.multiplicity !== 'many') return withWalk(source, walk);
  const { each } = source;
  return withWalk(
    maybe((m, env, input) => {
      let found: JsonValue | undefined;
      each(m, env, input, (value) => {
        found = value;
        return false;
      });
      return found;
    }),
    walk,
  );
}

/** The last output, or null without any. */
function lastCode(source: Code): Code {
  const walk = (): ReturnType<Code['walk']> => {
    const walkSource = source.walk();
    return (m, env, path, input, emit) => {
      let found = null as { readonly path: Path; readonly value: JsonValue } | null;
      walkSource(m, env, path, input, (at, value) => {
        tick(m);
        found = { path: at, value };
        return true;
      });
      return found === null ? emit(NO_PATH, null) : emit(found.path, found.value);
    };
  };
  return withWalk(
    one((m, env, input) => {
      let found: JsonValue = null;
      source.each(m, env, input, (value) => {
        tick(m);
        found = value;
        return true;
      });
      return found;
    }),
    walk,
  );
}

function count(value: JsonValue, name: string): number {
  if (typeof value !== 'number') throw typeFailure(`${name} needs a number`);
  return value;
}

/** Outputs up to a number of them. `drop` says how many come first without being handed on. */
function window(site: Parameters<Builtin>[0], name: string, bounds: (n: number) => { readonly drop: number; readonly take: number }): Code {
  const amount = argument(site, 0);
  const source = argument(site, 1);
  const through = <Args extends readonly unknown[]>(n: JsonValue, emit: (...args: Args) => boolean, run: (inner: (...args: Args) => boolean) => boolean, m: Meter): boolean => {
    const { drop, take } = bounds(count(n, name));
    if (take <= 0) return true;
    let seen = 0;
    let asked = true;
    run((...args) => {
      tick(m);
      if (seen++ < drop) return true;
      asked = emit(...args);
      return asked && seen < drop + take;
    });
    return asked;
  };
  return withWalk(
    many((m, env, input, emit) => amount.each(m, env, input, (n) => through<[JsonValue]>(n, emit, (inner) => source.each(m, env, input, inner), m))),
    () => {
      const walk = source.walk();
      return (m, env, path, input, emit) =>
        amount.each(m, env, input, (n) => through<[Path, JsonValue]>(n, emit, (inner) => walk(m, env, path, input, inner), m));
    },
  );
}

function position(n: number): { readonly drop: number; readonly take: number } {
  if (n < 0) throw typeFailure("nth doesn't support negative indices");
  return { drop: Math.floor(n), take: 1 };
}

/** any and all: whether some output of the source meets the condition; stops at the first that decides. */
function quantify(source: Code | null, condition: Code, decisive: boolean): Bare {
  return one((m, env, input) => {
    let result = !decisive;
    const look = (value: JsonValue): boolean => {
      tick(m);
      return condition.each(m, env, value, (answer) => {
        if (isTrue(answer) !== decisive) return true;
        result = decisive;
        return false;
      });
    };
    if (source === null) iterate(m, input, look);
    else source.each(m, env, input, look);
    return result;
  });
}

function quantifier(decisive: boolean): Builtin {
  return ({ args }) => {
    const condition = args[args.length - 1] ?? identityCode();
    return withWalk(quantify(args.length === 2 ? (args[0] as Code) : null, condition, decisive));
  };
}

const isempty: Builtin = (site) => {
  const source = argument(site, 0);
  return withWalk(
    one((m, env, input) => {
      let isEmpty = true;
      source.each(m, env, input, () => (isEmpty = false));
      return isEmpty;
    }),
  );
};

/** Whether the argument runs without an error. */
const isvalid: Builtin = (site) => {
  const source = pipe(argument(site, 0), withWalk(one(() => true)));
  return withWalk(
    one((m, env, input) => {
      const { depth } = m;
      try {
        source.each(m, env, input, () => true);
        return true;
      } catch (failure) {
        if (!(failure instanceof JqFailure) || (failure.reason !== 'raised' && failure.reason !== 'type')) throw failure;
        m.depth = depth;
        return false;
      }
    }),
  );
};

const not: Builtin = () => withWalk(one((_m, _env, input) => !isTrue(input)));

const isScalar = (value: JsonValue): boolean => typeof value !== 'object' || value === null;

export const SELECTION: readonly BuiltinEntry[] = [
  ['empty/0', emptyCode],
  ['error/0', error],
  ['error/1', error],
  ['not/0', not],
  ['select/1', (site) => selectCode(argument(site, 0))],
  ['values/0', selectType((value) => value !== null)],
  ['nulls/0', selectType((value) => value === null)],
  ['booleans/0', selectType((value) => typeof value === 'boolean')],
  ['numbers/0', selectType((value) => typeof value === 'number')],
  ['strings/0', selectType((value) => typeof value === 'string')],
  ['arrays/0', selectType(isArray)],
  ['objects/0', selectType(isObject)],
  ['iterables/0', selectType((value) => !isScalar(value))],
  ['scalars/0', selectType(isScalar)],
  ['finites/0', selectType((value) => typeof value === 'number' && Number.isFinite(value))],
  ['normals/0', selectType((value) => typeof value === 'number' && Number.isFinite(value) && Math.abs(value) >= 2 ** -1022)],
  ['first/1', (site) => firstCode(argument(site, 0))],
  ['last/1', (site) => lastCode(argument(site, 0))],
  ['limit/2', (site) => window(site, 'limit', (n) => ({ drop: 0, take: n < 0 ? Infinity : Math.ceil(n) }))],
  ['skip/2', (site) => window(site, 'skip', (n) => ({ drop: Math.max(0, Math.ceil(n)), take: Infinity }))],
  ['nth/2', (site) => window(site, 'nth', position)],
  ['isempty/1', isempty],
  ['isvalid/1', isvalid],
  ['any/0', quantifier(true)],
  ['any/1', quantifier(true)],
  ['any/2', quantifier(true)],
  ['all/0', quantifier(false)],
  ['all/1', quantifier(false)],
  ['all/2', quantifier(false)],
];
