// Builtins that produce many values: range, recurse, while, until, repeat. All run as loops where jq's definitions recurse.

import { cannotIndex } from '../access.ts';
import { allocateArray, enter, leave, tick } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { many, one, withWalk } from '../code.ts';
import type { Code, Emit, EmitPath, Env, Path } from '../code.ts';
import { iterate, recurseCode } from '../compile-access.ts';
import { literalCode } from '../compile-construct.ts';
import { typeFailure } from '../failure.ts';
import { isArray, isTrue } from '../json-value.ts';
import type { JsonValue } from '../json-value.ts';
import { argument } from './builtin.ts';
import type { Builtin, BuiltinEntry } from './builtin.ts';

function numberOf(value: JsonValue): number {
  if (typeof value !== 'number') throw typeFailure('Range bounds must be numeric');
  return value;
}

function count(m: Meter, from: number, to: number, step: number, emit: Emit): boolean {
  if (step === 0 && from < to) {
    for (;;) {
      tick(m);
      if (!emit(from)) return false;
    }
  }
  for (let at = from; step > 0 ? at < to : at > to; at += step) {
    tick(m);
    if (!emit(at)) return false;
    if (step === 0) return true;
  }
  return true;
}

const range: Builtin = ({ args }) => {
  const [first, second, third] = args;
  const from = second === undefined ? literalCode(0) : (first as Code);
  const to = second ?? (first as Code);
  const by = third ?? literalCode(1);
  return withWalk(
    many((m, env, input, emit) =>
      from.each(m, env, input, (start) =>
        to.each(m, env, input, (end) => by.each(m, env, input, (step) => count(m, numberOf(start), numberOf(end), numberOf(step), emit))),
      ),
    ),
  );
};

/** `recurse(f)` and `recurse(f; condition)`: the input, then the same of every output of f. */
const recurse: Builtin = ({ compilation, args }) => {
  compilation.mayDeepen = true;
  const [step, condition] = args as readonly [Code, Code | undefined];
  const follow = (m: Meter, env: Env, value: JsonValue, emit: Emit): boolean => {
    tick(m);
    if (!emit(value)) return false;
    enter(m, 4);
    const more = step.each(m, env, value, (next) =>
      condition === undefined ? follow(m, env, next, emit) : condition.each(m, env, next, (answer) => !isTrue(answer) || follow(m, env, next, emit)),
    );
    leave(m, 4);
    return more;
  };
  return withWalk(
    many((m, env, input, emit) => {
      if (step.multiplicity === 'many' || condition !== undefined) return follow(m, env, input, emit);
      for (let value: JsonValue | undefined = input; value !== undefined; value = step.run(m, env, value)) {
        tick(m);
        if (!emit(value)) return false;
      }
      return true;
    }),
    () => {
      const walk = step.walk();
      const followPaths = (m: Meter, env: Env, path: Path, value: JsonValue, emit: EmitPath): boolean => {
        tick(m);
        if (!emit(path, value)) return false;
        enter(m, 4);
        const more = walk(m, env, path, value, (at, next) =>
          condition === undefined
            ? followPaths(m, env, at, next, emit)
            : condition.each(m, env, next, (answer) => !isTrue(answer) || followPaths(m, env, at, next, emit)),
        );
        leave(m, 4);
        return more;
      };
      return followPaths;
    },
  );
};

/** `recurse_down`, the old name of `recurse` over what is iterable. */
const recurseDown: Builtin = () => recurseCode();

/** `while(condition; update)`: values as long as the condition holds. */
const whileBuiltin: Builtin = (site) => {
  site.compilation.mayDeepen = true;
  const condition = argument(site, 0);
  const update = argument(site, 1);
  const follow = (m: Meter, env: Env, value: JsonValue, emit: Emit): boolean => {
    tick(m);
    return condition.each(m, env, value, (answer) => {
      if (!isTrue(answer)) return true;
      if (!emit(value)) return false;
      enter(m, 4);
      const more = update.each(m, env, value, (next) => follow(m, env, next, emit));
      leave(m, 4);
      return more;
    });
  };
  return withWalk(
    many((m, env, input, emit) => {
      if (condition.multiplicity !== 'one' || update.multiplicity === 'many') return follow(m, env, input, emit);
      let value: JsonValue | undefined = input;
      while (value !== undefined && isTrue(condition.run(m, env, value))) {
        tick(m);
        if (!emit(value)) return false;
        value = update.run(m, env, value);
      }
      return true;
    }),
  );
};

/** `until(condition; update)`: the first value for which the condition holds. */
const untilBuiltin: Builtin = (site) => {
  site.compilation.mayDeepen = true;
  const condition = argument(site, 0);
  const update = argument(site, 1);
  if (condition.multiplicity === 'one' && update.multiplicity === 'one') {
    return withWalk(
      one((m, env, input) => {
        let value = input;
        while (!isTrue(condition.run(m, env, value))) {
          tick(m);
          value = update.run(m, env, value);
        }
        return value;
      }),
    );
  }
  const follow = (m: Meter, env: Env, value: JsonValue, emit: Emit): boolean => {
    tick(m);
    return condition.each(m, env, value, (answer) => {
      if (isTrue(answer)) return emit(value);
      enter(m, 4);
      const more = update.each(m, env, value, (next) => follow(m, env, next, emit));
      leave(m, 4);
      return more;
    });
  };
  return withWalk(many(follow));
};

/** `repeat(f)`: the input, then the same of every output of f, without end. */
const repeat: Builtin = (site) => recurse(site);

const combinations: Builtin = ({ args }) => {
  const [times] = args;
  const choose = (m: Meter, lists: readonly JsonValue[], picked: readonly JsonValue[], emit: Emit): boolean => {
    tick(m);
    const list = lists[picked.length];
    if (list === undefined) return emit(picked);
    enter(m, 2);
    const more = iterate(m, list, (item) => {
      allocateArray(m, picked.length + 1);
      return choose(m, lists, [...picked, item], emit);
    });
    leave(m, 2);
    return more;
  };
  const listsOf = (m: Meter, value: JsonValue): JsonValue[] => {
    const lists: JsonValue[] = [];
    if (value === null) return lists;
    if (!isArray(value)) throw cannotIndex(value, 0);
    iterate(m, value, (list) => (lists.push(list), true));
    return lists;
  };
  if (times === undefined) return withWalk(many((m, _env, input, emit) => choose(m, listsOf(m, input), [], emit)));
  return withWalk(
    many((m, env, input, emit) =>
      times.each(m, env, input, (n) => {
        const lists: JsonValue[] = [];
        for (let i = 0; i < numberOf(n); i++) {
          tick(m);
          lists.push(input);
        }
        return choose(m, lists, [], emit);
      }),
    ),
  );
};

export const GENERATION: readonly BuiltinEntry[] = [
  ['range/1', range],
  ['range/2', range],
  ['range/3', range],
  ['recurse/0', recurseDown],
  ['recurse/1', recurse],
  ['recurse/2', recurse],
  ['recurse_down/0', recurseDown],
  ['while/2', whileBuiltin],
  ['until/2', untilBuiltin],
  ['repeat/1', repeat],
  ['combinations/0', combinations],
  ['combinations/1', combinations],
];
