/** What people are shown of a run. */
import type { FaultReport } from './run-faults.ts';

/** A line for each fault, in the order they were tried. */
export function tableOf({ faults, skipped }: FaultReport): readonly string[] {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  return [
    ...faults.map(({ bed, name, executions, endedMs, seen }) => `${bed}: ${name}: ${executions} ended in ${seconds(endedMs)}; ${seen}`),
    ...skipped.map(({ name, why }) => `skipped: ${name}: ${why}`),
  ];
}

/** The last line. */
export function summaryOf({ faults, skipped, figures, violations }: FaultReport): string {
  const figure = (name: string): string => (figures[name] ?? 0).toLocaleString('en');
  return `faults: ${faults.length} tried, ${skipped.length} skipped, ${figure('executions')} executions, ${figure('steps')} results, ${figure('arrivals')} arrivals, ${figure('repeatedAttempts')} attempts repeated at faults, ${figure('events')} events, limits used up to ${figure('highestShareOfLimitPercent')} %, ${violations.length} violations`;
}
