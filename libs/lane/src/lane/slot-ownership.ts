/**
 * Which slots a lane's owner may act for: what the table said when the lane was taken, and what the log says since.
 *
 * Owns the order of releases and adoptions in one lane's log. Does not own moves (slot-mover.ts) nor the table.
 *
 * O1 The log wins over the table: of all that it says of a slot the last counts; the table counts where it says nothing.
 * O2 A frame that releases or adopts stays in the log until the move is over for both lanes: whoever takes the lane
 *    before that finds it, and brings the move forward.
 */
import type { AdoptedSlots, ReleasedSlots } from '@millrace/engine';
import { lanesOfSlots, SLOT_COUNT, type SlotTable } from '@millrace/identity';

/** A release or an adoption as it stands in the log. */
export interface Marker<M> {
  readonly sequence: number;
  readonly marker: M;
}

export interface SlotOwnership {
  owns(slot: number): boolean;
  /** The lane that a slot was released to, while it has not come back; undefined when the log says nothing of it. */
  releasedTo(slot: number): number | undefined;
  /** Those that the lane owns, ascending. */
  slots(): readonly number[];
  release(marker: ReleasedSlots, sequence: number): void;
  adopt(marker: AdoptedSlots, sequence: number): void;
  released(move: string): ReleasedSlots | undefined;
  adopted(move: string): AdoptedSlots | undefined;
  /** Where they stand in the log, while that is known. */
  releaseSequence(move: string): number | undefined;
  adoptionSequence(move: string): number | undefined;
  /** The slots of an adoption of which the log has said nothing else since. */
  keptOf(move: string): readonly number[];
  /** What may have to be brought forward: releases and adoptions that are not known to be over. */
  openReleases(): readonly Marker<ReleasedSlots>[];
  openAdoptions(): readonly Marker<AdoptedSlots>[];
  /** The move is over: its frame may be forgotten. */
  settle(move: string): void;
  /** The first frame that must stay in the log (O2); Infinity when none must. */
  lowWater(): number;
}

/** Where a slot has gone, or the move that brought it; undefined: as the table said. */
type Last = { readonly kind: 'released'; readonly to: number } | { readonly kind: 'adopted'; readonly move: string } | undefined;

export function createSlotOwnership(table: SlotTable, lane: number): SlotOwnership {
  const owned = lanesOfSlots(table).map((owner) => owner === lane);
  const last = new Array<Last>(SLOT_COUNT).fill(undefined);
  const releases = new Map<string, Marker<ReleasedSlots>>();
  const adoptions = new Map<string, Marker<AdoptedSlots>>();
  const settled = new Set<string>();

  return {
    owns: (slot) => owned[slot] === true,
    releasedTo(slot) {
      const found = last[slot];
      return found?.kind === 'released' ? found.to : undefined;
    },
    slots: () => owned.flatMap((isOwned, slot) => (isOwned ? [slot] : [])),
    release(marker, sequence) {
      releases.set(marker.move, { marker, sequence });
      for (const slot of marker.slots) {
        owned[slot] = false;
        last[slot] = { kind: 'released', to: marker.to };
      }
    },
    adopt(marker, sequence) {
      adoptions.set(marker.move, { marker, sequence });
      for (const slot of marker.slots) {
        owned[slot] = true;
        last[slot] = { kind: 'adopted', move: marker.move };
      }
    },
    released: (move) => releases.get(move)?.marker,
    adopted: (move) => adoptions.get(move)?.marker,
    releaseSequence: (move) => releases.get(move)?.sequence,
    adoptionSequence: (move) => adoptions.get(move)?.sequence,
    keptOf: (move) =>
      (adoptions.get(move)?.marker.slots ?? []).filter((slot) => {
        const found = last[slot];
        return found?.kind === 'adopted' && found.move === move;
      }),
    openReleases: () => [...releases.values()].filter(({ marker }) => !settled.has(marker.move)),
    openAdoptions: () => [...adoptions.values()].filter(({ marker }) => !settled.has(marker.move)),
    settle: (move) => void settled.add(move),
    lowWater() {
      let low = Infinity;
      for (const { marker, sequence } of [...releases.values(), ...adoptions.values()]) if (!settled.has(marker.move)) low = Math.min(low, sequence);
      return low;
    },
  };
}
