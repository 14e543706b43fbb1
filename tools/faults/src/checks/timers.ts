/** Timers are never early: by the clock of the owner that says so, and by the target's where no clock was moved. */
import { brokenBetween, type Evidence, type FaultWindow, type Findings, type Journal, type StepArrival } from '../evidence.ts';

/** A pause that a workflow makes between two steps. */
export interface Pause {
  readonly workflow: string;
  readonly before: string;
  readonly after: string;
  readonly ms: number;
}

/** Owner and target read the same clock, in whole milliseconds each. */
const ROUNDING_MS = 2;

export function checkTimers({ journals, arrivals, faults }: Pick<Evidence, 'journals' | 'arrivals' | 'faults'>, pauses: readonly Pause[]): Findings {
  const waits = journals.flatMap(waitsOf);
  const violations = waits.filter(({ leftMs, dueMs }) => leftMs < dueMs).map(({ execution, activation, dueMs, leftMs }) => `execution ${execution}: the wait of activation ${activation} ended ${dueMs - leftMs} ms early by its owner's clock`);
  const seen = firstArrivals(arrivals);
  let measured = 0;
  for (const [start, byStep] of seen) {
    for (const { workflow, before, after, ms } of pauses) {
      const fromMs = byStep.get(before);
      const toMs = byStep.get(after);
      if (!start.startsWith(`${workflow}/`) || fromMs === undefined || toMs === undefined) continue;
      if (brokenBetween(faults.filter((fault: FaultWindow) => fault.clockMoved), fromMs, toMs)) continue;
      measured++;
      if (toMs - fromMs < ms - ROUNDING_MS) violations.push(`${start}: step ${after} arrived ${toMs - fromMs} ms after ${before}, with a pause of ${ms} ms between them`);
    }
  }
  return { violations, figures: { waits: waits.length, pausesMeasured: measured } };
}

function waitsOf({ execution, entries }: Journal): readonly { readonly execution: string; readonly activation: number; readonly dueMs: number; readonly leftMs: number }[] {
  const due = new Map<number, number>();
  const waits = [];
  for (const { atMs, records } of entries) {
    for (const { kind, activation, dueMs } of records) {
      if (activation === undefined) continue;
      if (dueMs !== undefined && (kind === 'entered' || kind === 'retrying')) due.set(activation, dueMs);
      const until = due.get(activation);
      // What leaves a wait when its time has come; a cancellation or a fault says so otherwise.
      if (until === undefined || (kind !== 'exited' && kind !== 'resumed')) continue;
      due.delete(activation);
      waits.push({ execution, activation, dueMs: until, leftMs: atMs });
    }
  }
  return waits;
}

function firstArrivals(arrivals: readonly StepArrival[]): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const seen = new Map<string, Map<string, number>>();
  for (const { organisation, workflow, startKey, step, atMs } of arrivals) {
    const start = `${workflow}/${organisation}/${startKey}`;
    const byStep = seen.get(start) ?? new Map<string, number>();
    seen.set(start, byStep);
    if (atMs < (byStep.get(step) ?? Infinity)) byStep.set(step, atMs);
  }
  return seen;
}
