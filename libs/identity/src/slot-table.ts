/**
 * Which lane each slot belongs to. One versioned table for an installation, stored as JSON and replaced as a
 * whole; executions never learn of it, they carry their slot.
 */
import { SLOT_COUNT } from './execution-id.ts';

/** The most lanes a table can have: one slot each. */
export const LANES_MAX = SLOT_COUNT;

/** `modulo`: slot modulo lanes, as every table starts. Otherwise the lane of each of the 4,096 slots. */
export type SlotMap = 'modulo' | readonly number[];

export interface SlotTable {
  /** Raised by one with every change. */
  readonly version: number;
  /** Lanes are numbered from 0 to `lanes - 1`. */
  readonly lanes: number;
  readonly map: SlotMap;
}

/** The table of a new installation. @throws RangeError when `lanes` is not 1 to 4,096. */
export function initialSlotTable(lanes: number): SlotTable {
  if (!isLaneCount(lanes)) throw new RangeError(`lanes must be an integer from 1 to ${LANES_MAX}, not ${lanes}`);
  return { version: 1, lanes, map: 'modulo' };
}

/** The lane of a slot. @throws RangeError for what is no slot: there is no lane to fall back on. */
export function laneOfSlot(table: SlotTable, slot: number): number {
  if (!(slot >= 0 && slot < SLOT_COUNT)) throw new RangeError(`${slot} is not a slot`);
  if (table.map === 'modulo') return slot % table.lanes;
  const lane = table.map[slot];
  if (lane === undefined) throw new RangeError(`The slot table names no lane for slot ${slot}`);
  return lane;
}

/** Reads a table from JSON; undefined when it is not one, so that a damaged table is never half used. */
export function parseSlotTable(value: unknown): SlotTable | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, lanes, map } = value as Readonly<Record<string, unknown>>;
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) return undefined;
  if (typeof lanes !== 'number' || !isLaneCount(lanes)) return undefined;
  if (map === 'modulo') return { version, lanes, map };
  if (!Array.isArray(map) || map.length !== SLOT_COUNT) return undefined;
  const isLane = (lane: unknown): lane is number =>
    typeof lane === 'number' && Number.isInteger(lane) && lane >= 0 && lane < lanes;
  return map.every(isLane) ? { version, lanes, map } : undefined;
}

function isLaneCount(lanes: number): boolean {
  return Number.isInteger(lanes) && lanes >= 1 && lanes <= LANES_MAX;
}
