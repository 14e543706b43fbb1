// Dates: seconds since 1970 and broken-down times [year, month from 0, day, hour, minute, second, weekday, day of year],
// always in UTC. Calendar arithmetic is done here by counting days, so nothing depends on the machine's time zone.

import { finite } from '../arithmetic.ts';
import { allocateArray, allocateString, burn } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { typeFailure } from '../failure.ts';
import { isArray } from '../json-value.ts';
import type { JsonValue } from '../json-value.ts';
import { preview } from '../serialize.ts';
import { value0, value1 } from './builtin.ts';
import type { BuiltinEntry } from './builtin.ts';

const DAY_SECONDS = 86_400;
const WEEKDAYS: readonly string[] = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS: readonly string[] = [
  'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December',
];

interface BrokenTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly weekday: number;
  readonly dayOfYear: number;
}

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar; the month may be out of range. */
function daysFromDate(year: number, month: number, day: number): number {
  const wholeYear = year + Math.floor(month / 12);
  const wholeMonth = ((month % 12) + 12) % 12;
  const marchYear = wholeMonth < 2 ? wholeYear - 1 : wholeYear;
  const marchMonth = (wholeMonth + 10) % 12;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + Math.floor((marchMonth * 306 + 5) / 10) + day - 1 - 719_468;
}

