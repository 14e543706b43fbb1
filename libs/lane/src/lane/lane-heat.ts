/**
 * How much each lane of this process has to do, and which of its slots make that: told to others in the registry.
 *
 * A lane counts decisions for each slot; the difference between two measures is its load. Only the busiest slots are
 * named, the rest of a lane's load is taken for evenly spread.
 */
import type { Clock } from '@millrace/clock';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';

/** Between two measures, in milliseconds. */
export const MEASURE_MS = 2_000;
/** Slots of a lane that are named. */
const NAMED_MAX = 48;
/** A lane with fewer decisions a second says nothing. */
const LOAD_MIN = 50;

export interface LaneHeat {
  readonly lane: number;
  /** Decisions a second. */
  readonly total: number;
  /** Decisions a second of the busiest slots. */
  readonly slots: readonly (readonly [slot: number, load: number])[];
}

/** Measures every MEASURE_MS; returns how to end it. */
export function measureHeat(lanes: Lanes, clock: Clock, measured: (heat: readonly LaneHeat[]) => void): () => void {
  const before = new WeakMap<Lane, { readonly counts: Uint32Array; readonly atMs: number }>();
  return clock.every(MEASURE_MS, () => {
    const now = clock.monotonicMs();
    const heats: LaneHeat[] = [];
    for (const lane of lanes.all()) {
      const last = before.get(lane);
      before.set(lane, { counts: lane.heat.slice(), atMs: now });
      // With one lane there is nowhere to go.
      if (last === undefined || lanes.table().lanes < 2) continue;
      const seconds = Math.max(now - last.atMs, 1) / 1_000;
      const loads: [number, number][] = [];
      let total = 0;
      for (let slot = 0; slot < lane.heat.length; slot++) {
        const load = (((lane.heat[slot] ?? 0) - (last.counts[slot] ?? 0)) >>> 0) / seconds;
        if (load === 0) continue;
        total += load;
        loads.push([slot, Math.round(load)]);
      }
      if (total < LOAD_MIN) continue;
      heats.push({ lane: lane.number, total: Math.round(total), slots: loads.sort((a, b) => b[1] - a[1]).slice(0, NAMED_MAX) });
    }
    measured(heats);
  });
}

/** What an instance says in the registry; nothing for what is no measure. */
export function heatOf(attribute: unknown): readonly LaneHeat[] {
  if (!Array.isArray(attribute)) return [];
  return attribute.filter((each): each is LaneHeat => typeof each === 'object' && each !== null && typeof (each as LaneHeat).lane === 'number' && typeof (each as LaneHeat).total === 'number' && Array.isArray((each as LaneHeat).slots));
}
