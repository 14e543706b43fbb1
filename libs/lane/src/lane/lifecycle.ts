/** Lifecycle events made from journal records: live, and again by the owner that replays them (E9). */
import type { JournalRecord, OperatedRecord } from '@millrace/engine';
import type { LifecycleEvent } from './ports.ts';

/** A durable record that is told to the outside. */
export type ToldRecord = Extract<JournalRecord, { kind: 'started' | 'ended' }> | (OperatedRecord & { readonly act: 'pause' | 'resume' });

/** What an event says besides the record and its program. */
export type EventPlace = Pick<LifecycleEvent, 'lane' | 'sequence' | 'atMs' | 'organisation' | 'execution'>;

export function isTold(record: JournalRecord): record is ToldRecord {
  return record.kind === 'started' || record.kind === 'ended' || (record.kind === 'operated' && (record.act === 'pause' || record.act === 'resume'));
}

export function lifecycleEvent(record: ToldRecord, program: LifecycleEvent['program'], place: EventPlace): LifecycleEvent {
  if (record.kind === 'started') return { ...place, kind: 'started', index: 0, program };
  if (record.kind === 'operated') return { ...place, kind: record.act === 'pause' ? 'suspended' : 'resumed', index: 1 + record.number, program };
  return {
    ...place,
    kind: record.status,
    index: 1,
    program,
    ...(record.output === undefined ? {} : { output: record.output }),
    ...(record.error === undefined ? {} : { error: record.error }),
  };
}
