/**
 * Leaving a task: transformation of its output, export to the context, and where control goes next.
 */
import { nodeOf, type Activation, type Execution } from './execution.ts';
import { check, fill, holds, siteOf, type Site } from './evaluate.ts';
import type { Journal } from './decide.ts';
import { hasOthers } from './fork.ts';
import { listenOn } from './listen.ts';
import { payloadOf, type Payload } from './payload.ts';
import { Fault } from './problem.ts';
import { NO_NODE, type Flow, type JsonValue, type Node } from './program.ts';
import { SCOPE_END, WORKFLOW_END } from './record.ts';

/** Where a flow directive leads from `node`. */
export function nextOf(node: Node, flow: Flow): number {
  switch (flow.kind) {
    case 'continue':
      return node.next === NO_NODE ? SCOPE_END : node.next;
    case 'exit':
      return SCOPE_END;
    case 'end':
      return WORKFLOW_END;
    case 'goto':
      return flow.node;
  }
}

/** What leaving changes: the output where `output.as` changes it, the context where `export.as` does. Throws a Fault. */
export function outcomeOf(node: Node, rawOutput: JsonValue, site: Site): { readonly output?: Payload; readonly context?: Payload } {
  if (node.outputAs === undefined && node.outputSchema === undefined && node.exportAs === undefined) return UNCHANGED;
  const outputSite: Site = { ...site, rawOutput };
  const output = node.outputAs === undefined ? rawOutput : fill(node.outputAs, rawOutput, outputSite);
  check(node.outputSchema, output, 'the task\'s output does not fit its schema', outputSite);
  let context: JsonValue | undefined;
  if (node.exportAs !== undefined) {
    const exportSite: Site = { ...outputSite, output };
    context = fill(node.exportAs, output, exportSite);
    check(node.exportSchema, context, 'the exported context does not fit its schema', exportSite);
  }
  return { ...(node.outputAs === undefined ? {} : { output: payloadOf(output) }), ...(context === undefined ? {} : { context: payloadOf(context) }) };
}

const UNCHANGED = {} as const;

/** A wait is over, or a scope's tasks are done. */
export function leave(execution: Execution, activation: Activation, journal: Journal): void {
  const node = nodeOf(execution, activation);
  const site = siteOf(execution, node, activation, journal.nowMs);
  try {
    if (node.kind === 'listen' && activation.listen !== undefined) {
      listenOn(execution, activation, activation.listen, node, journal);
      return;
    }
    if (node.kind === 'for' && iterate(execution, activation, journal)) return;
    if (hasOthers(activation)) journal.emit({ kind: 'cut', activation: activation.number });
    const outcome = outcomeOf(node, activation.flow, site);
    journal.emit({ kind: 'exited', activation: activation.number, ...outcome, next: nextOf(node, node.then) });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    journal.emit({ kind: 'failed', activation: activation.number, node: activation.node, parent: activation.parent, attempt: activation.attempt, error: { instance: node.reference, ...error.problem } });
  }
}

/** True when a next iteration has begun. */
function iterate(execution: Execution, activation: Activation, journal: Journal): boolean {
  const node = nodeOf(execution, activation);
  const { loop } = activation;
  if (node.kind !== 'for' || loop === undefined || loop.index + 1 >= loop.items.length) return false;
  if (node.while !== undefined) {
    // The condition sees the item it is about, so it is evaluated as if the iteration had begun.
    const current = loop.index;
    loop.index = current + 1;
    try {
      if (!holds(node.while, activation.flow, siteOf(execution, node, activation, journal.nowMs))) return false;
    } finally {
      loop.index = current;
    }
  }
  journal.emit({ kind: 'iterated', activation: activation.number, index: loop.index + 1 });
  return true;
}
