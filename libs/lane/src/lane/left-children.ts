/**
 * Workflows that an execution ran and for whose end it waits no more: it ended, or what ran them timed out or was cut off.
 *
 * Owns which those are, for a decision and for its replay alike, and that nothing covers the decision before they have
 * been told. Does not own how they are told (children.ts).
 *
 * L1 One whose answer the decision took is not left: it has ended.
 * L2 While one is not told, its parent is neither checkpointed nor handed to history, and does not leave with its slot:
 *    the frame that left it is what a later owner tells it from (E9).
 */
import { WORKFLOW_OPERATION, type Activation, type Execution, type JournalRecord, type Program } from '@millrace/engine';

/** A step whose workflow is not waited for any more. */
export interface LeftChild {
  readonly execution: Execution;
  readonly activation: Activation;
  /** The frame that says so. */
  readonly sequence: number;
}

const running = new WeakMap<Program, boolean>();

function isAwaited({ nodes }: Program, node: number): boolean {
  const found = nodes[node];
  return found?.kind === 'call' && found.operation === WORKFLOW_OPERATION && found.isDetached !== true;
}

function runsWorkflows(program: Program): boolean {
  let found = running.get(program);
  if (found === undefined) {
    found = program.nodes.some((_, node) => isAwaited(program, node));
    running.set(program, found);
  }
  return found;
}

/** Notes which workflows are waited for; the function that comes back says which of them the records have left. Undefined when the program runs none. */
export function watchChildren({ activations, program }: Execution): ((records: readonly JournalRecord[]) => readonly Activation[]) | undefined {
  if (!runsWorkflows(program)) return undefined;
  const awaited: Activation[] = [];
  for (const activation of activations.values()) if (activation.arguments !== undefined && isAwaited(program, activation.node)) awaited.push(activation);
  return (records) => {
    const gone = awaited.filter((activation) => activations.get(activation.number) !== activation);
    if (gone.length === 0) return gone;
    const answered = new Set<number>();
    for (const record of records) if (record.kind === 'resolved' || (record.kind === 'failed' && record.step !== undefined)) answered.add(record.activation);
    return gone.filter(({ number }) => !answered.has(number));
  };
}

export interface LeavingChildren {
  /** A decision has left so many; `leave` comes for each once its frame is durable. */
  note(parent: string, count: number): void;
  leave(child: LeftChild, isReplayed: boolean): void;
  /** Whether one of the execution's is not told yet. */
  has(parent: string): boolean;
  /** Whether one is whose parent this holds for. */
  some(isMeant: (parent: string) => boolean): boolean;
  /** Runs now, or as soon as all of the execution's are told. */
  behind(parent: string, run: () => void): void;
}

/** @param tell cancels one; calls `told` once that is durable. */
export function createLeavingChildren(tell: (child: LeftChild, isReplayed: boolean, told: () => void) => void): LeavingChildren {
  const waiting = new Map<string, { count: number; readonly behind: (() => void)[] }>();
  return {
    note(parent, count) {
      const found = waiting.get(parent);
      if (found === undefined) waiting.set(parent, { count, behind: [] });
      else found.count += count;
    },
    leave(child, isReplayed) {
      const parent = child.execution.id;
      tell(child, isReplayed, () => {
        const found = waiting.get(parent);
        if (found === undefined || --found.count > 0) return;
        waiting.delete(parent);
        for (const run of found.behind) run();
      });
    },
    has: (parent) => waiting.has(parent),
    some: (isMeant) => [...waiting.keys()].some(isMeant),
    behind(parent, run) {
      const found = waiting.get(parent);
      if (found === undefined) run();
      else found.behind.push(run);
    },
  };
}
