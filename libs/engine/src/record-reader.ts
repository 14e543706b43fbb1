/**
 * Reads journal records from the JSON that `record-writer.ts` makes: those of every format so far (V1).
 *
 * A kind or version that this release does not know is refused (F1): the journal then stops where it is, and
 * nothing of it is skipped.
 */
import { FORMAT_NEWEST, FORMAT_OLDEST } from './format.ts';
import { payloadOf, type Payload } from './payload.ts';
import type { JsonValue } from './program.ts';
import type { Problem } from './problem.ts';
import type { RerunOrigin } from './reuse.ts';
import type { ApprovalAct, JournalRecord, OperatorAct } from './record.ts';

/** A record as JSON. */
export type RawRecord = Readonly<Record<string, JsonValue>>;

/** Adds the names of the objects that a record refers to. */
export function collectReferences(record: RawRecord, names: string[]): void {
  for (const [key, value] of Object.entries(record)) if (key.endsWith('@') && typeof value === 'string') names.push(value);
}

/** The record of one JSON object written by `encodeRecord`. Throws on a kind it does not know (F1). */
export function decodeRecord(raw: RawRecord, lookUp: (name: string) => string): JournalRecord {
  const number = (key: string): number => raw[key] as number;
  const text = (key: string): string => raw[key] as string;
  const get = (key: string): Payload | undefined => {
    const inline = raw[key];
    if (inline !== undefined) return payloadOf(inline);
    const name = raw[`${key}@`];
    if (typeof name !== 'string') return undefined;
    const found = lookUp(name);
    return payloadOf(JSON.parse(found) as JsonValue, found);
  };
  const some = <K extends string>(key: K, value: Payload | undefined): { readonly [P in K]?: Payload } => (value === undefined ? {} : ({ [key]: value } as { [P in K]: Payload }));
  const must = (key: string): Payload => get(key) ?? payloadOf(null);
  const place = () => ({ activation: number('a'), node: number('n'), parent: number('p') });
  const times = () => ({ dispatchedAtMs: number('d'), startedAtMs: number('s'), endedAtMs: number('e'), worker: text('w') });
  switch (raw['k']) {
    case 'started.1':
    case 'started.2':
      return {
        kind: 'started',
        definition: text('def'),
        workflow: text('wf'),
        version: text('ver'),
        input: must('i'),
        acceptedAtMs: number('acc'),
        acceptedBy: text('by'),
        ...(raw['key'] === undefined ? {} : { key: text('key') }),
        ...(raw['trace'] === undefined ? {} : { traceparent: text('trace') }),
        ...(raw['reply'] === undefined ? {} : { replyTo: text('reply') }),
        ...(raw['from'] === undefined ? {} : { origin: raw['from'] as unknown as RerunOrigin }),
        ...some('reuse', get('u')),
      };
    case 'begun.1':
      return { kind: 'begun', ...some('input', get('i')) };
    case 'entered.1':
    case 'entered.2':
      return {
        kind: 'entered',
        ...place(),
        attempt: (raw['x'] as number | undefined) ?? 1,
        ...(raw['due'] === undefined ? {} : { dueMs: number('due') }),
        ...(raw['dl'] === undefined ? {} : { deadlineMs: number('dl') }),
        ...(raw['adl'] === undefined ? {} : { attemptDeadlineMs: number('adl') }),
        ...some('input', get('i')),
        ...some('arguments', get('g')),
        ...some('items', get('l')),
      };
    case 'passed.1':
    case 'passed.2':
      return { kind: 'passed', ...place(), next: number('to'), ...some('output', get('o')), ...some('context', get('c')), ...(raw['k'] === 'passed.2' ? { reused: true } : {}), ...some('raw', get('w')) };
    case 'skipped.1':
      return { kind: 'skipped', ...place(), next: number('to') };
    case 'resolved.1':
      return { kind: 'resolved', activation: number('a'), attempt: number('x'), ...times(), next: number('to'), result: must('r'), ...some('output', get('o')), ...some('context', get('c')) };
    case 'exited.1':
      return { kind: 'exited', activation: number('a'), next: number('to'), ...some('output', get('o')), ...some('context', get('c')) };
    case 'iterated.1':
      return { kind: 'iterated', activation: number('a'), index: number('at') };
    case 'failed.1':
    case 'failed.2':
      return {
        kind: 'failed',
        ...place(),
        attempt: number('x'),
        ...(raw['err'] === undefined ? {} : { error: raw['err'] as unknown as Problem }),
        ...(raw['d'] === undefined ? {} : { step: times() }),
        ...(raw['k'] === 'failed.2' ? { reused: true } : {}),
      };
    case 'retrying.1':
      return { kind: 'retrying', activation: number('a'), retry: number('x'), dueMs: number('due') };
    case 'resumed.1':
      return { kind: 'resumed', activation: number('a') };
    case 'resumed.2':
      return { kind: 'resumed', activation: number('a'), attemptDeadlineMs: number('adl') };
    case 'expired.1':
      return { kind: 'expired', activation: number('a'), error: raw['err'] as unknown as Problem };
    case 'caught.1':
      return { kind: 'caught', activation: number('a') };
    case 'heard.1':
      return { kind: 'heard', activation: number('a'), key: text('id'), filter: number('f'), ...(raw['u'] === undefined ? {} : { isUntil: true }), done: raw['end'] !== undefined, ...some('event', get('o')), ...some('correlations', get('c')) };
    case 'collected.1':
      return { kind: 'collected', activation: number('a'), ...some('output', get('o')), ...some('context', get('c')) };
    case 'operated.1':
      return { kind: 'operated', number: number('no'), act: text('act') as OperatorAct | ApprovalAct, by: text('by'), ...(raw['why'] === undefined ? {} : { reason: text('why') }), ...(raw['a'] === undefined ? {} : { activation: number('a') }), ...(raw['to'] === undefined ? {} : { to: text('to') }) };
    case 'cut.1':
      return { kind: 'cut', activation: number('a') };
    case 'ended.1':
      return { kind: 'ended', status: text('st') as 'completed', ...(raw['err'] === undefined ? {} : { error: raw['err'] as unknown as Problem }), ...some('output', get('o')) };
    default:
      throw new Error(`journal record ${String(raw['k'])} is not known to this release, which reads formats ${FORMAT_OLDEST} to ${FORMAT_NEWEST}`);
  }
}
