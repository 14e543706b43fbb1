/**
 * Writes journal records as JSON, by concatenation: every record of every execution passes here once.
 *
 * Owns which of a record's values stand inside the frame and which by reference (F3), and what no frame can hold (F4).
 */
import { isTooDeep, textOf, NESTING_MAX, type Payload } from './payload.ts';
import { fault } from './problem.ts';
import type { FailedRecord, JournalRecord, StartedRecord } from './record.ts';

/** Longest payload text kept inside a frame, in characters. */
export const PAYLOAD_INLINE_CHARACTERS_MAX = 64 * 1024;
/** Payload text that one transition keeps inside its frame, in characters. */
export const TRANSITION_INLINE_CHARACTERS_MAX = 256 * 1024;
/** Payloads so short stand inside the frame whatever the transition holds, in characters. */
const PAYLOAD_INLINE_CHARACTERS_ALWAYS = 256;
/** Longest text of a value that a task or an execution may yield, in characters. An execution's input is bounded by who accepts it. */
export const PAYLOAD_CHARACTERS_MAX = 1024 * 1024;

/** A payload text that must be stored under `name` before the frame is appended. */
export interface LargePayload {
  readonly name: string;
  readonly text: string;
}

/** Where the payloads of one transition go. */
export interface Place {
  /** Begins the names of payloads by reference. */
  readonly owner: string;
  readonly large: LargePayload[];
  /** Characters that may still stand inside the frame. */
  room: number;
}

/** JSON text of one record; also the form in which history keeps it. Throws a Fault (F4). */
export function encodeRecord(record: JournalRecord, into: Place): string {
  switch (record.kind) {
    case 'started':
      return startedText(record, into);
    case 'begun':
      return `{"k":"begun.1"${put(into, 'i', record.input, '0', 1)}}`;
    case 'entered': {
      const { activation, attempt } = record;
      const isTimed = record.deadlineMs !== undefined || record.attemptDeadlineMs !== undefined;
      const times = isTimed ? `${record.deadlineMs === undefined ? '' : `,"dl":${record.deadlineMs}`}${record.attemptDeadlineMs === undefined ? '' : `,"adl":${record.attemptDeadlineMs}`}` : '';
      return `{"k":"entered.${isTimed ? 2 : 1}","a":${activation},"n":${record.node},"p":${record.parent}${attempt === 1 ? '' : `,"x":${attempt}`}${record.dueMs === undefined ? '' : `,"due":${record.dueMs}`}${times}${put(into, 'i', record.input, activation, attempt)}${put(into, 'g', record.arguments, activation, attempt)}${put(into, 'l', record.items, activation, attempt)}}`;
    }
    case 'passed':
      return `{"k":"passed.${record.reused === true ? 2 : 1}","a":${record.activation},"n":${record.node},"p":${record.parent},"to":${record.next}${put(into, 'o', record.output, record.activation)}${put(into, 'c', record.context, record.activation)}${put(into, 'w', record.raw, record.activation)}}`;
    case 'skipped':
      return `{"k":"skipped.1","a":${record.activation},"n":${record.node},"p":${record.parent},"to":${record.next}}`;
    case 'resolved': {
      const { activation, attempt } = record;
      return `{"k":"resolved.1","a":${activation},"x":${attempt},"d":${record.dispatchedAtMs},"s":${record.startedAtMs},"e":${record.endedAtMs},"w":${JSON.stringify(record.worker)},"to":${record.next}${put(into, 'r', record.result, activation, attempt)}${put(into, 'o', record.output, activation, attempt)}${put(into, 'c', record.context, activation, attempt)}}`;
    }
    case 'exited':
      return `{"k":"exited.1","a":${record.activation},"to":${record.next}${put(into, 'o', record.output, record.activation, 'exit')}${put(into, 'c', record.context, record.activation, 'exit')}}`;
    case 'iterated':
      return `{"k":"iterated.1","a":${record.activation},"at":${record.index}}`;
    case 'failed':
      return failedText(record);
    case 'retrying':
      return `{"k":"retrying.1","a":${record.activation},"x":${record.retry},"due":${record.dueMs}}`;
    case 'resumed':
      return record.attemptDeadlineMs === undefined ? `{"k":"resumed.1","a":${record.activation}}` : `{"k":"resumed.2","a":${record.activation},"adl":${record.attemptDeadlineMs}}`;
    case 'caught':
      return `{"k":"caught.1","a":${record.activation}}`;
    case 'heard': {
      const { activation, key } = record;
      return `{"k":"heard.1","a":${activation},"id":${JSON.stringify(key)},"f":${record.filter}${record.isUntil === true ? ',"u":1' : ''}${record.done ? ',"end":1' : ''}${put(into, 'o', record.event, activation, encodeURIComponent(key).slice(0, 200))}${put(into, 'c', record.correlations, activation, `${encodeURIComponent(key).slice(0, 200)}.correlations`)}}`;
    }
    case 'collected':
      return `{"k":"collected.1","a":${record.activation}${put(into, 'o', record.output, record.activation, 'item')}${put(into, 'c', record.context, record.activation, 'item')}}`;
    case 'expired':
      return `{"k":"expired.1","a":${record.activation},"err":${JSON.stringify(record.error)}}`;
    case 'operated':
      return `{"k":"operated.1","no":${record.number},"act":"${record.act}","by":${JSON.stringify(record.by)}${record.reason === undefined ? '' : `,"why":${JSON.stringify(record.reason)}`}${record.activation === undefined ? '' : `,"a":${record.activation}`}${record.to === undefined ? '' : `,"to":${JSON.stringify(record.to)}`}}`;
    case 'cut':
      return `{"k":"cut.1","a":${record.activation}}`;
    case 'ended':
      return `{"k":"ended.1","st":"${record.status}"${record.error === undefined ? '' : `,"err":${JSON.stringify(record.error)}`}${put(into, 'o', record.output, 'end')}}`;
  }
}

