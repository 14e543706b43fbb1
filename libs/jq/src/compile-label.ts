// `label $x | …` and `break $x`: leaving a part of the program early. A break unwinds as a signal; the label's own
// environment node is its identity, so a label entered again by recursion is another label.

import { tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { bind, many, one, outer, withWalk } from './code.ts';
import type { Code, Env } from './code.ts';
import { BREAK } from './failure.ts';
import { declareLabel, findLabel } from './scope.ts';
import type { Compilation, Scope } from './scope.ts';
import { refuse } from './source-position.ts';
import type { NodeOf } from './syntax.ts';

export function compileLabel(c: Compilation, node: NodeOf<'label'>, scope: Scope): Code {
  const body = c.compile(node.body, declareLabel(scope, node.name));
  return withWalk(
    many((m, env, input, emit) => {
      const label = bind(env, null);
      return untilBreak(m, label, () => body.each(m, label, input, emit));
    }),
    () => {
      const walk = body.walk();
      return (m, env, path, input, emit) => {
        const label = bind(env, null);
        return untilBreak(m, label, () => walk(m, label, path, input, emit));
      };
    },
  );
}

function untilBreak(m: Meter, label: Env, body: () => boolean): boolean {
  const { depth } = m;
  try {
    return body();
  } catch (signal) {
    if (signal !== BREAK || m.breakTarget !== label) throw signal;
    m.breakTarget = null;
    m.depth = depth;
    return true;
  }
}

export function compileBreak(node: NodeOf<'break'>, scope: Scope): Code {
  const label = findLabel(scope, node.name);
  if (label === null) return refuse(`there is no label "$${node.name}" around this "break"`, node);
  const steps = scope.level - label.level;
  return withWalk(
    one((m, env) => {
      tick(m);
      m.breakTarget = outer(env, steps);
      throw BREAK;
    }),
  );
}
