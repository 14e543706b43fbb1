import fc from 'fast-check';
import { LANES_MAX, SLOT_COUNT, initialSlotTable, laneOfSlot, parseSlotTable } from './index.ts';

const slot = fc.integer({ min: 0, max: SLOT_COUNT - 1 });

describe('the table from slots to lanes', () => {
  test('starts by spreading slots over all lanes, as evenly as they divide', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), (lanes) => {
        const table = initialSlotTable(lanes);
        const counts = new Array<number>(lanes).fill(0);
        for (let index = 0; index < SLOT_COUNT; index += 1) {
          const lane = laneOfSlot(table, index);
          counts[lane] = (counts[lane] ?? 0) + 1;
        }
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 20 },
    );
  });

  test('answers from its list once slots have moved', () => {
    fc.assert(
      fc.property(slot, slot, (moved, other) => {
        fc.pre(moved !== other);
        const map = Array.from({ length: SLOT_COUNT }, () => 0);
        map[moved] = 1;
        const table = parseSlotTable(JSON.parse(JSON.stringify({ version: 2, lanes: 2, map })));
        if (table === undefined) throw new Error('The table was not read');
        expect(laneOfSlot(table, moved)).toBe(1);
        expect(laneOfSlot(table, other)).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  test('is read back as it was written', () => {
    expect(parseSlotTable(JSON.parse(JSON.stringify(initialSlotTable(8))))).toEqual({ version: 1, lanes: 8, map: 'modulo' });
  });

  test.each([
    ['no object', 7],
    ['null', null],
    ['version 0', { version: 0, lanes: 2, map: 'modulo' }],
    ['no lanes', { version: 1, lanes: 0, map: 'modulo' }],
    ['too many lanes', { version: 1, lanes: LANES_MAX + 1, map: 'modulo' }],
    ['a list that is too short', { version: 1, lanes: 2, map: [0, 1] }],
    ['a lane that does not exist', { version: 1, lanes: 2, map: Array.from({ length: SLOT_COUNT }, () => 2) }],
    ['another kind of map', { version: 1, lanes: 2, map: 'hash' }],
  ])('is refused when it is %s', (_what, value) => {
    expect(parseSlotTable(value)).toBeUndefined();
  });

  test('has no answer for what is no slot', () => {
    const table = initialSlotTable(2);
    for (const wrong of [-1, SLOT_COUNT, Number.NaN]) expect(() => laneOfSlot(table, wrong)).toThrow(RangeError);
    expect(() => initialSlotTable(0)).toThrow(RangeError);
  });
});