function startedText(record: StartedRecord, into: Place): string {
  const optional = JSON.stringify({ key: record.key, trace: record.traceparent, reply: record.replyTo }).slice(1, -1);
  const { input } = record;
  // Whoever accepts an input has looked at its depth and its size.
  const text = textOf(input);
  const taken = record.origin === undefined ? '' : `,"from":${JSON.stringify(record.origin)}`;
  const reuseText = record.reuse === undefined ? undefined : textOf(record.reuse);
  const reuse = reuseText === undefined ? '' : standsInside(reuseText, into) ? `,"u":${reuseText}` : refer(into, 'u', reuseText, '0');
  return `{"k":"started.${record.origin === undefined ? 1 : 2}","def":${JSON.stringify(record.definition)},"wf":${JSON.stringify(record.workflow)},"ver":${JSON.stringify(record.version)},"acc":${record.acceptedAtMs},"by":${JSON.stringify(record.acceptedBy)}${optional === '' ? '' : `,${optional}`}${standsInside(text, into) ? `,"i":${text}` : refer(into, 'i', text, '0')}${taken}${reuse}}`;
}

function failedText(record: FailedRecord): string {
  const { step, error } = record;
  const times = step === undefined ? '' : `,"d":${step.dispatchedAtMs},"s":${step.startedAtMs},"e":${step.endedAtMs},"w":${JSON.stringify(step.worker)}`;
  return `{"k":"failed.${record.reused === true ? 2 : 1}","a":${record.activation},"n":${record.node},"p":${record.parent},"x":${record.attempt}${times}${error === undefined ? '' : `,"err":${JSON.stringify(error)}`}}`;
}

/** A value as a field, with its text or by reference; `place` and `part` tell its object from others of the execution. */
function put(into: Place, key: string, payload: Payload | undefined, place: number | string, part?: number | string): string {
  if (payload === undefined) return '';
  const text = textOf(payload);
  // A value may have grown deeper by one with each turn of a loop.
  if (isTooDeep(text)) throw fault('runtime', `a value is nested deeper than ${NESTING_MAX} levels`);
  if (standsInside(text, into)) return `,"${key}":${text}`;
  if (text.length > PAYLOAD_CHARACTERS_MAX) throw fault('runtime', `a value has ${text.length} characters; the most is ${PAYLOAD_CHARACTERS_MAX}`);
  return refer(into, key, text, part === undefined ? String(place) : `${place}.${part}`);
}

function standsInside(text: string, into: Place): boolean {
  if (text.length > PAYLOAD_INLINE_CHARACTERS_ALWAYS && (text.length > PAYLOAD_INLINE_CHARACTERS_MAX || text.length > into.room)) return false;
  into.room -= text.length;
  return true;
}

function refer(into: Place, key: string, text: string, place: string): string {
  const name = `${into.owner}.${place}.${key}`;
  into.large.push({ name, text });
  return `,"${key}@":"${name}"`;
}
