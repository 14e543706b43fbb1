/**
 * Random workflows, each in two forms: the document that the product compiles, and a plan that the model carries out.
 *
 * A plan is made first; the document is written from it. What a step answers follows from its arguments and its
 * attempt alone, so every workflow has one end, however often and wherever its steps run.
 */
import { compileWorkflow, readDocuments } from '@millrace/dsl';
import type { Program } from '@millrace/engine';
import type { Random } from '../world/random.ts';

export const OPERATION = 'sim.work:1.0.0@default';

/** Steps carry a name of their own, so that the model can say which were performed. The data is always `{n, log}`-like: a number. */
export type Plan =
  /** n becomes n * 3 + add, modulo 1,000,003. `fails`: attempts that fail, with this status. */
  | { readonly kind: 'step'; readonly label: string; readonly add: number; readonly fails: number; readonly status: number; readonly ms: number; readonly size: number }
  | { readonly kind: 'set'; readonly add: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'switch'; readonly modulo: number; readonly then: readonly Plan[]; readonly otherwise: readonly Plan[] }
  | { readonly kind: 'for'; readonly count: number; readonly body: readonly Plan[] }
  | { readonly kind: 'try'; readonly body: readonly Plan[]; readonly retries: number; readonly delayMs: number; readonly handler: readonly Plan[] }
  | { readonly kind: 'raise'; readonly status: number }
  | { readonly kind: 'do'; readonly body: readonly Plan[] }
  /** A block that waits for longer than it may, and n becomes n + add. */
  | { readonly kind: 'timeout'; readonly ms: number; readonly waitMs: number; readonly add: number }
  /** Branches side by side; n becomes the sum of theirs. */
  | { readonly kind: 'fork'; readonly branches: readonly (readonly Plan[])[] }
  /** The first branch to end decides; whichever it is, n becomes `n`. */
  | { readonly kind: 'race'; readonly branches: readonly (readonly Plan[])[]; readonly n: number };

export interface Workflow {
  readonly name: string;
  readonly body: readonly Plan[];
  readonly program: Program;
}

/** How much a workflow may hold. */
export interface Shape {
  readonly depth: number;
  readonly tasks: number;
  /** Waits of up to so many milliseconds. */
  readonly waitMs: number;
  /** A step's result may be so long, in characters. */
  readonly sizeMax: number;
}

export function createWorkflow(random: Random, name: string, shape: Shape): Workflow {
  let labels = 0;
  function plan(depth: number): Plan {
    const kind = random.below(depth > 0 ? 17 : 9);
    if (kind >= 14) return aside(kind, depth);
    if (kind < 5) return step(random.chance(0.12) ? 1 + random.below(3) : 0);
    if (kind < 6) return { kind: 'set', add: random.below(100) };
    if (kind < 8) return { kind: 'wait', ms: 1 + random.below(random.chance(0.2) ? shape.waitMs * 10 : shape.waitMs) };
    if (kind < 9) return random.chance(0.2) ? { kind: 'raise', status: 400 + random.below(100) } : step(0);
    if (kind < 10) return { kind: 'switch', modulo: 2 + random.below(3), then: list(depth - 1), otherwise: list(depth - 1) };
    if (kind < 12) return { kind: 'for', count: random.below(5), body: list(depth - 1) };
    if (kind < 13) return { kind: 'try', body: list(depth - 1), retries: random.below(4), delayMs: random.below(800), handler: random.chance(0.6) ? list(depth - 1) : [] };
    return { kind: 'do', body: list(depth - 1) };
  }
  function aside(kind: number, depth: number): Plan {
    if (kind < 15) return { kind: 'timeout', ms: 1 + random.below(400), waitMs: 20_000, add: random.below(100) };
    const branches = Array.from({ length: 1 + random.below(random.chance(0.1) ? 40 : 4) }, () => branch(depth - 1));
    if (kind < 16) return { kind: 'fork', branches };
    // Its own last step says where it is over: a branch that lost has performed whatever it came to.
    return { kind: 'do', body: [{ kind: 'race', branches, n: random.below(1_000) }, step(0)] };
  }
  /** What cannot fail: a branch that fails ends the others wherever they are. */
  function branch(depth: number): readonly Plan[] {
    return Array.from({ length: 1 + random.below(3) }, (): Plan => {
      const kind = random.below(depth > 0 ? 7 : 5);
      if (kind < 3) return step(0);
      if (kind < 4) return { kind: 'set', add: random.below(100) };
      if (kind < 5) return { kind: 'wait', ms: 1 + random.below(shape.waitMs) };
      if (kind < 6) return { kind: 'for', count: random.below(4), body: branch(depth - 1) };
      return { kind: 'fork', branches: [branch(depth - 1), branch(depth - 1)] };
    });
  }
  function step(fails: number): Plan {
    return { kind: 'step', label: `s${labels++}`, add: random.below(1_000), fails, status: random.chance(0.7) ? 503 : 400, ms: random.chance(0.3) ? 0 : random.below(random.chance(0.1) ? 3_000 : 120), size: random.chance(0.03) ? random.below(shape.sizeMax) : 0 };
  }
  function list(depth: number): readonly Plan[] {
    return Array.from({ length: 1 + random.below(depth === shape.depth ? shape.tasks : 3) }, () => plan(depth));
  }
  const body = list(shape.depth);
  return { name, body, program: compile(name, body) };
}

