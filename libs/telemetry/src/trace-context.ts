/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): reading and writing `traceparent`, and ids that
 * follow from what they name, so that the spans of an execution can be made from its journal at any time and
 * by anyone, with the same ids.
 */
import { hash, randomBytes } from 'node:crypto';

export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero: the parent of what is done under this context. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);
/** Longer text is no traceparent of any version yet written; it is not looked at. */
const TRACEPARENT_LENGTH_MAX = 256;

/** Reads a `traceparent`; undefined when it is not valid, and the caller then begins a trace of its own. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || text.length > TRACEPARENT_LENGTH_MAX) return undefined;
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(text.trim()) ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  // Version 00 ends after the flags; a later one may go on, and what is known of it still counts.
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Writes a `traceparent` of version 00. */
export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** Begins a trace. `sampled` (default false) asks those downstream to record; it decides export only. */
export function newTraceContext({ sampled = false }: { readonly sampled?: boolean } = {}): TraceContext {
  const random = randomBytes(24).toString('hex');
  return { traceId: notZero(random.slice(0, 32)), spanId: notZero(random.slice(32)), sampled };
}

/** The span id that follows from these parts: the same for the same parts, never all zero. */
export function spanIdFrom(...parts: readonly (string | number)[]): string {
  let text = '';
  for (const part of parts) {
    const written = String(part);
    text += `${written.length}:${written}`;
  }
  return notZero(hash('sha256', `span ${text}`).slice(0, 16));
}

/** The trace id that follows from this text: the same for the same text, never all zero. */
export function traceIdFrom(text: string): string {
  return notZero(hash('sha256', `trace ${text}`).slice(0, 32));
}

function notZero(id: string): string {
  return /^0+$/.test(id) ? `${id.slice(0, -1)}1` : id;
}
