/**
 * When a schedule is due, and what is started of the times that have passed. Pure: the time is an argument.
 *
 * M1 Every due time is started at most once: it is part of the start's key.
 * M2 Times that passed are started as `catchUp` says, at most CATCH_UP_MAX of them; the rest are counted as missed.
 * M3 A schedule that runs `after` its last execution has one due time, which is never missed: without it nothing would follow.
 */
import { readCron, type CatchUp, type CronCalendar } from '@millrace/dsl';

/** Most starts that are made up for at once. A count. */
export const CATCH_UP_MAX = 100;
/** A time that passed so long ago was missed, milliseconds; what is more recent is only late. */
export const LATE_MS_MAX = 60_000;
/** Times of a calendar that are looked at to count what was missed; more count as so many. */
const COUNTED_MAX = 1_000;

export type ScheduleRule =
  | { readonly kind: 'cron'; readonly cron: string; readonly timeZone: string }
  | { readonly kind: 'every'; readonly everyMs: number }
  | { readonly kind: 'after'; readonly afterMs: number };

export interface DuePlan {
  /** Due times to start now, in order; Unix milliseconds. */
  readonly starts: readonly number[];
  readonly missed: number;
  /** Undefined: after the end of what is started, or never. */
  readonly nextMs: number | undefined;
}

/** The first due time of a schedule that is new, or goes on, at `nowMs`. */
export function firstDue(rule: ScheduleRule, nowMs: number): number | undefined {
  switch (rule.kind) {
    case 'cron':
      return calendarOf(rule).next(nowMs);
    case 'every':
      return nowMs + rule.everyMs;
    case 'after':
      return nowMs + rule.afterMs;
  }
}

/** What becomes of a schedule that was due at `dueMs`, at `nowMs` or before. */
export function planDue(rule: ScheduleRule, catchUp: CatchUp, dueMs: number, nowMs: number): DuePlan {
  if (rule.kind === 'after') return { starts: [dueMs], missed: 0, nextMs: undefined };
  const { times, count, nextMs } = passed(rule, dueMs, nowMs);
  const starts = chosen(times, catchUp, nowMs);
  return { starts, missed: count - starts.length, nextMs };
}

/** The next due times, from the one that is known. */
export function upcoming(rule: ScheduleRule, dueMs: number | undefined, count: number): readonly number[] {
  if (dueMs === undefined || count <= 0) return [];
  switch (rule.kind) {
    case 'cron':
      return [dueMs, ...calendarOf(rule).nextTimes(dueMs, count - 1)];
    case 'every':
      return Array.from({ length: count }, (_, index) => dueMs + index * rule.everyMs);
    case 'after':
      return [dueMs];
  }
}

/** Times from `dueMs` to `nowMs`: the last CATCH_UP_MAX of them, and how many there were. */
function passed(rule: Exclude<ScheduleRule, { kind: 'after' }>, dueMs: number, nowMs: number): { readonly times: readonly number[]; readonly count: number; readonly nextMs: number | undefined } {
  if (rule.kind === 'every') {
    const count = Math.floor((nowMs - dueMs) / rule.everyMs) + 1;
    const kept = Math.min(count, CATCH_UP_MAX);
    return { times: Array.from({ length: kept }, (_, index) => dueMs + (count - kept + index) * rule.everyMs), count, nextMs: dueMs + count * rule.everyMs };
  }
  const calendar = calendarOf(rule);
  const times = calendar.lastTimes(nowMs, COUNTED_MAX).filter((time) => time >= dueMs).reverse();
  // The expression may have been read otherwise when the due time was worked out: it stands.
  if (times.length === 0) times.push(dueMs);
  return { times: times.slice(-CATCH_UP_MAX), count: times.length, nextMs: calendar.next(nowMs) };
}

function chosen(times: readonly number[], catchUp: CatchUp, nowMs: number): readonly number[] {
  switch (catchUp) {
    case 'all':
      return times;
    case 'latest':
      return times.slice(-1);
    case 'none':
      return times.filter((time) => nowMs - time <= LATE_MS_MAX);
  }
}

const calendars = new Map<string, CronCalendar>();
/** Calendars that are kept read. */
const CALENDARS_MAX = 10_000;

/** @throws TypeError for an expression that was never checked. */
function calendarOf({ cron, timeZone }: { readonly cron: string; readonly timeZone: string }): CronCalendar {
  const key = `${timeZone} ${cron}`;
  const known = calendars.get(key);
  if (known !== undefined) return known;
  const read = readCron(cron, timeZone);
  if (read.kind === 'refused') throw new TypeError(read.problem);
  if (calendars.size >= CALENDARS_MAX) calendars.clear();
  calendars.set(key, read.calendar);
  return read.calendar;
}
