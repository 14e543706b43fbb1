/** The lanes that this process owns at the moment, and the slot table. */
import { initialSlotTable, laneOfSlot, slotOf, type SlotTable } from '@millrace/identity';
import type { Lane } from './lane.ts';

export interface Lanes {
  table(): SlotTable;
  setTable(table: SlotTable): void;
  get(number: number): Lane | undefined;
  /** The lane of an execution, when it is here. */
  of(execution: string): Lane | undefined;
  add(lane: Lane): void;
  remove(lane: Lane): void;
  all(): readonly Lane[];
}

export function createLanes(): Lanes {
  let table = initialSlotTable(1);
  const owned = new Map<number, Lane>();
  return {
    table: () => table,
    setTable(next) {
      table = next;
    },
    get: (number) => owned.get(number),
    of: (execution) => owned.get(laneOfSlot(table, slotOf(execution))),
    add: (lane) => void owned.set(lane.number, lane),
    remove(lane) {
      if (owned.get(lane.number) === lane) owned.delete(lane.number);
    },
    all: () => [...owned.values()],
  };
}
