/** Durations as people write and read them. */
import { UsageError } from './command.ts';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `500ms`, `20s`, `5m`, `1h`, `1.5s`; seconds without a unit. @throws UsageError */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text);
  if (match?.[1] === undefined) throw new UsageError(`${text} is no duration; write 500ms, 20s, 5m or 1h`);
  return Math.round(Number(match[1]) * (UNITS_MS[match[2] ?? 's'] ?? 1_000));
}

/** `0.4 ms`, `12 ms`, `1.25 s`, `3 m 20 s`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
  return `${Math.floor(ms / 60_000)} m ${Math.round((ms % 60_000) / 1_000)} s`;
}
