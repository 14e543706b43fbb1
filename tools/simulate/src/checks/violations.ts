/** What a run found wrong, by the name of the invariant; a run goes on until the round ends. */
export const INVARIANTS = ['E1', 'E2', 'E3', 'E4', 'E5', 'E6', 'E7', 'E8', 'E9', 'T1', 'T2', 'T3', 'model', 'defect'] as const;
export type Invariant = (typeof INVARIANTS)[number];

export interface Violation {
  readonly invariant: Invariant;
  readonly what: string;
  readonly atMs: number;
}

/** Violations kept of one round; more of them say nothing new. A count. */
const KEPT_MAX = 50;

export class Violations {
  readonly list: Violation[] = [];
  /** How often each invariant was looked at. */
  readonly checked = new Map<Invariant, number>(INVARIANTS.map((name) => [name, 0]));
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Looks at an invariant; `what` is only made when it does not hold. */
  check(invariant: Invariant, holds: boolean, what: () => string): boolean {
    this.checked.set(invariant, (this.checked.get(invariant) ?? 0) + 1);
    if (!holds && this.list.length < KEPT_MAX) this.list.push({ invariant, what: what(), atMs: this.#nowMs() });
    return holds;
  }
}
