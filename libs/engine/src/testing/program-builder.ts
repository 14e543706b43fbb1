/**
 * Programs for the core's own tests, with JavaScript functions for expressions, so that the core is tested
 * without the language that usually feeds it.
 */
import { NO_NODE, type CatchClause, type Expression, type Flow, type JsonValue, type ListenNode, type Node, type Program, type Template } from '../program.ts';

type Values = Readonly<Record<string, JsonValue>>;

/** An expression over the input and the named variables; what it throws is the expression's error. */
export function expression(compute: (input: never, variables: Values) => JsonValue, variables: readonly string[] = []): Expression {
  return {
    source: compute.toString(),
    variables,
    evaluate(input, values) {
      try {
        return { kind: 'value', value: compute(input as never, Object.fromEntries(variables.map((name, index) => [name, values[index] ?? null]))) };
      } catch (error) {
        return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

export function computed(compute: (input: never, variables: Values) => JsonValue, variables: readonly string[] = []): Template {
  return { kind: 'expression', expression: expression(compute, variables) };
}

export function literal(value: JsonValue): Template {
  return { kind: 'literal', value };
}

interface TaskOptions {
  readonly if?: Expression;
  readonly inputFrom?: Template;
  readonly outputAs?: Template;
  readonly exportAs?: Template;
  readonly timeoutMs?: number;
  /** `continue`, `exit`, `end` or the name of a task of the same list. */
  readonly then?: string;
}

/** A task as tests write it. */
export type Task = TaskOptions & { readonly name: string } & (
    | { readonly kind: 'set'; readonly value: Template }
    | { readonly kind: 'call'; readonly operation?: string; readonly arguments: Template; readonly isDetached?: boolean }
    | { readonly kind: 'do'; readonly tasks: readonly Task[] }
    | { readonly kind: 'for'; readonly in: Expression; readonly while?: Expression; readonly tasks: readonly Task[] }
    | { readonly kind: 'fork'; readonly tasks: readonly Task[]; readonly compete?: boolean }
    | ({ readonly kind: 'listen'; readonly tasks?: readonly Task[] } & Pick<ListenNode, 'to'> & Partial<Pick<ListenNode, 'until' | 'read' | 'itemOutputAs' | 'itemExportAs' | 'approval'>>)
    | { readonly kind: 'try'; readonly tasks: readonly Task[]; readonly catch: Partial<Omit<CatchClause, 'first'>>; readonly handler?: readonly Task[] }
    | { readonly kind: 'switch'; readonly cases: readonly { readonly name: string; readonly when?: Expression; readonly then: string }[] }
    | { readonly kind: 'raise'; readonly error: Template }
    | { readonly kind: 'wait'; readonly ms: number }
  );

export function program(tasks: readonly Task[], options: Partial<Pick<Program, 'inputFrom' | 'outputAs' | 'inputSchema'>> & { readonly timeoutMs?: number } = {}): Program {
  const nodes: (Node | undefined)[] = [undefined];
  const first = place(tasks, 0, '/do', nodes);
  nodes[0] = { kind: 'do', number: 0, name: 'do', reference: '/do', parent: NO_NODE, next: NO_NODE, then: { kind: 'continue' }, definition: null, first, ...(options.timeoutMs === undefined ? {} : { timeoutMs: { kind: 'fixed', ms: options.timeoutMs } }) };
  return { hash: 'f'.repeat(64), namespace: 'test', name: 'workflow', version: '1.0.0', document: {}, nodes: nodes as Node[], ...options };
}

/** Numbers the tasks in document order and returns the first one's number. */
function place(tasks: readonly Task[], parent: number, path: string, nodes: (Node | undefined)[], areBranches = false): number {
  const numbers: number[] = [];
  const inner: { readonly first: number; readonly handler: number }[] = [];
  tasks.forEach((task, index) => {
    const number = nodes.length;
    nodes.push(undefined);
    numbers.push(number);
    const reference = `${path}/${index}/${task.name}`;
    const block = 'tasks' in task && task.tasks !== undefined ? place(task.tasks, number, `${reference}/${task.kind === 'try' ? 'try' : task.kind === 'fork' ? 'fork/branches' : task.kind === 'listen' ? 'foreach/do' : 'do'}`, nodes, task.kind === 'fork') : NO_NODE;
    const handler = task.kind === 'try' && task.handler !== undefined ? place(task.handler, number, `${reference}/catch/do`, nodes) : NO_NODE;
    inner.push({ first: block, handler });
  });
  const flow = (then: string | undefined): Flow => {
    if (then === undefined || then === 'continue') return { kind: 'continue' };
    if (then === 'exit' || then === 'end') return { kind: then };
    return { kind: 'goto', node: numbers[tasks.findIndex((task) => task.name === then)] ?? NO_NODE };
  };
  tasks.forEach((task, index) => {
    const { if: condition, inputFrom, outputAs, exportAs, timeoutMs } = task;
    const head = {
      number: numbers[index] as number,
      name: task.name,
      reference: `${path}/${index}/${task.name}`,
      parent,
      next: areBranches ? NO_NODE : (numbers[index + 1] ?? NO_NODE),
      then: flow(task.then),
      definition: null,
      ...(condition === undefined ? {} : { if: condition }),
      ...(timeoutMs === undefined ? {} : { timeoutMs: { kind: 'fixed', ms: timeoutMs } as const }),
      ...(inputFrom === undefined ? {} : { inputFrom }),
      ...(outputAs === undefined ? {} : { outputAs }),
      ...(exportAs === undefined ? {} : { exportAs }),
    };
    const { first, handler } = inner[index] as { readonly first: number; readonly handler: number };
    nodes[head.number] = nodeOf(task, head, first, handler, flow, () => nodes.flatMap((node, at) => (node?.parent === head.number ? [at] : [])));
  });
  return numbers[0] ?? NO_NODE;
}

type Head = Pick<Node, 'number' | 'name' | 'reference' | 'parent' | 'next' | 'then' | 'definition'>;

function nodeOf(task: Task, head: Head, first: number, handler: number, flow: (then: string) => Flow, children: () => readonly number[]): Node {
  switch (task.kind) {
    case 'set':
      return { ...head, kind: 'set', value: task.value };
    case 'call':
      return { ...head, kind: 'call', operation: task.operation ?? 'millrace.echo:1.0.0@default', arguments: task.arguments, ...(task.isDetached === undefined ? {} : { isDetached: task.isDetached }) };
    case 'do':
      return { ...head, kind: 'do', first };
    case 'for':
      return { ...head, kind: 'for', each: 'item', at: 'index', in: task.in, ...(task.while === undefined ? {} : { while: task.while }), first };
    case 'listen': {
      const { to, until, read, itemOutputAs, itemExportAs, approval } = task;
      return { ...head, kind: 'listen', to, read: read ?? 'data', each: 'item', at: 'index', first, ...(until === undefined ? {} : { until }), ...(itemOutputAs === undefined ? {} : { itemOutputAs }), ...(itemExportAs === undefined ? {} : { itemExportAs }), ...(approval === undefined ? {} : { approval }) };
    }
    case 'fork':
      return { ...head, kind: 'fork', compete: task.compete ?? false, branches: children() };
    case 'try':
      return { ...head, kind: 'try', first, catch: { as: 'error', ...task.catch, first: handler } };
    case 'switch':
      return { ...head, kind: 'switch', cases: task.cases.map(({ name, when, then }) => ({ name, then: flow(then), ...(when === undefined ? {} : { when }) })) };
    case 'raise':
      return { ...head, kind: 'raise', error: task.error };
    case 'wait':
      return { ...head, kind: 'wait', durationMs: { kind: 'fixed', ms: task.ms } };
  }
}
