/**
 * Which slots should go from which lane to which: plans over the slot table, as values.
 *
 * Owns the arithmetic of growing, balancing and relieving. Does not own how a move is carried out, nor when.
 *
 * M1 A plan moves as few slots as its aim allows, and never one to the lane that it is in.
 * M2 Equal arguments give equal plans, so any process may make them.
 */
import { SLOT_COUNT } from './execution-id.ts';
import { initialSlotTable, laneOfSlot, type SlotTable } from './slot-table.ts';

/** Slots that go from one lane to another together. */
export interface SlotMove {
  readonly from: number;
  readonly to: number;
  /** Ascending; never empty. */
  readonly slots: readonly number[];
}

/** The lane of every slot, in the order of slots. */
export function lanesOfSlots(table: SlotTable): number[] {
  return Array.from({ length: SLOT_COUNT }, (_, slot) => laneOfSlot(table, slot));
}

/** The slots of a lane, ascending. */
export function slotsOfLane(table: SlotTable, lane: number): number[] {
  return lanesOfSlots(table).flatMap((owner, slot) => (owner === lane ? [slot] : []));
}

/** The same assignment with more lanes, the new ones empty. @throws RangeError when `lanes` are not more, or too many. */
export function growTable(table: SlotTable, lanes: number): SlotTable {
  if (lanes <= table.lanes) throw new RangeError(`a table of ${table.lanes} lanes cannot grow to ${lanes}`);
  initialSlotTable(lanes);
  return { version: table.version + 1, lanes, map: lanesOfSlots(table) };
}

/** The table once the slots are in `lane`. @throws RangeError for a lane or slot that there is not. */
export function withSlotsIn(table: SlotTable, slots: readonly number[], lane: number): SlotTable {
  if (!(Number.isInteger(lane) && lane >= 0 && lane < table.lanes)) throw new RangeError(`${lane} is not a lane of a table of ${table.lanes}`);
  const map = lanesOfSlots(table);
  for (const slot of slots) {
    laneOfSlot(table, slot);
    map[slot] = lane;
  }
  return { version: table.version + 1, lanes: table.lanes, map };
}

/** The lane that each slot should be in, for every lane of the table to have as many as any other, or one more. */
export function balancedLanes(table: SlotTable): readonly number[] {
  const target = lanesOfSlots(table);
  const counts = countsOf(target, table.lanes);
  const least = Math.floor(SLOT_COUNT / table.lanes);
  const more = SLOT_COUNT - least * table.lanes;
  // Those that have most keep one more: so fewest slots move (M1).
  const ranked = Array.from(counts.keys()).sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b);
  const aims = new Map(ranked.map((lane, rank) => [lane, least + (rank < more ? 1 : 0)]));
  const aimOf = (lane: number): number => aims.get(lane) ?? least;
  const lacking = ranked.filter((lane) => (counts[lane] ?? 0) < aimOf(lane)).reverse();
  for (let slot = SLOT_COUNT - 1; slot >= 0 && lacking.length > 0; slot--) {
    const from = target[slot] as number;
    if ((counts[from] ?? 0) <= aimOf(from)) continue;
    const to = lacking[0] as number;
    target[slot] = to;
    counts[from] = (counts[from] ?? 0) - 1;
    counts[to] = (counts[to] ?? 0) + 1;
    lacking.shift();
    // In turn, so that a part of the plan already relieves every lane.
    if ((counts[to] ?? 0) < aimOf(to)) lacking.push(to);
  }
  return target;
}

/** How far a plan is to be taken at once. */
export interface MoveBounds {
  /** Slots of one move. */
  readonly slotsMax: number;
  /** Moves made. */
  readonly movesMax: number;
}

/**
 * The next moves from a table to a target. Slots that are on the move already are left alone, and lanes are used
 * in turn, so that several owners work at a time.
 */
export function nextMoves(table: SlotTable, target: readonly number[], isMoving: (slot: number) => boolean, { slotsMax, movesMax }: MoveBounds): readonly SlotMove[] {
  const pairs = new Map<string, { readonly from: number; readonly to: number; readonly slots: number[] }>();
  lanesOfSlots(table).forEach((from, slot) => {
    const to = target[slot] ?? from;
    if (to === from || to >= table.lanes || isMoving(slot)) return;
    const key = `${from}/${to}`;
    const pair = pairs.get(key);
    if (pair === undefined) pairs.set(key, { from, to, slots: [slot] });
    else pair.slots.push(slot);
  });
  const moves: SlotMove[] = [];
  const used = new Map<number, number>();
  const waiting = [...pairs.values()];
  while (moves.length < movesMax && waiting.length > 0) {
    const uses = ({ from, to }: SlotMove): number => (used.get(from) ?? 0) + (used.get(to) ?? 0);
    waiting.sort((a, b) => uses(a) - uses(b) || a.from - b.from || a.to - b.to);
    const pair = waiting[0] as { readonly from: number; readonly to: number; readonly slots: number[] };
    moves.push({ from: pair.from, to: pair.to, slots: pair.slots.splice(0, slotsMax) });
    for (const lane of [pair.from, pair.to]) used.set(lane, (used.get(lane) ?? 0) + 1);
    if (pair.slots.length === 0) waiting.shift();
  }
  return moves;
}

/** How many slots stand elsewhere than the target says. */
export function slotsToMove(table: SlotTable, target: readonly number[]): number {
  return lanesOfSlots(table).reduce((count, lane, slot) => count + (lane === (target[slot] ?? lane) ? 0 : 1), 0);
}

/** When a lane counts as hot. */
export interface HeatBounds {
  /** A lane is left alone below this load, in the unit of the loads. */
  readonly loadMin: number;
  /** A lane is hot above so many times the mean of all lanes. */
  readonly ratio: number;
  readonly slotsMax: number;
}

/**
 * The slots that would relieve the hottest lane in favour of the coldest; undefined when none is hot, or when one
 * slot alone makes it so. At most half of the difference between the two moves: so neither becomes the next hot one.
 *
 * @param loads the load of each slot, by measurement
 */
export function reliefMove(table: SlotTable, loads: readonly number[], { loadMin, ratio, slotsMax }: HeatBounds): SlotMove | undefined {
  const lanes = lanesOfSlots(table);
  const sums = new Array<number>(table.lanes).fill(0);
  lanes.forEach((lane, slot) => (sums[lane] = (sums[lane] ?? 0) + (loads[slot] ?? 0)));
  const mean = sums.reduce((sum, load) => sum + load, 0) / table.lanes;
  const from = sums.indexOf(Math.max(...sums));
  const to = sums.indexOf(Math.min(...sums));
  const hottest = sums[from] ?? 0;
  if (table.lanes < 2 || hottest < loadMin || hottest <= ratio * mean) return undefined;
  let room = (hottest - (sums[to] ?? 0)) / 2;
  const slots: number[] = [];
  const candidates = lanes.flatMap((lane, slot) => (lane === from && (loads[slot] ?? 0) > 0 ? [slot] : [])).sort((a, b) => (loads[b] ?? 0) - (loads[a] ?? 0) || a - b);
  for (const slot of candidates) {
    const load = loads[slot] ?? 0;
    if (load > room || slots.length >= slotsMax) continue;
    room -= load;
    slots.push(slot);
  }
  return slots.length === 0 ? undefined : { from, to, slots: slots.sort((a, b) => a - b) };
}

function countsOf(lanes: readonly number[], count: number): number[] {
  const counts = new Array<number>(count).fill(0);
  for (const lane of lanes) counts[lane] = (counts[lane] ?? 0) + 1;
  return counts;
}
