import fc from 'fast-check';
import { balancedLanes, growTable, initialSlotTable, laneOfSlot, lanesOfSlots, nextMoves, reliefMove, slotsOfLane, slotsToMove, withSlotsIn, SLOT_COUNT, type SlotTable } from './index.ts';

const laneCount = fc.integer({ min: 1, max: 24 });
/** Any table that moves may have led to. */
const table: fc.Arbitrary<SlotTable> = laneCount.chain((lanes) => fc.array(fc.nat(lanes - 1), { minLength: SLOT_COUNT, maxLength: SLOT_COUNT }).map((map) => ({ version: 3, lanes, map })));
const runs = { numRuns: 25 };

function counts(lanes: readonly number[], count: number): number[] {
  const found = new Array<number>(count).fill(0);
  for (const lane of lanes) found[lane] = (found[lane] ?? 0) + 1;
  return found;
}

describe('plans of moves', () => {
  test('a table that grows leaves every slot where it is', () => {
    fc.assert(
      fc.property(laneCount, fc.integer({ min: 1, max: 24 }), (before, more) => {
        const old = initialSlotTable(before);
        const grown = growTable(old, before + more);
        expect(grown).toMatchObject({ version: 2, lanes: before + more });
        expect(lanesOfSlots(grown)).toEqual(lanesOfSlots(old));
      }),
      runs,
    );
    expect(() => growTable(initialSlotTable(3), 3)).toThrow(RangeError);
    expect(() => growTable(initialSlotTable(3), SLOT_COUNT + 1)).toThrow(RangeError);
  });

  test('the target is balanced, and no slot moves that need not (M1)', () => {
    fc.assert(
      fc.property(table, (given) => {
        const target = balancedLanes(given);
        const after = counts(target, given.lanes);
        expect(Math.max(...after) - Math.min(...after)).toBeLessThanOrEqual(1);
        const before = counts(lanesOfSlots(given), given.lanes);
        // A lane never both gives and takes, so what moves is exactly what the fuller ones have too much.
        const surplus = before.reduce((sum, count, lane) => sum + Math.max(0, count - (after[lane] ?? 0)), 0);
        expect(slotsToMove(given, target)).toBe(surplus);
        expect(balancedLanes(given)).toEqual(target);
      }),
      runs,
    );
  });

  test('moves carried out one after the other arrive at the target, within their bounds, whatever is moving', () => {
    fc.assert(
      fc.property(table, fc.integer({ min: 64, max: 400 }), fc.integer({ min: 1, max: 4 }), (given, slotsMax, movesMax) => {
        const target = balancedLanes(given);
        let current = given;
        const total = slotsToMove(given, target);
        let moved = 0;
        for (;;) {
          const moves = nextMoves(current, target, () => false, { slotsMax, movesMax });
          if (moves.length === 0) break;
          expect(moves.length).toBeLessThanOrEqual(movesMax);
          const seen = new Set<number>();
          for (const { from, to, slots } of moves) {
            expect(slots.length).toBeLessThanOrEqual(slotsMax);
            expect(from).not.toBe(to);
            for (const slot of slots) {
              expect(laneOfSlot(current, slot)).toBe(from);
              expect(seen.has(slot)).toBe(false);
              seen.add(slot);
            }
          }
          for (const { to, slots } of moves) current = withSlotsIn(current, slots, to);
          moved += seen.size;
        }
        expect(moved).toBe(total);
        expect(lanesOfSlots(current)).toEqual(target);
      }),
      runs,
    );
  });

  test('slots that are on the move are left alone, and several lanes work at a time', () => {
    const grown = growTable(initialSlotTable(2), 4);
    const target = balancedLanes(grown);
    expect(nextMoves(grown, target, () => true, { slotsMax: 100, movesMax: 4 })).toEqual([]);
    const moves = nextMoves(grown, target, () => false, { slotsMax: 100, movesMax: 2 });
    expect(new Set(moves.map(({ from }) => from)).size).toBe(2);
    expect(new Set(moves.map(({ to }) => to)).size).toBe(2);
  });

  test('a table cannot send slots to a lane that it has not', () => {
    expect(() => withSlotsIn(initialSlotTable(2), [1], 2)).toThrow(RangeError);
    expect(() => withSlotsIn(initialSlotTable(2), [SLOT_COUNT], 1)).toThrow(RangeError);
    expect(slotsOfLane(withSlotsIn(initialSlotTable(2), [0, 2], 1), 0)).not.toContain(2);
  });
});

describe('relief of hot lanes', () => {
  const bounds = { loadMin: 100, ratio: 1.5, slotsMax: 64 };
  const loads = (of: Readonly<Record<number, number>>): number[] => Array.from({ length: SLOT_COUNT }, (_, slot) => of[slot] ?? 0);

  test('slots go from the hottest to the coldest, at most half of the difference', () => {
    const move = reliefMove(initialSlotTable(2), loads({ 0: 300, 2: 200, 4: 100, 6: 50, 1: 50 }), bounds);
    expect(move).toEqual({ from: 0, to: 1, slots: [0] });
  });

  test('nothing moves while the difference is small, the load low, or one slot alone is hot', () => {
    expect(reliefMove(initialSlotTable(2), loads({ 0: 120, 2: 120, 1: 100, 3: 100 }), bounds)).toBeUndefined();
    expect(reliefMove(initialSlotTable(2), loads({ 0: 40, 2: 40 }), bounds)).toBeUndefined();
    expect(reliefMove(initialSlotTable(2), loads({ 0: 1_000 }), bounds)).toBeUndefined();
    expect(reliefMove(initialSlotTable(1), loads({ 0: 500, 1: 500 }), bounds)).toBeUndefined();
  });

  test('repeated, it settles: no lane is relieved for ever, and none becomes hotter than the hottest was', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.array(fc.tuple(fc.nat(SLOT_COUNT - 1), fc.integer({ min: 1, max: 500 })), { maxLength: 200 }), (lanes, hot) => {
        const load = loads(Object.fromEntries(hot));
        let current = initialSlotTable(lanes);
        const heat = (): number => Math.max(...Array.from({ length: lanes }, (_, lane) => slotsOfLane(current, lane).reduce((sum, slot) => sum + (load[slot] ?? 0), 0)));
        for (let round = 0; ; round++) {
          const before = heat();
          const move = reliefMove(current, load, bounds);
          if (move === undefined) return;
          current = withSlotsIn(current, move.slots, move.to);
          expect(heat()).toBeLessThanOrEqual(before);
          expect(round).toBeLessThan(500);
        }
      }),
      { numRuns: 40 },
    );
  });
});
