/**
 * The suite: a bed of each kind that is wanted, executions in flight, one fault after the other, and the checks.
 */
import { missingFor, openFaultBed, ORCHESTRATORS, type BedKind, type FaultBed } from './bed/fault-bed.ts';
import { checkBed, type BedFindings } from './check-bed.ts';
import type { FaultWindow } from './evidence.ts';
import type { Fault } from './faults/fault.ts';
import { FAULTS } from './faults/fault-list.ts';
import { pause } from './workload/client.ts';
import { planStarts } from './workload/plan.ts';

/** How long executions may take to end after a fault, in milliseconds. */
const END_MS = 120_000;
/** After something has come back, a step's repetition may still be on its way, in milliseconds. */
const SETTLE_MS = 3_000;
/** Between the first start and the fault, in milliseconds: it strikes while starts are accepted and first steps run. */
const BEFORE_MS = 400;

export interface FaultOutcome {
  readonly name: string;
  readonly bed: BedKind;
  /** What was seen of the fault. */
  readonly seen: string;
  readonly executions: number;
  /** From the first start until what was broken was whole, and until everything had ended, in milliseconds. */
  readonly brokenMs: number;
  readonly endedMs: number;
}

export interface FaultReport {
  readonly faults: readonly FaultOutcome[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
  /** Sums over all beds. */
  readonly figures: Readonly<Record<string, number>>;
  /** Empty when every invariant held. */
  readonly violations: readonly string[];
}

export interface FaultOptions {
  /** Executions at each fault. */
  readonly inFlight?: number;
  readonly wanted?: (fault: Fault) => boolean;
  /** Goes through the list again and again, and begins no fault after so much time, in milliseconds; once when absent. */
  readonly forMs?: number;
  /** Aborted, no further fault begins; what was tried is checked. */
  readonly signal?: AbortSignal;
  readonly report?: (line: string) => void;
}

export async function runFaults({ inFlight = 300, wanted = () => true, forMs, signal, report = () => undefined }: FaultOptions = {}): Promise<FaultReport> {
  const faults: FaultOutcome[] = [];
  const violations: string[] = [];
  const figures: Record<string, number> = {};
  const chosen = FAULTS.filter(wanted);
  const kinds = [...new Set(chosen.map(({ bed }) => bed))];
  const missing = new Map<BedKind, string>();
  for (const kind of kinds) {
    const why = await missingFor(kind);
    if (why !== undefined) missing.set(kind, why);
  }
  const skipped = chosen.flatMap(({ name, bed }) => (missing.has(bed) ? [{ name, why: missing.get(bed) ?? '' }] : []));
  for (const { name, why } of skipped) report(`${name}: skipped, ${why}`);
  const until = performance.now() + (forMs ?? Infinity);
  const isOver = (): boolean => signal?.aborted === true || (faults.length > 0 && performance.now() >= until);
  let round = 0;
  do {
    for (const kind of kinds.filter((each) => !missing.has(each))) {
      if (isOver()) break;
      report(`${kind}: starting servers and services`);
      const bed = await openFaultBed(kind, { report });
      try {
        const windows: FaultWindow[] = [];
        for (const fault of chosen.filter((each) => each.bed === kind)) {
          if (isOver()) break;
          const outcome = await tryFault(bed, fault, { round: round++, inFlight, windows, violations });
          faults.push(outcome);
          report(`${outcome.name}: ${outcome.executions} executions ended after ${outcome.endedMs} ms; ${outcome.seen}`);
        }
        const found = await checkBed(bed, windows, ORCHESTRATORS);
        violations.push(...found.violations);
        addUp(figures, found.figures);
      } finally {
        await bed.close();
      }
    }
  } while (forMs !== undefined && !isOver() && kinds.some((each) => !missing.has(each)));
  return { faults, skipped, figures, violations };
}

interface Trial {
  readonly round: number;
  readonly inFlight: number;
  readonly windows: FaultWindow[];
  readonly violations: string[];
}

async function tryFault(bed: FaultBed, fault: Fault, { round, inFlight, windows, violations }: Trial): Promise<FaultOutcome> {
  // What an owner that vanished held of a strict limit is kept for minutes: such work is tried where none vanishes.
  const strict = fault.beyondLimits === 'dead-owner' ? undefined : await bed.strictOrganisation(`strict-${round}`);
  const plan = planStarts(`r${round}`, inFlight, strict);
  const since = performance.now();
  const running = bed.workload.run(plan);
  await pause(BEFORE_MS);
  const window: FaultWindow = { name: fault.name, fromMs: Date.now(), toMs: Infinity, beyondLimits: fault.beyondLimits, clockMoved: fault.clockMoved ?? false };
  windows.push(window);
  const seen = await fault.run(bed).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    violations.push(`${fault.name}: the fault could not be made or undone: ${why}`);
    return why;
  });
  const brokenMs = Math.round(performance.now() - since);
  await within(running, END_MS, `the starts at ${fault.name}`);
  const ends = await within(bed.workload.ended(plan, END_MS), 2 * END_MS, `the ends at ${fault.name}`);
  for (const { execution, status } of ends) if (status === 'not ended') violations.push(`${fault.name}: execution ${execution} has not ended ${END_MS} ms after the fault`);
  window.toMs = Date.now() + SETTLE_MS;
  return { name: fault.name, bed: bed.kind, seen, executions: ends.length, brokenMs, endedMs: Math.round(performance.now() - since) };
}

/** A suite that hangs says nothing: what takes longer than it may is named. */
async function within<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what} were not answered within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function addUp(sums: Record<string, number>, figures: BedFindings['figures']): void {
  for (const [name, value] of Object.entries(figures)) sums[name] = name.endsWith('Percent') ? Math.max(sums[name] ?? 0, value) : (sums[name] ?? 0) + value;
}
