/** Which tasks ran, in what order, as a journal says it. */
import type { JournalEntry, Node, Program } from '@millrace/engine';

/** A task that began once, or began again. */
export interface PathStep {
  readonly name: string;
  readonly reference: string;
  readonly node: number;
  /** It has tasks inside it. */
  readonly isBlock: boolean;
}

/** Every beginning of a task. The whole workflow, and the input of a function, are no tasks of their own. */
export function pathOf(program: Program, journal: readonly JournalEntry[]): readonly PathStep[] {
  const steps: PathStep[] = [];
  const begun = new Set<string>();
  for (const record of journal.flatMap(({ records }) => records)) {
    if (record.kind !== 'passed' && record.kind !== 'entered' && record.kind !== 'failed') continue;
    // A task that ends with an error as soon as it begins has no other record.
    const key = `${record.activation}/${record.kind === 'passed' ? 1 : record.attempt}`;
    if (begun.has(key)) continue;
    begun.add(key);
    const node = program.nodes[record.node];
    if (node !== undefined && isTask(program, node)) steps.push({ name: node.name, reference: node.reference, node: node.number, isBlock: isBlock(node) });
  }
  return steps;
}

/** Whether the node is what its author would call a task. */
export function isTask(program: Program, node: Node): boolean {
  return node.number !== 0 && node.reference !== program.nodes[node.parent]?.reference;
}

function isBlock(node: Node): boolean {
  return node.kind === 'do' || node.kind === 'for' || node.kind === 'fork' || node.kind === 'try' || (node.kind === 'listen' && node.first >= 0);
}
