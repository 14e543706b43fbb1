/**
 * Where results go: to the stream that dispatched the step; when that is gone or the lane has moved, to whoever
 * the claims name, again after every change, until an owner says that they are durable (W4).
 *
 * Owners that dispatched the same step before are told as well, once: they no longer want the result, but may keep a
 * permit of a strict limit until they know that the step has ended. They answer that it has moved.
 */
import type { Session } from './owner-link.ts';
import type { LaneDirectory } from './ports.ts';
import type { StepEntry, StepLedger } from './step-ledger.ts';

type Entry = StepEntry<Session>;

export class ResultRouter {
  readonly #ledger: StepLedger<Session>;
  readonly #lanes: LaneDirectory;
  readonly #sessionWith: (instance: string) => Session | undefined;
  #someUnplaced = false;
  #resent = 0;

  constructor(ledger: StepLedger<Session>, lanes: LaneDirectory, sessionWith: (instance: string) => Session | undefined) {
    this.#ledger = ledger;
    this.#lanes = lanes;
    this.#sessionWith = sessionWith;
  }

  /** Results sent more than once, or elsewhere than to where their step came from. */
  get resent(): number {
    return this.#resent;
  }

  /** Sends the result of a step that has just ended. */
  sendFirst(entry: Entry): void {
    if (entry.place?.open === true) {
      if (entry.result !== undefined) entry.place.queue(entry.result);
    } else this.#place(entry, undefined);
    this.#tellFormer(entry);
  }

  /** Sends a kept result to the session that asked for its step again. */
  sendAgain(entry: Entry): void {
    this.#resent += 1;
    if (entry.result !== undefined) entry.place?.queue(entry.result);
    this.#tellFormer(entry);
  }

  #tellFormer({ formerOwners, place, result }: Entry): void {
    if (result === undefined) return;
    for (const instance of formerOwners) {
      const session = this.#sessionWith(instance);
      if (session !== place) session?.queue(result);
    }
  }

  /** `from` says that it does not own these results' lane. */
  moved(numbers: readonly number[], from: Session): void {
    for (const number of numbers) {
      const entry = this.#ledger.numbered(number);
      if (entry !== undefined && (entry.place === from || entry.place?.open !== true)) this.#place(entry, from);
    }
  }

  /** Offers kept results that are not where they belong: all, or those of one lane. */
  offerKept(lane?: number): void {
    if (lane === undefined) this.#someUnplaced = false;
    for (const entry of this.#ledger.kept()) {
      if (lane !== undefined && this.#laneOf(entry) !== lane) continue;
      const target = this.#route(entry);
      if (entry.place?.open === true && (target === undefined || target === entry.place)) continue;
      this.#place(entry, undefined);
    }
  }

  /** Tries again those that nobody could be found for. */
  offerUnplaced(): void {
    if (this.#someUnplaced) this.offerKept();
  }

  /** Whoever the claims name; while they name nobody, whoever dispatched the step. */
  #route(entry: Entry): Session | undefined {
    return this.#sessionWith(this.#lanes.ownerOf(this.#laneOf(entry)) ?? entry.owner);
  }

  /** Its slot may have moved since the step was dispatched. */
  #laneOf(entry: Entry): number {
    return (entry.result === undefined ? undefined : this.#lanes.laneOf(entry.result.execution)) ?? entry.lane;
  }

  /** Sends a kept result to where it belongs now, unless that is `except`. */
  #place(entry: Entry, except: Session | undefined): void {
    const target = this.#route(entry);
    if (target === undefined || target === except) {
      entry.place = undefined;
      this.#someUnplaced = true;
      return;
    }
    entry.place = target;
    this.#resent += 1;
    if (entry.result !== undefined) target.queue(entry.result);
  }
}
