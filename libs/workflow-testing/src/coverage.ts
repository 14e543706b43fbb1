/** Which tasks of a workflow any of its runs has run. */
import type { Program } from '@millrace/engine';
import { isTask, pathOf } from './path.ts';
import type { Rehearsed } from './rehearse.ts';

export interface Coverage {
  readonly workflow: string;
  readonly version: string;
  /** References of tasks that ran, and of those that did not, in the order of the document. */
  readonly ran: readonly string[];
  readonly missed: readonly string[];
  /** Of the tasks, 0 to 100; 100 where there are none. */
  readonly percent: number;
}

/** Coverage of one workflow by runs, those of other workflows looked through for what they ran of it. */
export function coverageOf(program: Program, runs: readonly Rehearsed[]): Coverage {
  const begun = new Set<string>();
  const look = (run: Rehearsed): void => {
    if (run.program.hash === program.hash) for (const { reference } of pathOf(run.program, run.journal)) begun.add(reference);
    run.inner.forEach(look);
  };
  runs.forEach(look);
  // A function of the document has as many nodes as it has calls, and is one task.
  const references = [...new Set(program.nodes.filter((node) => isTask(program, node)).map(({ reference }) => reference))];
  const ran = references.filter((reference) => begun.has(reference));
  return {
    workflow: program.name,
    version: program.version,
    ran,
    missed: references.filter((reference) => !begun.has(reference)),
    percent: references.length === 0 ? 100 : Math.round((ran.length / references.length) * 1000) / 10,
  };
}
