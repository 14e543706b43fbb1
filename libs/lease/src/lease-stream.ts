/**
 * One stream to the authority, from the complete report to its end.
 *
 * Owns sequence numbers of this stream's reports, when each was sent, and noticing that no answer comes. Does
 * not own what is reported or what grants do (leases.ts).
 *
 * L1 The first report of a stream is complete; grants are applied only from the stream that is open.
 * L2 Leases count from when the report was sent that the grants answer (the authority's A3), so a slow or
 *    stopped network makes them shorter, never longer.
 */
import type { Clock } from '@millrace/clock';
import type { LeaseGrants, OwnerReport } from '@millrace/contracts/throttle/v1/throttle';
import type { Grants, ReportedDemand } from '@millrace/fairness';
import { grantsFromWire, reportToWire } from './lease-messages.ts';

/** No answer for so long to a report, in milliseconds: the authority is taken for gone. */
export const ANSWER_TIMEOUT_MS = 1_500;
/** Reports whose answer is open; a count. More than this is the same as no answer. */
const OPEN_MAX = 1_000;

/** The stream as it travels; gRPC's is one. */
export interface LeaseCall {
  write(report: OwnerReport): unknown;
  end(): unknown;
  cancel(): void;
  on(event: 'data', listener: (message: LeaseGrants) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
}

export interface LeaseStreamOptions {
  readonly call: LeaseCall;
  readonly owner: string;
  /** Gives the next sequence number of the process. */
  readonly nextSequence: () => number;
  readonly clock: Clock;
  /** `leasesUntilMs` is when this owner's leases expire by `clock`, by L2. */
  readonly onGrants: (grants: Grants, leasesUntilMs: number) => void;
  /** Called once, however the stream ends, unless by `close`. */
  readonly onEnd: (error: Error | undefined) => void;
}

export interface LeaseStream {
  /** When the last report was sent. */
  readonly lastSentMs: number;
  send(demands: readonly ReportedDemand[]): void;
  /** Ends the stream when the authority does not answer. Call it every so often. */
  watch(nowMs: number): void;
  /** Ends it; `leaving` gives everything back first. */
  close(leaving: boolean): void;
}

/** Opens a stream with a complete report. */
export function openLeaseStream(options: LeaseStreamOptions, complete: readonly ReportedDemand[]): LeaseStream {
  const { call, owner, nextSequence, clock, onGrants, onEnd } = options;
  const open: { readonly sequence: number; readonly sentAtMs: number }[] = [];
  let applied = 0;
  let lastSentMs = 0;
  let ended = false;

  function write(demands: readonly ReportedDemand[], kind: { readonly complete: boolean; readonly leaving: boolean }): void {
    const sequence = nextSequence();
    lastSentMs = clock.monotonicMs();
    open.push({ sequence, sentAtMs: lastSentMs });
    call.write(reportToWire(owner, { sequence, applied, demands, ...kind }));
  }

  function end(error: Error | undefined): void {
    if (ended) return;
    ended = true;
    call.cancel();
    onEnd(error);
  }

  call.on('data', (message: LeaseGrants) => {
    if (ended) return;
    const { ttlMs, ...grants } = grantsFromWire(message);
    let sentAtMs: number | undefined;
    while (open[0] !== undefined && open[0].sequence <= grants.answers) {
      const answered = open.shift();
      if (answered?.sequence === grants.answers) sentAtMs = answered.sentAtMs;
    }
    applied = grants.sequence;
    onGrants(grants, sentAtMs === undefined ? Number.NEGATIVE_INFINITY : sentAtMs + ttlMs);
  });
  call.on('error', (error) => end(error));
  call.on('end', () => end(undefined));
  write(complete, { complete: true, leaving: false });

  return {
    get lastSentMs() {
      return lastSentMs;
    },
    send: (demands) => write(demands, { complete: false, leaving: false }),
    watch(nowMs) {
      const oldest = open[0];
      if (oldest === undefined) return;
      if (nowMs - oldest.sentAtMs > ANSWER_TIMEOUT_MS || open.length > OPEN_MAX) end(new Error('The authority does not answer'));
    },
    close(leaving) {
      if (ended) return;
      ended = true;
      if (!leaving) return call.cancel();
      write([], { complete: false, leaving: true });
      call.end();
    },
  };
}
