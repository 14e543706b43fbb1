/**
 * Cron expressions: five fields, or six with seconds in front, or a nickname such as `@daily`, in a time zone.
 *
 * Owns what is taken and what daylight saving means; the calendar is croner's.
 *
 * - A time of day that does not exist when clocks go forward is due at the moment they do: nothing is left out.
 * - A time of day that comes twice when clocks go back is due once, at its first coming; what is due every hour or more
 *   often goes on through both.
 * - Day of month and day of week, when both are given, are alternatives, as in Vixie's cron.
 */
import { Cron } from 'croner';

/** The zone of an expression that names none. */
export const TIME_ZONE_DEFAULT = 'UTC';
/** Longest expression, characters. */
export const CRON_LENGTH_MAX = 256;

const FIELDS = /^\S+(?:\s+\S+){4,5}$/;
const NICKNAME = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/i;

export interface CronCalendar {
  /** The first due time after `afterMs`, Unix milliseconds; undefined when there is none. */
  next(afterMs: number): number | undefined;
  /** Due times after `afterMs`, in order, at most `count`. */
  nextTimes(afterMs: number, count: number): readonly number[];
  /** Due times at or before `untilMs`, the latest first, at most `count`. */
  lastTimes(untilMs: number, count: number): readonly number[];
}

export type CronReading = { readonly kind: 'calendar'; readonly calendar: CronCalendar } | { readonly kind: 'refused'; readonly part: 'cron' | 'timeZone'; readonly problem: string };

/** Reads an expression; what is refused says why, as the end of a sentence. */
export function readCron(text: string, timeZone: string = TIME_ZONE_DEFAULT): CronReading {
  if (!isTimeZone(timeZone)) return { kind: 'refused', part: 'timeZone', problem: `${JSON.stringify(timeZone)} is no time zone of the IANA database; write one such as \`Europe/Berlin\` or \`UTC\`` };
  const pattern = text.trim();
  if (pattern.length > CRON_LENGTH_MAX || !(FIELDS.test(pattern) || NICKNAME.test(pattern))) {
    return { kind: 'refused', part: 'cron', problem: `${JSON.stringify(text.slice(0, CRON_LENGTH_MAX))} is no cron expression: it has five fields (minute, hour, day of month, month, day of week), or six with seconds in front` };
  }
  try {
    const cron = new Cron(pattern, { timezone: timeZone, paused: true });
    const calendar: CronCalendar = {
      next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime(),
      nextTimes: (afterMs, count) => cron.nextRuns(count, new Date(afterMs)).map((date) => date.getTime()),
      lastTimes: (untilMs, count) => cron.previousRuns(count, new Date(untilMs + 1)).map((date) => date.getTime()),
    };
    if (calendar.next(0) === undefined) return { kind: 'refused', part: 'cron', problem: `${JSON.stringify(pattern)} names a date that never comes` };
    return { kind: 'calendar', calendar };
  } catch (error) {
    return { kind: 'refused', part: 'cron', problem: `${JSON.stringify(pattern)} cannot be read as a cron expression: ${(error as Error).message.replace(/^Cron\w+: /, '')}` };
  }
}

function isTimeZone(name: string): boolean {
  try {
    // An offset such as +02:00 knows no daylight saving; it is a zone to Intl alone.
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
