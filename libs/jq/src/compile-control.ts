// Control flow: pipe, comma, if, try, //, and, or.

import { many, maybe, one, withWalk } from './code.ts';
import type { Bare, Code, Env, EmitPath, Path } from './code.ts';
import { tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { widest } from './combine.ts';
import { isCatchable } from './failure.ts';
import type { JqFailure } from './failure.ts';
import { isTrue } from './json-value.ts';
import type { JsonValue } from './json-value.ts';
import type { Compilation, Scope } from './scope.ts';
import type { NodeOf } from './syntax.ts';

export function compilePipe(c: Compilation, node: NodeOf<'pipe'>, scope: Scope): Code {
  return node.stages.map((stage) => c.compile(stage, scope)).reduceRight((rest, stage) => pipe(stage, rest));
}

export function pipe(a: Code, b: Code): Code {
  return withWalk(pipeValues(a, b), () => {
    const first = a.walk();
    const second = b.walk();
    return (m, env, path, input, emit) => first(m, env, path, input, (at, value) => second(m, env, at, value, emit));
  });
}

function pipeValues(a: Code, b: Code): Bare {
  if (a.multiplicity === 'many') {
    const { each } = a;
    if (b.multiplicity === 'one') {
      const { run } = b;
      return many((m, env, input, emit) => each(m, env, input, (value) => emit(run(m, env, value))));
    }
    return many((m, env, input, emit) => each(m, env, input, (value) => b.each(m, env, value, emit)));
  }
  if (b.multiplicity === 'many') {
    const { run } = a;
    return many((m, env, input, emit) => {
      const value = run(m, env, input);
      return value === undefined ? true : b.each(m, env, value, emit);
    });
  }
  if (a.multiplicity === 'one') {
    const first = a.run;
    if (b.multiplicity === 'one') {
      const second = b.run;
      return one((m, env, input) => second(m, env, first(m, env, input)));
    }
    const second = b.run;
    return maybe((m, env, input) => second(m, env, first(m, env, input)));
  }
  const first = a.run;
  const second = b.run;
  return maybe((m, env, input) => {
    const value = first(m, env, input);
    return value === undefined ? undefined : second(m, env, value);
  });
}

export function compileComma(c: Compilation, node: NodeOf<'comma'>, scope: Scope): Code {
  const items = node.items.map((item) => c.compile(item, scope));
  return withWalk(
    many((m, env, input, emit) => {
      for (const item of items) {
        tick(m);
        if (!item.each(m, env, input, emit)) return false;
      }
      return true;
    }),
    () => {
      const walks = items.map((item) => item.walk());
      return (m, env, path, input, emit) => {
        for (const walk of walks) {
          tick(m);
          if (!walk(m, env, path, input, emit)) return false;
        }
        return true;
      };
    },
  );
}

export function compileIf(c: Compilation, node: NodeOf<'if'>, scope: Scope): Code {
  const otherwise = node.otherwise === null ? identityCode() : c.compile(node.otherwise, scope);
  return node.branches.reduceRight(
    (rest, branch) => choose(c.compile(branch.condition, scope), c.compile(branch.then, scope), rest),
    otherwise,
  );
}

export function identityCode(): Code {
  return withWalk(one((_m, _env, input) => input), () => (_m, _env, path, input, emit) => emit(path, input));
}

export function choose(condition: Code, yes: Code, no: Code): Code {
  return withWalk(chooseValue(condition, yes, no), () => {
    const walkYes = yes.walk();
    const walkNo = no.walk();
    return (m, env, path, input, emit) =>
      condition.each(m, env, input, (answer) => (isTrue(answer) ? walkYes(m, env, path, input, emit) : walkNo(m, env, path, input, emit)));
  });
}

function chooseValue(condition: Code, yes: Code, no: Code): Bare {
  if (condition.multiplicity === 'many') {
    return many((m, env, input, emit) =>
      condition.each(m, env, input, (answer) => (isTrue(answer) ? yes.each(m, env, input, emit) : no.each(m, env, input, emit))),
    );
  }
  const test = condition.run;
  if (yes.multiplicity === 'many' || no.multiplicity === 'many') {
    return many((m, env, input, emit) => {
      const answer = test(m, env, input);
      if (answer === undefined) return true;
      tick(m);
      return isTrue(answer) ? yes.each(m, env, input, emit) : no.each(m, env, input, emit);
    });
  }
  if (condition.multiplicity === 'one' && yes.multiplicity === 'one' && no.multiplicity === 'one') {
    const runYes = yes.run;
    const runNo = no.run;
    return one((m, env, input) => {
      tick(m);
      return isTrue(test(m, env, input) as JsonValue) ? runYes(m, env, input) : runNo(m, env, input);
    });
  }
  const runYes = yes.run;
  const runNo = no.run;
  return maybe((m, env, input) => {
    tick(m);
    const answer = test(m, env, input);
    if (answer === undefined) return undefined;
    return isTrue(answer) ? runYes(m, env, input) : runNo(m, env, input);
  });
}

/**
 * Runs `body` and hands its own failure to `handle`. A failure of whoever consumes the outputs passes through: `guard`
 * wraps the consumer so that the two can be told apart.
 */
function guarded<Args extends readonly unknown[]>(
  m: Meter,
  emit: (...args: Args) => boolean,
  body: (emit: (...args: Args) => boolean) => boolean,
  handle: (failure: JqFailure) => boolean,
): boolean {
  const { depth } = m;
  let consuming = false;
  try {
    return body((...args) => {
      consuming = true;
      const more = emit(...args);
      consuming = false;
      return more;
    });
  } catch (failure) {
    if (consuming || !isCatchable(failure)) throw failure;
    m.depth = depth;
    tick(m);
    return handle(failure);
  }
}

export function compileTry(c: Compilation, node: NodeOf<'try'>, scope: Scope): Code {
  const body = c.compile(node.body, scope);
  const handler = node.handler === null ? null : c.compile(node.handler, scope);
  return withWalk(tryValue(body, handler), () => {
    const walk = body.walk();
    const walkHandler = handler?.walk() ?? null;
    return (m, env, path, input, emit) =>
      guarded<[Path, JsonValue]>(
        m,
        emit,
        (inner) => walk(m, env, path, input, inner as EmitPath),
        (failure) => walkHandler === null || walkHandler(m, env, path, failure.value(m), emit),
      );
  });
}

function tryValue(body: Code, handler: Code | null): Bare {
  const both = widest(body.multiplicity, handler === null ? 'maybe' : handler.multiplicity);
  if (both === 'many' || body.multiplicity === 'many' || handler?.multiplicity === 'many') {
    return many((m, env, input, emit) =>
      guarded(
        m,
        emit,
        (inner) => body.each(m, env, input, inner),
        (failure) => handler === null || handler.each(m, env, failure.value(m), emit),
      ),
    );
  }
  const { run } = body;
  const runHandler = handler?.run ?? null;
  const attempt = (m: Meter, env: Env, input: JsonValue): JsonValue | undefined => {
    const { depth } = m;
    try {
      return run(m, env, input);
    } catch (failure) {
      if (!isCatchable(failure)) throw failure;
      tick(m);
      m.depth = depth;
      return runHandler === null ? undefined : runHandler(m, env, failure.value(m));
    }
  };
  return both === 'one' ? one(attempt as Parameters<typeof one>[0]) : maybe(attempt);
}

/** All true outputs of the left side; without any, the right side. Errors of the left side pass, as in jq. */
export function compileAlternative(c: Compilation, node: NodeOf<'alternative'>, scope: Scope): Code {
  const left = c.compile(node.left, scope);
  const right = c.compile(node.right, scope);
  return withWalk(alternativeValue(left, right), () => {
    const walkLeft = left.walk();
    const walkRight = right.walk();
    return (m, env, path, input, emit) => {
      let found = false;
      const more = walkLeft(m, env, path, input, (at, value) => !isTrue(value) || ((found = true), emit(at, value)));
      return found ? more : walkRight(m, env, path, input, emit);
    };
  });
}

function alternativeValue(left: Code, right: Code): Bare {
  if (left.multiplicity === 'many' || right.multiplicity === 'many') {
    return many((m, env, input, emit) => {
      let found = false;
      const more = left.each(m, env, input, (value) => !isTrue(value) || ((found = true), emit(value)));
      return found ? more : right.each(m, env, input, emit);
    });
  }
  const runLeft = left.run;
  if (right.multiplicity === 'one') {
    const runRight = right.run;
    return one((m, env, input) => {
      const value = runLeft(m, env, input);
      return value !== undefined && isTrue(value) ? value : runRight(m, env, input);
    });
  }
  const runRight = right.run;
  return maybe((m, env, input) => {
    const value = runLeft(m, env, input);
    return value !== undefined && isTrue(value) ? value : runRight(m, env, input);
  });
}

export function compileLogic(c: Compilation, node: NodeOf<'logic'>, scope: Scope): Code {
  const left = c.compile(node.left, scope);
  const right = c.compile(node.right, scope);
  const decisive = node.operator === 'or';
  if (left.multiplicity === 'one' && right.multiplicity === 'one') {
    const runLeft = left.run;
    const runRight = right.run;
    return withWalk(one((m, env, input) => (isTrue(runLeft(m, env, input)) === decisive ? decisive : isTrue(runRight(m, env, input)))));
  }
  return withWalk(
    many((m, env, input, emit) =>
      left.each(m, env, input, (value) =>
        isTrue(value) === decisive ? emit(decisive) : right.each(m, env, input, (other) => emit(isTrue(other))),
      ),
    ),
  );
}
