import fc from 'fast-check';
import { CATCH_UP_MAX, LATE_MS_MAX, firstDue, planDue, upcoming, type ScheduleRule } from './schedule-machine.ts';

const at = (text: string): number => Date.parse(`2026-${text}Z`);
const NIGHTLY: ScheduleRule = { kind: 'cron', cron: '0 3 * * *', timeZone: 'UTC' };
const EVERY: ScheduleRule = { kind: 'every', everyMs: 60_000 };

describe('a schedule', () => {
  test('is first due at its next time, or one interval from now', () => {
    expect(firstDue(NIGHTLY, at('01-01T12:00:00'))).toBe(at('01-02T03:00:00'));
    expect(firstDue(EVERY, 1_000)).toBe(61_000);
    expect(firstDue({ kind: 'after', afterMs: 5_000 }, 1_000)).toBe(6_000);
  });

  test('that is due on time starts once and is due at its next time', () => {
    expect(planDue(NIGHTLY, 'latest', at('01-02T03:00:00'), at('01-02T03:00:00') + 400)).toEqual({ starts: [at('01-02T03:00:00')], missed: 0, nextMs: at('01-03T03:00:00') });
  });

  test.each([
    ['latest', [at('01-05T03:00:00')], 3],
    ['all', ['02', '03', '04', '05'].map((day) => at(`01-${day}T03:00:00`)), 0],
    ['none', [], 4],
  ] as const)('that missed four times starts, with %s', (catchUp, starts, missed) => {
    expect(planDue(NIGHTLY, catchUp, at('01-02T03:00:00'), at('01-05T12:00:00'))).toEqual({ starts, missed, nextMs: at('01-06T03:00:00') });
  });

  test('that makes up for nothing still starts what is only late', () => {
    expect(planDue(NIGHTLY, 'none', at('01-02T03:00:00'), at('01-02T03:00:00') + LATE_MS_MAX).starts).toHaveLength(1);
    expect(planDue(NIGHTLY, 'none', at('01-02T03:00:00'), at('01-02T03:00:00') + LATE_MS_MAX + 1).starts).toHaveLength(0);
  });

  test('that runs after its last execution starts however late it is, and is due when that has ended', () => {
    expect(planDue({ kind: 'after', afterMs: 1 }, 'none', 0, 1e9)).toEqual({ starts: [0], missed: 0, nextMs: undefined });
  });

  test('shows its next times', () => {
    expect(upcoming(NIGHTLY, at('01-02T03:00:00'), 2)).toEqual([at('01-02T03:00:00'), at('01-03T03:00:00')]);
    expect(upcoming(EVERY, 5, 3)).toEqual([5, 60_005, 120_005]);
    expect(upcoming(EVERY, undefined, 3)).toEqual([]);
  });

  test('starts or counts every time once, however late it looks, and goes on after the present', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 500_000 }), fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 12 }), fc.constantFrom('latest', 'all', 'none' as const), (everyMs, waits, catchUp) => {
        const rule: ScheduleRule = { kind: 'every', everyMs };
        let dueMs = everyMs;
        let nowMs = dueMs;
        let settled = 0;
        const started = new Set<number>();
        for (const wait of waits) {
          nowMs = Math.max(nowMs + wait, dueMs);
          const plan = planDue(rule, catchUp, dueMs, nowMs);
          for (const start of plan.starts) {
            expect(started.has(start)).toBe(false);
            expect(start % everyMs).toBe(0);
            started.add(start);
          }
          expect(plan.starts.length).toBeLessThanOrEqual(CATCH_UP_MAX);
          settled += plan.starts.length + plan.missed;
          dueMs = plan.nextMs as number;
          expect(dueMs).toBeGreaterThan(nowMs);
        }
        expect(settled).toBe(dueMs / everyMs - 1);
      }),
    );
  });
});
