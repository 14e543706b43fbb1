import fc from 'fast-check';
import { createDueQueue } from './due-queue.ts';

const due = (dueMs: number) => ({ dueMs, execution: String(dueMs), activation: 1 });

test('timers come out in the order they are due, none before its time, none twice, whatever is put in between', () => {
  const actions = fc.array(fc.oneof(fc.record({ put: fc.nat(1_000) }), fc.record({ takeAt: fc.nat(1_000) })), { maxLength: 300 });
  fc.assert(
    fc.property(actions, (list) => {
      const queue = createDueQueue();
      let model: number[] = [];
      for (const action of list) {
        if ('put' in action) {
          queue.push(due(action.put));
          model.push(action.put);
        } else {
          const least = Math.min(Infinity, ...model);
          expect(queue.take(action.takeAt)?.dueMs).toBe(least <= action.takeAt ? least : undefined);
          if (least <= action.takeAt) model = model.toSpliced(model.indexOf(least), 1);
        }
        expect(queue.size).toBe(model.length);
        expect(queue.peek()?.dueMs).toBe(model.length === 0 ? undefined : Math.min(...model));
      }
    }),
  );
});
