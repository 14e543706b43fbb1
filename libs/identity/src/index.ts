export {
  CELL_COUNT,
  ID_LENGTH,
  ID_TIME_MS_MAX,
  SLOT_COUNT,
  keyedIdentityText,
  makeKeyedId,
  makeTimedId,
  parseId,
  slotOf,
  type IdFormat,
  type KeyedIdParts,
  type ParsedId,
  type TimedIdParts,
} from './execution-id.ts';
export { LANES_MAX, initialSlotTable, laneOfSlot, parseSlotTable, type SlotMap, type SlotTable } from './slot-table.ts';
export {
  balancedLanes,
  growTable,
  lanesOfSlots,
  nextMoves,
  reliefMove,
  slotsOfLane,
  slotsToMove,
  withSlotsIn,
  type HeatBounds,
  type MoveBounds,
  type SlotMove,
} from './slot-moves.ts';
