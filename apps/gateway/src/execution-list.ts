/**
 * One list of executions from many sources: the memory of every orchestrator and the history.
 *
 * A list is not a snapshot: while a lane changes its owner, executions that only its memory knows may be missing
 * for a moment.
 */
import type { ExecutionSummary } from '@millrace/contracts/execution/v1/execution';
import { encodeListPosition, newestFirst } from '@millrace/documents';
import type { ListPart } from './ports.ts';

/** Merges the parts to one page, the newest start first, each execution once, as the source says that saw it end. */
export function mergeLists(parts: readonly ListPart[], limit: number): ListPart {
  const byId = new Map<string, ExecutionSummary>();
  for (const part of parts) {
    for (const summary of part.executions) {
      const known = byId.get(summary.execution);
      if (known === undefined || (known.endedAtMs === 0 && summary.endedAtMs !== 0)) byId.set(summary.execution, summary);
    }
  }
  const sorted = [...byId.values()].sort(newestFirst);
  const executions = sorted.slice(0, limit);
  const last = executions.at(-1);
  const more = sorted.length > limit || parts.some((part) => part.cursor !== '');
  return { executions, cursor: more && last !== undefined ? encodeListPosition(last) : '' };
}
