/** Which starts are made at a fault: several organisations, all workflows, both ways in. */
import { LIMITED } from '../bed/fault-bed.ts';
import type { WorkflowName } from './workflows.ts';
import type { PlannedStart } from './workload.ts';

/** Of a hundred starts. The limited organisation gets what its limit lets through while the others end. */
const SHARES: readonly { readonly organisation: 'default' | 'limited' | 'strict'; readonly workflow: WorkflowName; readonly percent: number }[] = [
  { organisation: 'default', workflow: 'chain', percent: 46 },
  { organisation: 'default', workflow: 'flaky', percent: 12 },
  { organisation: 'default', workflow: 'reply', percent: 8 },
  { organisation: 'default', workflow: 'mail', percent: 6 },
  { organisation: 'default', workflow: 'failing', percent: 4 },
  { organisation: 'default', workflow: 'sleeper', percent: 4 },
  { organisation: 'limited', workflow: 'chain', percent: 10 },
  { organisation: 'limited', workflow: 'reply', percent: 4 },
  { organisation: 'strict', workflow: 'reply', percent: 6 },
];

/** Keys are unique by `prefix`. Without an organisation for strict limits its share is the default one's. */
export function planStarts(prefix: string, count: number, strict: string | undefined): readonly PlannedStart[] {
  const plan: PlannedStart[] = [];
  for (const { organisation, workflow, percent } of SHARES) {
    const name = organisation === 'limited' ? LIMITED.organisation : organisation === 'strict' ? (strict ?? 'default') : organisation;
    const share = Math.max(1, Math.round((count * percent) / 100));
    for (let index = 0; index < share; index++) plan.push({ organisation: name, workflow, key: `${prefix}-${organisation}-${workflow}-${index}`, by: index % 2 === 0 ? 'grpc' : 'webhook' });
  }
  return plan;
}
