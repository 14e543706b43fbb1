/** The table at the end. */
import type { Totals } from './observation.ts';

const HEADS = ['organisation', 'executions', 'steps', 'retries', 'throttled', 'p50', 'p99', 'mails'] as const;

export function totalsTable(totals: readonly Totals[]): string {
  const add = (read: (each: Totals) => number): string => String(totals.reduce((sum, each) => sum + read(each), 0));
  const rows = [
    ...totals.map((each) => [each.organisation, String(each.executions), String(each.steps), String(each.retries), String(each.throttled), seconds(each.p50Ms), seconds(each.p99Ms), String(each.mails)]),
    ['all', add((each) => each.executions), add((each) => each.steps), add((each) => each.retries), add((each) => each.throttled), '', '', add((each) => each.mails)],
  ];
  const widths = HEADS.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ').trimEnd();
  return `${[HEADS, ...rows].map(line).join('\n')}\n`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
