import { createLogger } from '@millrace/telemetry';
import { runStage, STAGE_POLL_MS, type Round } from './stage.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

test('a stage goes on while there is more, waits when there is not, and wakes when rung', async () => {
  const results: Round[] = ['more', 'more', 'idle'];
  let rounds = 0;
  let settled = (): void => undefined;
  const idle = new Promise<void>((resolve) => (settled = resolve));
  const stage = runStage({
    name: 'test',
    logger,
    now: Date.now,
    round: async () => {
      const result = results[rounds++] ?? 'idle';
      if (result === 'idle') setImmediate(settled);
      return result;
    },
  });
  await idle;
  expect(rounds).toBe(3);
  const startedAt = performance.now();
  const rung = new Promise<void>((resolve) => (settled = resolve));
  stage.alarm.ring();
  await rung;
  expect(performance.now() - startedAt).toBeLessThan(STAGE_POLL_MS / 2);
  await stage.stop();
  expect(rounds).toBe(4);
});

test('a round that fails is repeated after a wait, and the stage stops all the same', async () => {
  let rounds = 0;
  let third = (): void => undefined;
  const reached = new Promise<void>((resolve) => (third = resolve));
  const stage = runStage({
    name: 'test',
    logger,
    now: Date.now,
    round: async () => {
      if (++rounds === 3) third();
      throw new Error('away');
    },
  });
  const startedAt = performance.now();
  await reached;
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(250);
  await stage.stop();
});