function breakTime(seconds: number): BrokenTime {
  const days = Math.floor(seconds / DAY_SECONDS);
  const rest = seconds - days * DAY_SECONDS;
  const year = yearOf(days);
  const dayOfYear = days - daysFromDate(year, 0, 1);
  let month = 11;
  while (month > 0 && daysFromDate(year, month, 1) > days) month--;
  return {
    year,
    month,
    day: days - daysFromDate(year, month, 1) + 1,
    hour: Math.floor(rest / 3600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
    weekday: (((days + 4) % 7) + 7) % 7,
    dayOfYear,
  };
}

function yearOf(days: number): number {
  let year = Math.floor(1970 + days / 365.2425);
  while (daysFromDate(year, 0, 1) > days) year--;
  while (daysFromDate(year + 1, 0, 1) <= days) year++;
  return year;
}

/** Seconds either side of 1970 for which dates are made: about the years 0 to 9999 and far beyond. */
const SECONDS_MAX = 1e14;

function secondsOf(value: JsonValue, name: string): number {
  if (typeof value !== 'number') throw typeFailure(`${name} requires a number`);
  if (!(Math.abs(value) <= SECONDS_MAX)) throw typeFailure((m) => `${name}: ${preview(m, value)} is not a time that a calendar can show`);
  return value;
}

function toArray(m: Meter, time: BrokenTime): JsonValue {
  allocateArray(m, 8);
  return [time.year, time.month, time.day, time.hour, time.minute, time.second, time.weekday, time.dayOfYear];
}

function timegm(value: JsonValue, name: string): number {
  if (!isArray(value)) throw typeFailure(`${name} requires array of 6 numbers`);
  const parts = value.slice(0, 6);
  if (parts.length < 6 || !parts.every((part) => typeof part === 'number' && Math.abs(part) <= SECONDS_MAX)) throw typeFailure(`${name} requires parsed datetime inputs`);
  const [year, month, day, hour, minute, second] = parts.map((part) => Math.trunc(part as number)) as [number, number, number, number, number, number];
  return daysFromDate(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
}

function pad(value: number, width: number, fill = '0'): string {
  return value < 0 ? `-${pad(-value, width - 1, fill)}` : String(value).padStart(width, fill);
}

/** Week of the year, counted from the first day of that name. */
function weekFrom(time: BrokenTime, firstWeekday: number): number {
  return Math.floor((time.dayOfYear + 7 - ((time.weekday + 7 - firstWeekday) % 7)) / 7);
}

function isoWeek(time: BrokenTime): { readonly year: number; readonly week: number } {
  const days = daysFromDate(time.year, time.month, time.day);
  const thursday = breakTime((days - ((time.weekday + 6) % 7) + 3) * DAY_SECONDS);
  return { year: thursday.year, week: Math.floor(thursday.dayOfYear / 7) + 1 };
}

type Conversion = (time: BrokenTime, seconds: number) => string;

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  a: ({ weekday }) => (WEEKDAYS[weekday] as string).slice(0, 3),
  A: ({ weekday }) => WEEKDAYS[weekday] as string,
  b: ({ month }) => (MONTHS[month] as string).slice(0, 3),
  B: ({ month }) => MONTHS[month] as string,
  c: (time, seconds) => format('%a %b %e %H:%M:%S %Y', time, seconds),
  C: ({ year }) => pad(Math.floor(year / 100), 2),
  d: ({ day }) => pad(day, 2),
  D: (time, seconds) => format('%m/%d/%y', time, seconds),
  e: ({ day }) => pad(day, 2, ' '),
  F: (time, seconds) => format('%Y-%m-%d', time, seconds),
  g: (time) => pad(isoWeek(time).year % 100, 2),
  G: (time) => String(isoWeek(time).year),
  h: ({ month }) => (MONTHS[month] as string).slice(0, 3),
  H: ({ hour }) => pad(hour, 2),
  I: ({ hour }) => pad(hour % 12 === 0 ? 12 : hour % 12, 2),
  j: ({ dayOfYear }) => pad(dayOfYear + 1, 3),
  k: ({ hour }) => pad(hour, 2, ' '),
  l: ({ hour }) => pad(hour % 12 === 0 ? 12 : hour % 12, 2, ' '),
  m: ({ month }) => pad(month + 1, 2),
  M: ({ minute }) => pad(minute, 2),
  n: () => '\n',
  p: ({ hour }) => (hour < 12 ? 'AM' : 'PM'),
  P: ({ hour }) => (hour < 12 ? 'am' : 'pm'),
  r: (time, seconds) => format('%I:%M:%S %p', time, seconds),
  R: (time, seconds) => format('%H:%M', time, seconds),
  s: (_time, seconds) => String(Math.floor(seconds)),
  S: ({ second }) => pad(Math.floor(second), 2),
  t: () => '\t',
  T: (time, seconds) => format('%H:%M:%S', time, seconds),
  u: ({ weekday }) => String(weekday === 0 ? 7 : weekday),
  U: (time) => pad(weekFrom(time, 0), 2),
  V: (time) => pad(isoWeek(time).week, 2),
  w: ({ weekday }) => String(weekday),
  W: (time) => pad(weekFrom(time, 1), 2),
  x: (time, seconds) => format('%m/%d/%y', time, seconds),
  X: (time, seconds) => format('%H:%M:%S', time, seconds),
  y: ({ year }) => pad(((year % 100) + 100) % 100, 2),
  Y: ({ year }) => String(year),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
};

function format(pattern: string, time: BrokenTime, seconds: number): string {
  return pattern.replace(/%[EO_0^#-]?([a-zA-Z%])/g, (whole, letter: string) => (Object.hasOwn(CONVERSIONS, letter) ? (CONVERSIONS[letter] as Conversion)(time, seconds) : whole));
}

const EXPANSION_MAX = 24;

function strftime(m: Meter, input: JsonValue, pattern: JsonValue): JsonValue {
  if (typeof input !== 'number' && !isArray(input)) throw typeFailure('strftime/1 requires parsed datetime inputs');
  if (typeof pattern !== 'string') throw typeFailure('strftime/1 requires a string format');
  const seconds = typeof input === 'number' ? secondsOf(input, 'strftime/1') : secondsOf(timegm(input, 'strftime/1'), 'strftime/1');
  burn(m, pattern.length);
  allocateString(m, pattern.length * EXPANSION_MAX);
  return format(pattern, breakTime(seconds), seconds);
}

interface Parsing {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  isAfternoon: boolean | null;
  dayOfYear: number | null;
  epoch: number | null;
}

type Reader = { readonly pattern: RegExp; readonly store: (into: Parsing, text: string) => boolean | void };

function digits(max: number, low: number, high: number, store: (into: Parsing, value: number) => void): Reader {
  return {
    pattern: new RegExp(`\\s*([+-]?[0-9]{1,${max}})`, 'y'),
    store: (into, text) => {
      const value = Number(text);
      if (value < low || value > high) return false;
      store(into, value);
      return true;
    },
  };
}

function named(names: readonly string[], store: (into: Parsing, position: number) => void): Reader {
  const spellings = names.flatMap((name) => [name, name.slice(0, 3)]);
  return {
    pattern: new RegExp(`(${spellings.join('|')})`, 'iy'),
    store: (into, text) => store(into, names.findIndex((name) => name.slice(0, 3).toLowerCase() === text.slice(0, 3).toLowerCase())),
  };
}

const ignore = (): void => undefined;

const READERS: Readonly<Record<string, Reader | string>> = {
  a: named(WEEKDAYS, ignore),
  A: named(WEEKDAYS, ignore),
  b: named(MONTHS, (into, month) => (into.month = month)),
  B: named(MONTHS, (into, month) => (into.month = month)),
  h: named(MONTHS, (into, month) => (into.month = month)),
  d: digits(2, 1, 31, (into, day) => (into.day = day)),
  e: digits(2, 1, 31, (into, day) => (into.day = day)),
  H: digits(2, 0, 23, (into, hour) => (into.hour = hour)),
  k: digits(2, 0, 23, (into, hour) => (into.hour = hour)),
  I: digits(2, 1, 12, (into, hour) => (into.hour = hour)),
  l: digits(2, 1, 12, (into, hour) => (into.hour = hour)),
  j: digits(3, 1, 366, (into, day) => (into.dayOfYear = day - 1)),
  m: digits(2, 1, 12, (into, month) => (into.month = month - 1)),
  M: digits(2, 0, 59, (into, minute) => (into.minute = minute)),
  S: digits(2, 0, 60, (into, second) => (into.second = second)),
  s: digits(14, -SECONDS_MAX, SECONDS_MAX, (into, epoch) => (into.epoch = epoch)),
  u: digits(1, 1, 7, ignore),
  w: digits(1, 0, 6, ignore),
  y: digits(2, 0, 99, (into, year) => (into.year = year < 69 ? 2000 + year : 1900 + year)),
  Y: digits(4, -9999, 9999, (into, year) => (into.year = year)),
  p: { pattern: /([AP]M)/iy, store: (into, text) => void (into.isAfternoon = text.toUpperCase() === 'PM') },
  z: { pattern: /\s*(Z|[+-][0-9]{2}:?(?:[0-9]{2})?)/y, store: ignore },
  Z: { pattern: /([A-Za-z]+)/y, store: ignore },
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  R: '%H:%M',
  r: '%I:%M:%S %p',
  T: '%H:%M:%S',
  n: ' ',
  t: ' ',
};

/** The position after the text that the pattern describes, or -1. */
function readTime(text: string, start: number, pattern: string, into: Parsing): number {
  let at = start;
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i] as string;
    if (/\s/.test(character)) {
      while (at < text.length && /\s/.test(text[at] as string)) at++;
      continue;
    }
    if (character !== '%' || pattern[i + 1] === '%') {
      if (character === '%') i++;
      if (text[at++] !== character) return -1;
      continue;
    }
    let letter = pattern[++i] ?? '';
    if (letter === 'E' || letter === 'O') letter = pattern[++i] ?? '';
    const reader = Object.hasOwn(READERS, letter) ? READERS[letter] : undefined;
    if (reader === undefined) return -1;
    if (typeof reader === 'string') {
      at = readTime(text, at, reader, into);
      if (at < 0) return -1;
      continue;
    }
    reader.pattern.lastIndex = at;
    const found = reader.pattern.exec(text);
    if (found === null || reader.store(into, found[1] as string) === false) return -1;
    at = reader.pattern.lastIndex;
  }
  return at;
}

function strptime(m: Meter, input: JsonValue, pattern: JsonValue): JsonValue {
  if (typeof input !== 'string') throw typeFailure(`strptime/1 requires string inputs and arguments`);
  if (typeof pattern !== 'string') throw typeFailure(`strptime/1 requires string inputs and arguments`);
  burn(m, input.length + pattern.length);
  const parsed: Parsing = { year: 1900, month: 0, day: 1, hour: 0, minute: 0, second: 0, isAfternoon: null, dayOfYear: null, epoch: null };
  const end = readTime(input, 0, pattern, parsed);
  if (end !== input.length) throw typeFailure(`date "${input.slice(0, 100)}" does not match format "${pattern.slice(0, 100)}"`);
  return toArray(m, settle(parsed));
}

function settle(parsed: Parsing): BrokenTime {
  if (parsed.epoch !== null) return breakTime(parsed.epoch);
  const hour = parsed.isAfternoon === null ? parsed.hour : (parsed.hour % 12) + (parsed.isAfternoon ? 12 : 0);
  const days = parsed.dayOfYear === null ? daysFromDate(parsed.year, parsed.month, parsed.day) : daysFromDate(parsed.year, 0, 1) + parsed.dayOfYear;
  const date = breakTime(days * DAY_SECONDS);
  const isWritten = parsed.dayOfYear === null;
  return { ...date, month: isWritten ? parsed.month : date.month, day: isWritten ? parsed.day : date.day, hour, minute: parsed.minute, second: parsed.second };
}

export const DATES: readonly BuiltinEntry[] = [
  ['gmtime/0', value0((m, input) => toArray(m, breakTime(secondsOf(input, 'gmtime()'))))],
  ['mktime/0', value0((m, input) => finite(m, timegm(input, 'mktime')))],
  ['strftime/1', value1(strftime)],
  ['strptime/1', value1(strptime)],
];