/** A workflow that sleeps between its steps: longer than an execution has to wait for to leave memory. */
export function sleeper(name: string, waitMs: number): Workflow {
  const step = (label: string): Plan => ({ kind: 'step', label, add: 7, fails: 0, status: 503, ms: 0, size: 0 });
  const body: readonly Plan[] = [step('s0'), { kind: 'wait', ms: waitMs }, step('s1'), step('s2')];
  return { name, body, program: compile(name, body) };
}

/** A workflow of `count` steps one after the other. */
export function chain(name: string, count: number): Workflow {
  const body = Array.from({ length: count }, (_, index): Plan => ({ kind: 'step', label: `s${index}`, add: index, fails: 0, status: 503, ms: index % 2 === 0 ? 0 : 20, size: 0 }));
  return { name, body, program: compile(name, body) };
}

function compile(name: string, body: readonly Plan[]): Program {
  const text = JSON.stringify({ document: { dsl: '1.0.3', namespace: 'sim', name, version: '1.0.0' }, do: tasksOf(body) });
  const read = readDocuments(text, { fileName: `${name}.yaml` });
  const [document] = read.kind === 'read' ? read.documents : [];
  if (document?.kind !== 'workflow') throw new Error(`The generated workflow cannot be read: ${JSON.stringify(read)}`);
  const compiled = compileWorkflow(document);
  if (compiled.kind === 'refused') throw new Error(`The generated workflow is refused: ${JSON.stringify(compiled.problems)}\n${text}`);
  return compiled.program;
}

function tasksOf(body: readonly Plan[]): readonly object[] {
  return body.map((plan, index) => ({ [`t${index}`]: taskOf(plan, index, body) }));
}

function taskOf(plan: Plan, index: number, body: readonly Plan[]): object {
  switch (plan.kind) {
    case 'step':
      return { call: OPERATION, with: { n: '${ .n }', label: plan.label, add: plan.add, fails: plan.fails, status: plan.status, ms: plan.ms, size: plan.size }, output: { as: '${ {n: .n} }' } };
    case 'set':
      return { set: { n: `\${ (.n + ${plan.add}) % 1000003 }` } };
    case 'wait':
      return { wait: { milliseconds: plan.ms } };
    case 'switch':
      // Each way is a block that the task after the next is reached from.
      return { do: [{ choose: { switch: [{ even: { when: `\${ .n % ${plan.modulo} == 0 }`, then: 'yes' } }, { odd: { then: 'no' } }] } }, { yes: { do: tasksOf(plan.then), then: 'exit' } }, { no: { do: tasksOf(plan.otherwise) } }] };
    case 'for':
      return { for: { each: 'item', in: `\${ [range(${plan.count})] }` }, do: tasksOf(plan.body) };
    case 'try':
      return {
        try: tasksOf(plan.body),
        catch: {
          errors: { with: { status: 503 } },
          ...(plan.retries > 0 ? { retry: { delay: { milliseconds: plan.delayMs }, limit: { attempt: { count: plan.retries } } } } : {}),
          ...(plan.handler.length > 0 ? { do: tasksOf(plan.handler) } : {}),
        },
      };
    case 'raise':
      return { raise: { error: { type: 'https://example.com/errors/planned', status: plan.status, title: 'planned' } } };
    case 'do':
      return { do: tasksOf(plan.body) };
    case 'timeout':
      return {
        try: [{ limited: { do: [{ long: { wait: { milliseconds: plan.waitMs } } }], timeout: { after: { milliseconds: plan.ms } } } }],
        catch: { errors: { with: { status: 408 } }, do: [{ late: { set: { n: `\${ (.n + ${plan.add}) % 1000003 }` } } }] },
      };
    case 'fork':
      return { fork: { compete: false, branches: branchesOf(plan.branches) }, output: { as: '${ {n: ((map(.n) | add) % 1000003)} }' } };
    case 'race':
      return { fork: { compete: true, branches: branchesOf(plan.branches) }, output: { as: `\${ {n: ${plan.n}} }` } };
    default:
      throw new Error(`no task for ${JSON.stringify(plan)} at ${index} of ${body.length}`);
  }
}

function branchesOf(branches: readonly (readonly Plan[])[]): readonly object[] {
  return branches.map((body, index) => ({ [`b${index}`]: { do: tasksOf(body) } }));
}
