/**
 * What each workflow must come to, worked out from its plan without the product: no document, no jq, no journal.
 *
 * A step fails on its first `fails` attempts. Attempts are counted as the design says (E5): a `try` that runs its block
 * again keeps the activation of the task whose error it caught, with its attempt plus one, and gives every other task
 * of the block a new one, so only the failing step gets further. What a `try` kept and did not use is gone with it.
 */
import type { Performed } from './performed.ts';
import type { Plan } from './programs.ts';

export interface Expected {
  readonly status: 'completed' | 'faulted';
  /** Of a completed one. */
  readonly n: number | undefined;
  /** Of a faulted one: the status of its error. */
  readonly errorStatus: number | undefined;
  /** Attempts of steps that must stand in the journal, as label/attempt. */
  readonly performed: readonly Performed[];
}

class Raised {
  readonly status: number;
  /** The step that failed, by where it stands; its attempt is kept by the `try` that catches it. */
  readonly path: string;
  readonly attempt: number;

  constructor(status: number, path: string, attempt: number) {
    this.status = status;
    this.path = path;
    this.attempt = attempt;
  }
}

export function expectedOf(body: readonly Plan[], input: number): Expected {
  let performed: Performed[] = [];
  /** Of each `try` around, outermost first: attempts that tasks of its block have next, where it is not the first. */
  const retained: Map<string, number>[] = [];

  /** The attempt of a task that is entered; the innermost `try` that kept one gives it up. */
  function entered(path: string): number {
    const keeper = retained.findLast((each) => each.has(path));
    const attempt = keeper?.get(path) ?? 1;
    keeper?.delete(path);
    return attempt;
  }

  function list(tasks: readonly Plan[], from: number, path: string): number {
    return tasks.reduce((n, task, index) => run(task, n, `${path}/${index}`), from);
  }

  function run(task: Plan, n: number, path: string): number {
    switch (task.kind) {
      case 'step': {
        const attempt = entered(path);
        performed.push(`${task.label}/${attempt}`);
        if (attempt <= task.fails) throw new Raised(task.status, path, attempt);
        return (n * 3 + task.add) % 1_000_003;
      }
      case 'set':
        return (n + task.add) % 1_000_003;
      case 'wait':
        return n;
      case 'switch':
        return n % task.modulo === 0 ? list(task.then, n, `${path}/then`) : list(task.otherwise, n, `${path}/else`);
      case 'for': {
        let flow = n;
        for (let index = 0; index < task.count; index++) flow = list(task.body, flow, `${path}/${index}`);
        return flow;
      }
      case 'do':
        return list(task.body, n, path);
      case 'timeout':
        return (n + task.add) % 1_000_003;
      case 'fork':
        return side(task.branches, n, path, false).reduce((sum, each) => sum + each, 0) % 1_000_003;
      case 'race':
        side(task.branches, n, path, true);
        return task.n;
      case 'raise':
        throw new Raised(task.status, path, entered(path));
      case 'try':
        return attempt(task, n, path);
    }
  }

  /** What each branch makes of n; what they perform stands in no order to one another. */
  function side(bodies: readonly (readonly Plan[])[], n: number, path: string, isRace: boolean): readonly number[] {
    const before = performed;
    const branches: (readonly Performed[])[] = [];
    const outcomes = bodies.map((body, index) => {
      performed = [];
      const outcome = list(body, n, `${path}/b${index}`);
      branches.push(performed);
      return outcome;
    });
    performed = [...before, { isRace, branches }];
    return outcomes;
  }

  function attempt(task: Extract<Plan, { kind: 'try' }>, n: number, path: string): number {
    const kept = new Map<string, number>();
    for (let retries = 0; ; retries++) {
      retained.push(kept);
      try {
        return list(task.body, n, `${path}/try`);
      } catch (raised) {
        if (!(raised instanceof Raised) || raised.status !== 503) throw raised;
        if (retries < task.retries) {
          kept.set(raised.path, raised.attempt + 1);
          continue;
        }
        kept.clear();
        if (task.handler.length > 0) return list(task.handler, n, `${path}/catch`);
        // Without a handler a policy that allows no more lets the error pass; without a policy it is swallowed.
        if (task.retries > 0) throw raised;
        return n;
      } finally {
        retained.pop();
      }
    }
  }

  try {
    const n = list(body, input, '');
    return { status: 'completed', n, errorStatus: undefined, performed };
  } catch (raised) {
    if (!(raised instanceof Raised)) throw raised;
    return { status: 'faulted', n: undefined, errorStatus: raised.status, performed };
  }
}

/** What an operation answers to its arguments at an attempt; the worker of the simulation performs it. */
export function answerOf(given: { readonly n: number; readonly add: number; readonly fails: number; readonly status: number; readonly size: number }, attempt: number): { readonly kind: 'output'; readonly json: string } | { readonly kind: 'failure'; readonly status: number } {
  if (attempt <= given.fails) return { kind: 'failure', status: given.status };
  const n = (given.n * 3 + given.add) % 1_000_003;
  return { kind: 'output', json: JSON.stringify(given.size > 0 ? { n, text: 'x'.repeat(given.size) } : { n }) };
}
