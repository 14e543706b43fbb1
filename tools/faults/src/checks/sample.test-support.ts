/** Evidence in which everything is right, for tests that break one thing of it. */
import type { Evidence, FaultWindow, Journal, JournalRecord, StepArrival } from '../evidence.ts';

export const record = (kind: string, more: Partial<JournalRecord> = {}): JournalRecord => ({ kind, attempt: 1, ...more });

export const journal = (entries: readonly (readonly [number, ...JournalRecord[]])[], more: Partial<Journal> = {}): Journal => ({
  execution: 'x',
  organisation: 'o',
  workflow: 'chain',
  status: 'completed',
  key: 'k',
  entries: entries.map(([atMs, ...records]) => ({ atMs, records })),
  ...more,
});

export const arrival = (more: Partial<StepArrival> = {}): StepArrival => ({ organisation: 'o', workflow: 'chain', step: 'first', startKey: 'k', key: 'x/1/2', attempt: '1', atMs: 10_000, endedAtMs: 10_050, ...more });

export const fault = (fromMs: number, toMs: number, more: Partial<FaultWindow> = {}): FaultWindow => ({ name: 'f', fromMs, toMs, beyondLimits: 'never', clockMoved: false, ...more });

export const WHOLE = journal([
  [1, record('started')],
  [2, record('entered', { activation: 1 })],
  [3, record('resolved', { activation: 2, worker: 'c' })],
  [4, record('ended', { status: 'completed' })],
]);

export const RIGHT: Evidence = {
  starts: [{ organisation: 'o', workflow: 'chain', key: 'k', answers: [{ execution: 'x', atMs: 1, status: 'pending' }, { execution: 'x', atMs: 5, status: 'completed', outputJson: '{"n":"k"}' }], conflicts: [] }],
  cancels: [],
  ends: [{ execution: 'x', status: 'completed', outputJson: '{"n":"k"}', detail: '' }],
  journals: [WHOLE],
  events: [
    { id: '0/1/x/0', kind: 'started', execution: 'x' },
    { id: '0/4/x/1', kind: 'completed', execution: 'x' },
  ],
  arrivals: [arrival()],
  mails: [],
  faults: [],
  limits: [],
  owners: 2,
};
