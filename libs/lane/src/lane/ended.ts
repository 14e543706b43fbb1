/**
 * The executions of one lane that have ended, from their end until history has them, and what is remembered of them.
 *
 * Owns which of them are in memory, which are read from the log when they are wanted, and when history is given them.
 * Does not own history (ports), nor the children that have to be told first (left-children.ts).
 *
 * - E7 None is forgotten before history has it.
 * - A start of their id is a repeated one for as long as they are known here (known-ends.ts).
 */
import type { Clock } from '@millrace/clock';
import type { Payload } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import type { Finished, Watcher } from './actor.ts';
import { createBacklog, type Backlog } from './backlog.ts';
import { createKnownEnds, type KnownEnds } from './known-ends.ts';
import type { LaneLog } from './lane-log.ts';
import type { LeavingChildren } from './left-children.ts';
import type { LanePorts } from './ports.ts';
import type { KnownStart } from './repeated-start.ts';
import { isSameInput, type StartMemory } from './start-memory.ts';
import type { TakenLane } from './take-lane.ts';

export interface EndedOptions {
  readonly lane: number;
  readonly log: LaneLog;
  readonly taken: Pick<TakenLane, 'backlog' | 'memory'>;
  readonly ports: LanePorts;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaving: Pick<LeavingChildren, 'behind'>;
  /** The last frame that is durable. */
  readonly lastSequence: () => number;
  /** Runs something behind all that waits in the mailbox now. */
  readonly later: (run: () => void) => void;
  /** History has one; the log alone needs these payloads as objects from now on. */
  readonly retire: (payloads: readonly string[]) => void;
}

export class Ended {
  readonly finished = new Map<string, Finished>();
  readonly memory: StartMemory;
  readonly backlog: Backlog;
  readonly #options: EndedOptions;
  readonly #known: KnownEnds;

  constructor(options: EndedOptions) {
    const { log, taken, ports, clock, logger, lastSequence, later } = options;
    this.#options = options;
    this.memory = taken.memory;
    this.#known = createKnownEnds(later, (id) => void this.finished.delete(id));
    this.backlog = createBacklog({
      log,
      table: taken.backlog,
      ports,
      clock,
      logger,
      lastSequence,
      handOver: (finished) => {
        this.finished.set(finished.id, finished);
        this.toHistory(finished);
      },
    });
  }

  /** It has ended here, or had before it came: it is known from now on. */
  note(finished: Finished, atMs = finished.endedAtMs): void {
    this.finished.set(finished.id, finished);
    if (finished.key !== undefined) this.memory.remember(finished.id, finished.input, atMs);
  }

  /** Gives history what is known of it, once its children know that it is gone. */
  toHistory(finished: Finished): void {
    this.#options.leaving.behind(finished.id, () => this.#handOver(finished));
  }

  /** Whether a start of that id would be a repeated one, if it were posted now. */
  knows(id: string): boolean {
    return (this.finished.has(id) && !this.#known.isForgotten(id)) || this.memory.has(id) || this.backlog.has(id);
  }

  /** A start of that id comes once something was looked up: what is known of it now, or learnt, is known then. Yields what ends that. */
  expect(id: string): () => void {
    return this.#known.expect(id);
  }

  /** What is known of one with the id of a start; undefined when there is none. */
  knownStart(id: string, input: Payload): KnownStart | undefined {
    const finished = this.finished.get(id);
    if (finished !== undefined) return { isSame: isSameInput(finished.input, input), replyTo: finished.replyTo };
    if (this.memory.has(id)) return { isSame: this.memory.matches(id, input), replyTo: undefined };
    // What it was started with stands in the log; a key that was forgotten so soon is taken at its word.
    return this.backlog.has(id) ? { isSame: true, replyTo: undefined } : undefined;
  }

  /** Tells whoever waits for the end of one. */
  tell(id: string, watcher: Watcher): void {
    const finished = this.finished.get(id);
    if (finished !== undefined) watcher.ended(id, finished.end);
    else if (this.backlog.has(id)) void this.#tellFromLog(id, watcher);
    else this.#refuse(id, watcher);
  }

  #handOver(finished: Finished): void {
    if (this.backlog.take(finished)) this.finished.delete(finished.id);
    else {
      this.#options.ports.finish(finished, (kept = []) => {
        this.#known.forgetLater(finished.id);
        this.#options.retire(kept);
      });
    }
  }

  async #tellFromLog(id: string, watcher: Watcher): Promise<void> {
    try {
      const finished = await this.backlog.read(id);
      if (finished !== undefined) watcher.ended(id, finished.end);
      else this.#refuse(id, watcher);
    } catch (error) {
      const { reason, message } = MillraceError.from(error);
      watcher.refused(reason, message);
    }
  }

  #refuse(id: string, watcher: Watcher): void {
    watcher.refused('execution-unknown', `Lane ${this.#options.lane} has no execution ${id} in memory`);
  }
}
