import { makeTimedId, slotOf } from '@millrace/identity';
import fc from 'fast-check';
import { createIdTable } from './id-table.ts';

const idOf = (number: number, slot = number % 4096): string => {
  const random = new Uint8Array(10);
  new DataView(random.buffer).setUint32(6, number);
  return makeTimedId({ cell: 0, slot, timeMs: 1_760_000_000_000, random });
};

test('does what a map does, over any order of adding and removing', () => {
  const action = fc.record({ kind: fc.constantFrom('set', 'delete'), id: fc.nat(60), value: fc.nat() });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
      const table = createIdTable({ withValues: true });
      const model = new Map<string, number>();
      for (const { kind, id: number, value } of actions) {
        // Alike in all but the last bits, so that many share a home.
        const id = idOf(number * 64);
        if (kind === 'set') {
          table.set(id, value);
          model.set(id, value);
        } else expect(table.delete(id)).toBe(model.delete(id));
        expect(table.size).toBe(model.size);
      }
      for (let number = 0; number <= 60; number++) expect(table.get(idOf(number * 64))).toBe(model.get(idOf(number * 64)));
    }),
  );
});

test('tells apart ids that differ in any one character of their tail', () => {
  const table = createIdTable();
  const id = 'a000007zzzzzzzzzzzzzzzzzzzzzzzzz';
  table.set(id);
  for (let at = 6; at < 32; at++) expect(table.has(`${id.slice(0, at)}0${id.slice(at + 1)}`)).toBe(false);
  expect(table.has(id)).toBe(true);
});

test('forgets whole slots and keeps all others', () => {
  const table = createIdTable();
  const ids = Array.from({ length: 20_000 }, (_, number) => idOf(number, number % 7));
  for (const id of ids) table.set(id);
  expect(table.size).toBe(ids.length);
  table.deleteSlots((slot) => slot === 3 || slot === 5);
  expect(ids.filter((id) => table.has(id) === (slotOf(id) === 3 || slotOf(id) === 5))).toEqual([]);
  expect(table.size).toBe(ids.filter((id) => slotOf(id) !== 3 && slotOf(id) !== 5).length);
});

test('ids of slots travel to another table as they are', () => {
  const [from, to] = [createIdTable({ withValues: true }), createIdTable()];
  const ids = Array.from({ length: 60_000 }, (_, number) => idOf(number, number % 4));
  for (const id of ids) from.set(id, 7);
  const texts = from.packed((slot) => slot !== 2);
  expect(texts.length).toBe(1);
  for (const text of texts) to.unpack(text);
  expect(ids.filter((id) => to.has(id) !== (slotOf(id) !== 2))).toEqual([]);
  to.deleteSlots((slot) => slot !== 1);
  expect(to.size).toBe(ids.filter((id) => slotOf(id) === 1).length);
  expect(() => to.unpack('damaged')).toThrow('damaged');
});
