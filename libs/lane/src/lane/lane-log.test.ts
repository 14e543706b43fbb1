import { systemClock } from '@millrace/clock';
import { openLaneLog } from './lane-log.ts';
import type { Answer } from './log-stream.ts';

const MIB = 1024 ** 2;
const FRAME = Buffer.from(JSON.stringify({ v: 2, transitions: Array.from({ length: 100 }, (_, index) => `task ${index} of an execution`) }));

/** A log whose stream takes everything and says that it has so many bytes. */
async function logOf(bytes: () => number) {
  const sent: Uint8Array[] = [];
  const ending = new AbortController();
  const log = await openLaneLog({
    lane: 0,
    clock: systemClock,
    signal: ending.signal,
    async open(_, answered: (answer: Answer) => void) {
      return {
        send(frame) {
          sent.push(frame);
          queueMicrotask(() => answered({ kind: 'landed', sequence: sent.length }));
        },
        last: async () => null,
        first: async () => 1,
        bytes: async () => bytes(),
        read: () => {
          throw new Error('nothing is read here');
        },
        forgetBelow: async () => undefined,
        forgetInputs: async () => undefined,
        isGone: () => true,
      };
    },
  });
  return { log, sent };
}

test('frames of a log that is truncated stand as they are, those of one that only grows are compressed, until it is short again', async () => {
  let bytes = MIB;
  const { log, sent } = await logOf(() => bytes);
  for (const now of [MIB, 100 * MIB, MIB]) {
    bytes = now;
    await log.bytes();
    await log.append(FRAME, 1);
  }
  const [short, long, again] = sent.map(({ length }) => length);
  expect(short).toBe(FRAME.length);
  expect(long).toBeLessThan(FRAME.length / 4);
  expect(again).toBe(FRAME.length);
});
