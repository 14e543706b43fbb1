/**
 * Performing decisions of the core: store the change, then do its commands.
 *
 * Invariants
 * N3 Persist before perform: no command is done for a change that this call did not make.
 * N4 An outcome is not dropped: it is offered again until it is stored, or the core refuses it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { transition, type DeliveryCommand, type DeliveryEvent, type DeliveryPolicy, type Refusal, type RenderedMessage } from '@millrace/delivery';
import type { Logger } from '@millrace/telemetry';
import type { GroupCommit } from './group-commit.ts';
import type { Change, DeliveryRecord, DeliveryStore } from './ports.ts';

/** Waits between two attempts to store an outcome, in milliseconds. Less than an unknown outcome is held. */
export const OUTCOME_RETRY_MIN_MS = 50;
export const OUTCOME_RETRY_MAX_MS = 500;

/** A change that was made. */
export interface Made {
  readonly record: DeliveryRecord;
  readonly before: DeliveryRecord;
  readonly commands: readonly DeliveryCommand[];
}

export interface Deciding {
  readonly policy: DeliveryPolicy;
  readonly store: DeliveryStore;
  readonly logger: Logger;
  readonly now: () => number;
  /** Hears of every change made by this instance, after it is stored. */
  onMade(made: Made): void;
}

/** An event for one record; `message` is stored along when it is rendered. */
export interface Proposal {
  readonly record: DeliveryRecord;
  readonly event: DeliveryEvent;
  readonly message?: RenderedMessage;
}

/** Decides a batch of proposals, stores what is allowed in one write, and gives what this instance won. */
export async function proposeAll(proposals: readonly Proposal[], deciding: Deciding): Promise<readonly Made[]> {
  const decided = proposals.flatMap((proposal) => {
    const decision = decide(proposal, deciding);
    return decision.kind === 'refused' ? [] : [decision];
  });
  if (decided.length === 0) return [];
  const won = await deciding.store.advance(decided.map(({ change }) => change));
  const made = decided.filter(({ change }) => won.has(change.id)).map(({ made: one }) => one);
  for (const one of made) deciding.onMade(one);
  return made;
}

export type Outcome = { readonly kind: 'made'; readonly made: Made } | { readonly kind: 'refused'; readonly refusal: Refusal };

/**
 * Stores one event of a delivery that this instance holds, however long the store is away; it reads the delivery
 * anew when somebody changed it meanwhile, so a late answer still counts where the core lets it.
 * Gives undefined when the signal aborts first.
 */
export async function persist(proposal: Proposal, deciding: Deciding, writes: GroupCommit<Change, boolean>, signal: AbortSignal): Promise<Outcome | undefined> {
  let current = proposal;
  let waitMs = OUTCOME_RETRY_MIN_MS;
  let told = false;
  for (;;) {
    const decision = decide(current, deciding);
    if (decision.kind === 'refused') return decision;
    try {
      if (await writes.add(decision.change)) {
        deciding.onMade(decision.made);
        return { kind: 'made', made: decision.made };
      }
      const found = await deciding.store.find(current.record.id);
      if (found === undefined) return { kind: 'refused', refusal: 'terminal' };
      current = { ...current, record: found };
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!told) deciding.logger.warn('The outcome of a delivery waits for the database', { delivery: current.record.id, event: current.event.kind, error });
      told = true;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      waitMs = Math.min(2 * waitMs, OUTCOME_RETRY_MAX_MS);
    }
  }
}

type Decided =
  | { readonly kind: 'decided'; readonly change: Change; readonly made: Made }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

function decide({ record, event, message }: Proposal, { policy, now }: Deciding): Decided {
  const decision = transition(record.delivery, event, now(), policy, record.id);
  if (decision.kind === 'refused') return decision;
  const { source, ...rest } = record;
  const kept = message === undefined ? { ...rest, ...(source === undefined ? {} : { source }) } : { ...rest, message };
  return {
    kind: 'decided',
    change: { id: record.id, from: record.delivery, to: decision.delivery, ...(message === undefined ? {} : { message }) },
    made: { record: { ...kept, delivery: decision.delivery }, before: record, commands: decision.commands },
  };
}
