/** Whether an execution of a program can be written down in the agreed record format. */
import { FORMAT_NEWEST, formatOf, type Program } from '@millrace/engine';

/** Why a program's executions cannot start yet; undefined when they can. */
export function formatRefusal(program: Program, agreed: number): string | undefined {
  if (agreed >= FORMAT_NEWEST) return undefined;
  const needed = formatOf(program);
  return needed <= agreed ? undefined : `Workflow ${program.name} ${program.version} needs record format ${needed}, and the orchestrators have agreed on ${agreed}: it can start once every orchestrator runs a release that reads format ${needed} and allows it`;
}
