/** E5 at the target: no step with a result never arrived, and repeats only of attempts that were outstanding at a fault. */
import { brokenBetween, type Evidence, type Findings, type StepArrival } from '../evidence.ts';

/** How long before its first arrival a step may have been dispatched, in milliseconds. */
const DISPATCH_MS = 2_000;

export function checkArrivals({ arrivals, journals, faults }: Pick<Evidence, 'arrivals' | 'journals' | 'faults'>): Findings {
  const byAttempt = new Map<string, StepArrival[]>();
  const arrived = new Set<string>();
  const violations: string[] = [];
  for (const arrival of arrivals) {
    if (arrival.key === undefined) {
      violations.push(`an arrival for step ${arrival.step} has no Idempotency-Key`);
      continue;
    }
    arrived.add(arrival.key);
    const attempt = `${arrival.key} attempt ${arrival.attempt}`;
    const list = byAttempt.get(attempt);
    if (list === undefined) byAttempt.set(attempt, [arrival]);
    else list.push(arrival);
  }
  const known = new Set(journals.map(({ execution }) => execution));
  for (const key of arrived) if (!known.has(key.split('/', 1)[0] as string)) violations.push(`step ${key} arrived, and history does not have its execution`);
  for (const key of stepsWithResult(journals)) if (!arrived.has(key)) violations.push(`step ${key} has a result and never arrived`);
  let repeatedAttempts = 0;
  for (const [attempt, list] of byAttempt) {
    if (list.length === 1) continue;
    repeatedAttempts++;
    const times = list.map(({ atMs }) => atMs);
    if (!brokenBetween(faults, Math.min(...times) - DISPATCH_MS, Math.max(...times))) violations.push(`${attempt} arrived ${list.length} times, and nothing was broken between its dispatch and its last arrival`);
  }
  return { violations, figures: { arrivals: arrivals.length, repeatedAttempts } };
}

/** Steps of workflows that call the target and nothing else; mails are handed over elsewhere. */
function* stepsWithResult(journals: Evidence['journals']): Generator<string> {
  for (const { execution, workflow, entries } of journals) {
    if (workflow === 'mail') continue;
    for (const { records } of entries) for (const { kind, activation } of records) if (kind === 'resolved' && activation !== undefined) yield `${execution}/1/${activation}`;
  }
}
