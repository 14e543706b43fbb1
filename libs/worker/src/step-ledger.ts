/**
 * What a worker knows of the steps it was given: which run, which ended and are kept, and the highest
 * epoch seen for each lane.
 *
 * Owns admission, joining and keeping. Does not own streams: it never sends, it only says what is to be sent.
 *
 * W1 A step of an epoch below the highest seen for its lane is not executed (E2).
 * W2 One (execution, run, activation, attempt) is executed at most once while it runs or its result is kept (E5).
 * W3 A result is kept until an owner says that it is durable or will never be needed.
 */
import type { Step, StepControl, StepOutcome } from './ports.ts';

/** A result as the protocol carries it. */
export interface KeptResult {
  readonly number: number;
  readonly execution: string;
  readonly lane: number;
  readonly run: number;
  readonly activation: number;
  readonly attempt: number;
  readonly outcome:
    | { readonly $case: 'outputJson'; readonly value: string }
    | { readonly $case: 'failure'; readonly value: { readonly type: string; readonly status: number; readonly title: string; readonly detail: string } };
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly dispatchedAtMs: number;
}

/** One attempt of one step in this worker, from its arrival until its result is durable. */
export class StepEntry<Place> implements StepControl {
  readonly key: string;
  readonly lane: number;
  readonly startedAtMs: number;
  /** The instance that dispatched it last. */
  owner: string;
  /** Instances that dispatched it before that: they may hold a permit for it until they hear that it has ended. */
  formerOwners: readonly string[] = [];
  /** Where its result goes while it runs, and where it was sent once it has ended. */
  place: Place | undefined;
  result: KeptResult | undefined = undefined;
  bytes = 0;
  #controller: AbortController | undefined = undefined;
  #cancelled = false;

  constructor(key: string, lane: number, owner: string, place: Place, startedAtMs: number) {
    this.key = key;
    this.lane = lane;
    this.owner = owner;
    this.place = place;
    this.startedAtMs = startedAtMs;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#controller?.abort();
  }
}

/** What to do with a step that has arrived. */
export type Admission<Place> =
  | { readonly kind: 'execute'; readonly entry: StepEntry<Place> }
  /** It runs already; its result will go to whoever asked last. */
  | { readonly kind: 'joined' }
  /** It ran and its result is kept: send that. */
  | { readonly kind: 'kept'; readonly entry: StepEntry<Place> }
  | { readonly kind: 'stale'; readonly highestEpoch: number };

const JOINED = { kind: 'joined' } as const;
/** Former owners of one step that are told of its end; a count. */
const FORMER_OWNERS_MAX = 4;
const NUMBER_MAX = 0xffff_ffff;
/** Counted for every kept result beside its text: ids, objects and map entries. */
const ENTRY_OVERHEAD_BYTES = 512;

/** `execution/run/activation/attempt`. */
export function attemptKey(execution: string, run: number, activation: number, attempt: number): string {
  return `${execution}/${run}/${activation}/${attempt}`;
}

export class StepLedger<Place> {
  readonly #entries = new Map<string, StepEntry<Place>>();
  readonly #kept = new Map<number, StepEntry<Place>>();
  readonly #epochs = new Map<number, number>();
  #keptBytes = 0;
  #lastNumber = 0;

  /** Steps that run now. */
  get running(): number {
    return this.#entries.size - this.#kept.size;
  }

  /** Results that are kept now. */
  get keptCount(): number {
    return this.#kept.size;
  }

  /** Their size in bytes, estimated from the length of the text. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Kept entries in the order they ended. */
  kept(): IterableIterator<StepEntry<Place>> {
    return this.#kept.values();
  }

  admit(step: Step, owner: string, place: Place, nowMs: number): Admission<Place> {
    const highest = this.#epochs.get(step.lane);
    if (highest === undefined || step.epoch > highest) this.#epochs.set(step.lane, step.epoch);
    else if (step.epoch < highest) return { kind: 'stale', highestEpoch: highest };
    const key = attemptKey(step.execution, step.run, step.activation, step.attempt);
    const known = this.#entries.get(key);
    if (known === undefined) {
      const entry = new StepEntry(key, step.lane, owner, place, nowMs);
      this.#entries.set(key, entry);
      return { kind: 'execute', entry };
    }
    if (known.owner !== owner) known.formerOwners = [...known.formerOwners, known.owner].filter((each) => each !== owner).slice(-FORMER_OWNERS_MAX);
    known.owner = owner;
    known.place = place;
    return known.result === undefined ? JOINED : { kind: 'kept', entry: known };
  }

  /** Numbers the result of a running entry and keeps it; the step itself, with its arguments, is let go. */
  settle(entry: StepEntry<Place>, step: Step, outcome: StepOutcome, nowMs: number): KeptResult {
    const result: KeptResult = {
      number: this.#nextNumber(),
      execution: step.execution,
      lane: step.lane,
      run: step.run,
      activation: step.activation,
      attempt: step.attempt,
      outcome: outcome.kind === 'output' ? { $case: 'outputJson', value: outcome.json } : { $case: 'failure', value: outcome.failure },
      startedAtMs: entry.startedAtMs,
      endedAtMs: nowMs,
      dispatchedAtMs: step.dispatchedAtMs,
    };
    entry.result = result;
    entry.bytes = ENTRY_OVERHEAD_BYTES + (outcome.kind === 'output' ? outcome.json.length : outcome.failure.detail.length);
    this.#keptBytes += entry.bytes;
    this.#kept.set(result.number, entry);
    return result;
  }

  /** The kept entry of a number, if any. */
  numbered(number: number): StepEntry<Place> | undefined {
    return this.#kept.get(number);
  }

  /** Forgets results; numbers that are not known are passed over, since an owner may say it twice. */
  forget(numbers: readonly number[]): void {
    for (const number of numbers) {
      const entry = this.#kept.get(number);
      if (entry === undefined) continue;
      this.#kept.delete(number);
      this.#entries.delete(entry.key);
      this.#keptBytes -= entry.bytes;
    }
  }

  /** Asks a running step to end early. Its result is sent all the same; one that has ended is left alone. */
  cancel(execution: string, run: number, activation: number, attempt: number): boolean {
    const entry = this.#entries.get(attemptKey(execution, run, activation, attempt));
    if (entry === undefined || entry.result !== undefined) return false;
    entry.cancel();
    return true;
  }

  /** Asks every running step to end early. */
  cancelAll(): void {
    for (const entry of this.#entries.values()) if (entry.result === undefined) entry.cancel();
  }

  #nextNumber(): number {
    do this.#lastNumber = this.#lastNumber === NUMBER_MAX ? 1 : this.#lastNumber + 1;
    while (this.#kept.has(this.#lastNumber));
    return this.#lastNumber;
  }
}
