import { systemClock } from '@millrace/clock';
import { createLogger } from '@millrace/telemetry';
import { createElection, RENEW_MS, TERM_MARGIN_MS, TERM_MS } from './election.ts';

test('a holder whose renewal gets no answer is deposed before another may be elected (N2)', async () => {
  let writes = 0;
  let electedAtMs = 0;
  const deposed = new Promise<number>((settle) => {
    const election = createElection({
      bucket: {
        get: () => new Promise(() => undefined),
        // The first write lands; from then on nothing is heard.
        update: () => (++writes === 1 ? Promise.resolve(1) : new Promise(() => undefined)),
      },
      candidate: () => ({ instance: 'a', incarnation: 'a1', address: '127.0.0.1:1' }),
      clock: systemClock,
      logger: createLogger({ service: 'throttle', instance: 'a', level: 'silent' }),
      onElected: () => (electedAtMs = systemClock.monotonicMs()),
      onDeposed() {
        settle(systemClock.monotonicMs());
        void election.close();
      },
    });
    election.start(() => true);
  });
  const tookMs = (await deposed) - electedAtMs;
  expect(writes).toBe(2);
  expect(tookMs).toBeGreaterThan(RENEW_MS);
  expect(tookMs).toBeLessThan(TERM_MS + TERM_MARGIN_MS);
}, 20_000);
