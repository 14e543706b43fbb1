/**
 * Messages on a lane's input subject `in.<lane>`: what other services durably ask of an execution's owner.
 *
 * Owns the wire format (JSON, version 1). One message carries a batch, so that a service that accepts
 * many requests a second pays one durable append for all that wait.
 */
import type { CloudEvent } from './listen.ts';
import type { Problem } from './problem.ts';
import type { JsonValue } from './program.ts';

/** Largest batch message, in bytes. A single larger input is refused by whoever accepts it. */
export const LANE_INPUT_BYTES_MAX = 4 * 1024 * 1024;

/** A start accepted elsewhere. The same id twice is one start. */
export interface StartInput {
  readonly kind: 'start';
  readonly organisation: string;
  readonly execution: string;
  /** NAME, NAME@VERSION or sha256:HASH. */
  readonly workflow: string;
  readonly input: JsonValue;
  readonly key?: string;
  readonly traceparent?: string;
  /** When the request came in, milliseconds since the Unix epoch; the trace begins here. */
  readonly acceptedAtMs: number;
  /** Who took it, such as `trigger`; names the first span. */
  readonly acceptedBy: string;
  /** A plain NATS subject that gets one `Reply` when the execution has ended. */
  readonly replyTo?: string;
  /** The lane that it was sent to at first; set when that lane's owner sends it on, since its slot has left (format 2). */
  readonly from?: number;
}

export interface CancelInput {
  readonly kind: 'cancel';
  readonly organisation: string;
  readonly execution: string;
  /** As in a start. */
  readonly from?: number;
}

/** What one execution is asked. */
export type LaneInput = StartInput | CancelInput | ChildInput;

/** The end of a workflow that a task of the execution runs (format 2). */
export interface ChildInput {
  readonly kind: 'child';
  /** The parent. */
  readonly execution: string;
  readonly run: number;
  readonly activation: number;
  readonly attempt: number;
  readonly endedAtMs: number;
  /** Unless there is an error. */
  readonly output?: JsonValue;
  readonly error?: Problem;
  /** As in a start. */
  readonly from?: number;
}

/** An event for whoever listens in the lane (format 2). It is sent to every lane; the same one twice is taken once. */
export interface EventInput {
  readonly kind: 'event';
  readonly organisation: string;
  readonly event: CloudEvent;
}

/** Sent to `replyTo` once the end is durable; lost when nobody listens. */
export interface Reply {
  readonly execution: string;
  readonly status: 'completed' | 'faulted' | 'cancelled' | 'refused';
  readonly output?: JsonValue;
  readonly error?: { readonly type: string; readonly status: number; readonly title?: string; readonly detail?: string; readonly instance?: string };
  /** Key of the error catalogue, when refused. */
  readonly reason?: string;
}

export function encodeLaneInputs(inputs: readonly (LaneInput | EventInput)[]): string {
  return JSON.stringify({ v: 1, inputs });
}

/** Throws when the message is not of a version this release reads: the lane stops rather than skip it. */
export function decodeLaneInputs(text: string): readonly (LaneInput | EventInput)[] {
  const message = JSON.parse(text) as { v?: number; inputs?: readonly (LaneInput | EventInput)[] };
  if (message.v !== 1 || !Array.isArray(message.inputs)) throw new Error(`lane input of unknown version ${String(message.v)}`);
  return message.inputs;
}
