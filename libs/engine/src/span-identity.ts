/**
 * Trace and span ids derived from an execution, so that its spans can be made again at any time (E7).
 */
import type { Execution } from './execution.ts';

/** W3C Trace Context, version 00: `00-<trace id>-<parent id>-<flags>`. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The caller's trace and span, or nothing when there was none or it is malformed. */
export function callerOf(traceparent: string | undefined): { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  if (match === null) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = match;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The caller's trace id, or one derived from the execution's id. 32 hexadecimal digits. */
export function traceIdOf(id: string, traceparent: string | undefined): string {
  return callerOf(traceparent)?.traceId ?? hash32(id, 1) + hash32(id, 2) + hash32(id, 3) + hash32(id, 4);
}

/** 16 hexadecimal digits, never all zero; the same text always gets the same. */
export function spanIdOf(text: string): string {
  return hash32(text, 5) + hash32(text, 6);
}

/** What a span is of. */
export function attemptSpanId(id: string, run: number, activation: number, attempt: number): string {
  return spanIdOf(`${id}/${run}/${activation}/${attempt}`);
}

/** The traceparent that goes with one attempt of a step. */
export function traceparentOf(execution: Execution, activation: number, attempt: number): string {
  const caller = callerOf(execution.traceparent);
  const flags = caller?.sampled === true ? '01' : '00';
  return `00-${traceIdOf(execution.id, execution.traceparent)}-${attemptSpanId(execution.id, execution.run, activation, attempt)}-${flags}`;
}

/** The same from a step's key alone, for executions that began without a caller's trace; not sampled. */
export function derivedTraceparent(id: string, run: number, activation: number, attempt: number): string {
  return `00-${traceIdOf(id, undefined)}-${attemptSpanId(id, run, activation, attempt)}-00`;
}

/** FNV-1a with a seed and a final mix, as eight hexadecimal digits. */
function hash32(text: string, seed: number): string {
  let hash = 0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1);
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash = (hash ^ (hash >>> 16)) >>> 0;
  return (hash === 0 ? 1 : hash).toString(16).padStart(8, '0');
}
