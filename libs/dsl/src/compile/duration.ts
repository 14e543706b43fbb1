/** Durations (DSL reference, Duration): stated in the document, or worked out when they are needed. */
import { DURATION_MS_MAX, statedDurationMs, type Duration, type JsonValue } from '@millrace/engine';
import { isObject } from '../json-value.ts';
import type { Compilation } from './compilation.ts';
import { compileExpression, expressionSource } from './expression.ts';
import type { Visible } from './visible.ts';

const DAYS_MAX = DURATION_MS_MAX / 86_400_000;

/** Compiles a duration that the schema has accepted. */
export function compileDuration(compilation: Compilation, value: JsonValue, pointer: string, visible: Visible): Duration {
  const source = typeof value === 'string' ? expressionSource(value) : undefined;
  if (source !== undefined) return { kind: 'computed', template: { kind: 'expression', expression: compileExpression(compilation, source, pointer, visible) } };
  const ms = statedDurationMs(value);
  if (ms === undefined) compilation.invalid({ pointer }, ...reasonAgainst(value));
  else if (ms >= DURATION_MS_MAX) compilation.invalid({ pointer }, `the duration must be less than ${DAYS_MAX} days`, 'wait in a loop, or let a schedule start another execution');
  return { kind: 'fixed', ms: ms ?? 0 };
}

function reasonAgainst(value: JsonValue): [message: string, suggestion: string] {
  if (isObject(value)) return ['the duration is negative', 'durations run forward: write a number of at least 0'];
  if (typeof value === 'string' && /^P[^T]*[YM]/.test(value)) return ['months and years have no fixed length', 'state the duration in days, as in `P30D`'];
  return ['this is no duration', 'write an ISO 8601 text such as `PT30S`, or an object such as `{ seconds: 30 }`'];
}
