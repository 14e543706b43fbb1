import { arrival, fault, journal, record, RIGHT } from './sample.test-support.ts';
import { checkTimers, type Pause } from './timers.ts';

const pauses: readonly Pause[] = [{ workflow: 'chain', before: 'before', after: 'after', ms: 300 }];
const waiting = (leftMs: number, leave: string): readonly string[] => {
  const journals = [journal([[1_000, record(leave === 'resumed' ? 'retrying' : 'entered', { activation: 4, dueMs: 1_300 })], [leftMs, record(leave, { activation: 4 })]])];
  return checkTimers({ ...RIGHT, journals, arrivals: [] }, []).violations;
};
const seen = (afterMs: number, moved = false): readonly string[] =>
  checkTimers({ journals: [], arrivals: [arrival({ step: 'before', atMs: 5_000 }), arrival({ step: 'after', atMs: 5_000 + afterMs })], faults: [fault(4_000, 6_000, { clockMoved: moved })] }, pauses).violations;

test.each(['exited', 'resumed'])('a wait that is %s when it is due or later is right, and one that is early is found', (leave) => {
  expect(waiting(1_300, leave)).toEqual([]);
  expect(waiting(1_299, leave)).toEqual(['execution x: the wait of activation 4 ended 1 ms early by its owner\'s clock']);
});

test('a wait that a cancellation ended is no early one', () => {
  expect(waiting(1_001, 'ended')).toEqual([]);
});

test('a pause that the target saw cut short is found, unless a clock was moved', () => {
  expect(seen(300)).toEqual([]);
  expect(seen(200)).toEqual(['chain/o/k: step after arrived 200 ms after before, with a pause of 300 ms between them']);
  expect(seen(200, true)).toEqual([]);
});
