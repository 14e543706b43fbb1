/**
 * Durations as the DSL writes them: ISO 8601 texts and objects with days, hours, minutes, seconds, milliseconds.
 */
import type { JsonValue } from './program.ts';

/** Longest duration that is accepted: 366 days, in milliseconds. */
export const DURATION_MS_MAX = 366 * 86_400_000;

const UNITS = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1_000, milliseconds: 1 } as const;
const ISO_8601 = /^P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Milliseconds, or undefined when the value states no duration. It may be over DURATION_MS_MAX, which callers refuse. Months and years have no fixed length and are refused. */
export function statedDurationMs(value: JsonValue): number | undefined {
  const ms = typeof value === 'string' ? isoMs(value) : objectMs(value);
  return ms === undefined || !Number.isFinite(ms) || ms < 0 ? undefined : Math.round(ms);
}

function isoMs(text: string): number | undefined {
  const match = ISO_8601.exec(text);
  if (match === null || text.endsWith('P') || text.endsWith('T')) return undefined;
  const [, weeks, days, hours, minutes, seconds] = match;
  return Number(weeks ?? 0) * 7 * UNITS.days + Number(days ?? 0) * UNITS.days + Number(hours ?? 0) * UNITS.hours + Number(minutes ?? 0) * UNITS.minutes + Number(seconds ?? 0) * UNITS.seconds;
}

function objectMs(value: JsonValue): number | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  let sum = 0;
  const entries = Object.entries(value);
  for (const [unit, amount] of entries) {
    if (!Object.hasOwn(UNITS, unit) || typeof amount !== 'number') return undefined;
    sum += amount * UNITS[unit as keyof typeof UNITS];
  }
  return entries.length === 0 ? undefined : sum;
}
