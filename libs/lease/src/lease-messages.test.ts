import { LeaseGrants, OwnerReport } from '@millrace/contracts/throttle/v1/throttle';
import { grantsFromWire, grantsToWire, reportFromWire, reportToWire } from './lease-messages.ts';

const NONE = Number.POSITIVE_INFINITY;

describe('lease messages', () => {
  test('a report comes over the wire as it was, no limit included', () => {
    const report = {
      sequence: 7, applied: 3, complete: true, leaving: false,
      demands: [
        { organisation: 'acme', running: 2, waiting: 9, wanted: 11, held: 4, startsWanted: 1.5, startsHeld: NONE },
        { organisation: 'other', running: 0, waiting: 0, wanted: 0, held: NONE, startsWanted: 0, startsHeld: 0.25 },
      ],
    };
    const bytes = OwnerReport.encode(reportToWire('orchestrator-1/x', report)).finish();
    const message = OwnerReport.decode(bytes);
    expect(message.owner).toBe('orchestrator-1/x');
    expect(reportFromWire(message)).toEqual(report);
  });

  test('grants come over the wire as they were', () => {
    const grants = { sequence: 2, answers: 7, owners: 3, learning: true, grants: [{ organisation: 'acme', concurrency: NONE, startsPerSecond: 12.5 }, { organisation: 'b', concurrency: 0, startsPerSecond: NONE }] };
    const message = LeaseGrants.decode(LeaseGrants.encode(grantsToWire(grants, 3_000)).finish());
    expect(grantsFromWire(message)).toEqual({ ...grants, ttlMs: 3_000 });
  });
});
