/**
 * Runs the core's authority while this instance holds the seat: streams in, grants out, time passing.
 *
 * Owns which stream is an owner's latest. Does not own who holds the seat (election.ts), the decisions, nor what is written
 * down of strict limits (strict-record.ts).
 *
 * - Before every message to an owner the seat is looked at: nothing is granted after the term.
 * - Grants go to the stream whose complete report was taken last; an older one is ended.
 */
import type { Clock } from '@millrace/clock';
import type { LeaseGrants } from '@millrace/contracts/throttle/v1/throttle';
import { MillraceError } from '@millrace/errors';
import { createAuthority, LEASE_TTL_MS, type Authority, type OrganisationUsage, type Report } from '@millrace/fairness';
import { grantsToWire } from './lease-messages.ts';
import type { Logger } from '@millrace/telemetry';
import type { AuthorityEntry, StoredLimits } from './limits-bucket.ts';
import { createStrictRecord, type StrictRecordOptions } from './strict-record.ts';

/** How often time passes for the authority, in milliseconds. */
export const ADVANCE_MS = 50;

/** An owner's stream, as the authority's host sees it. */
export interface OwnerStream {
  send(grants: LeaseGrants): void;
  /** Ends it with a failure that the owner understands, or in order. */
  end(failure?: Error): void;
}

/** What arrives on an owner's stream. */
export interface OwnerMessage {
  readonly owner: string;
  readonly report: Report;
}

export interface AuthorityHostOptions {
  readonly clock: Clock;
  readonly leading: () => boolean;
  readonly holder: () => AuthorityEntry | undefined;
  readonly limits: () => Iterable<readonly [string, StoredLimits]>;
  /** The bucket `permits`, for what owners hold of strict limits. */
  readonly bucket: StrictRecordOptions['bucket'];
  readonly logger: Logger;
  /** How long an owner that vanished keeps permits of a strict limit, in milliseconds; default that of the core. */
  readonly strictHoldMs?: number;
}

export interface AuthorityHost {
  begin(predecessor: boolean): void;
  end(): void;
  setLimits(organisation: string, limits: StoredLimits | undefined): void;
  take(stream: OwnerStream, message: OwnerMessage): void;
  /** A stream has ended from the other side. */
  gone(stream: OwnerStream): void;
  learning(): boolean;
  owners(): number;
  usage(): readonly OrganisationUsage[];
  close(): void;
}

export function createAuthorityHost(options: AuthorityHostOptions): AuthorityHost {
  const { clock, leading, holder } = options;
  const streams = new Map<string, OwnerStream>();
  let authority: Authority | undefined;
  let flushing = false;

  const record = createStrictRecord({
    bucket: options.bucket,
    clock,
    logger: options.logger,
    term: () => (leading() ? holder()?.epoch : undefined),
    holdings: () => authority?.strictHoldings() ?? [],
    onRead: (holdings) => authority?.inherit(holdings, clock.monotonicMs()),
    onWritten: flushSoon,
  });

  /** Says who is the authority instead, so that whoever reads the message knows where to go. */
  function refusal(): MillraceError {
    const other = holder();
    const where = other === undefined || leading() ? 'none is elected yet' : `it is ${other.instance} at ${other.address}`;
    return new MillraceError('authority-elsewhere', {
      message: `This instance is not the authority over leases: ${where}`,
      details: other === undefined ? {} : { instance: other.instance, address: other.address, epoch: other.epoch },
    });
  }

  function flush(): void {
    flushing = false;
    for (const owner of authority?.due() ?? []) {
      const stream = streams.get(owner);
      if (stream === undefined || !leading()) continue;
      const grants = authority?.takeGrants(owner);
      if (grants !== undefined) stream.send(grantsToWire(grants, LEASE_TTL_MS));
    }
  }

  /** Messages that arrive together are answered together. */
  function flushSoon(): void {
    if (flushing) return;
    flushing = true;
    clock.soon(flush);
  }

  function advance(): void {
    if (authority === undefined || !leading()) return;
    const nowMs = clock.monotonicMs();
    authority.advance(nowMs);
    record.advance();
    for (const [owner, stream] of streams) {
      if (authority.has(owner)) continue;
      streams.delete(owner);
      stream.end(new MillraceError('lease-expired', { details: { owner } }));
    }
    flush();
  }
  const stop = clock.every(ADVANCE_MS, advance);

  function endStreams(): void {
    const failure = refusal();
    for (const stream of streams.values()) stream.end(failure);
    streams.clear();
  }

  return {
    begin(predecessor) {
      const nowMs = clock.monotonicMs();
      authority = createAuthority({ nowMs, predecessor, secure: record.secure, ...(options.strictHoldMs === undefined ? {} : { strictHoldMs: options.strictHoldMs }) });
      for (const [organisation, limits] of options.limits()) authority.setLimits(organisation, limits, nowMs);
      record.begin();
    },

    end() {
      authority = undefined;
      endStreams();
    },

    setLimits(organisation, limits) {
      authority?.setLimits(organisation, limits, clock.monotonicMs());
      flushSoon();
    },

    take(stream, { owner, report }) {
      if (authority === undefined || !leading()) return stream.end(refusal());
      const latest = streams.get(owner);
      if (report.complete && latest !== stream) {
        latest?.end();
        streams.set(owner, stream);
      } else if (latest !== stream) return stream.end();
      if (!authority.report(owner, report, clock.monotonicMs())) {
        streams.delete(owner);
        return stream.end(new MillraceError('lease-expired', { details: { owner } }));
      }
      if (report.leaving) {
        streams.delete(owner);
        stream.end();
      }
      flushSoon();
    },

    gone(stream) {
      for (const [owner, latest] of streams) if (latest === stream) streams.delete(owner);
    },

    learning: () => authority?.learning ?? false,
    owners: () => authority?.owners ?? 0,
    usage: () => authority?.usage() ?? [],

    close() {
      stop();
      authority = undefined;
      endStreams();
    },
  };
}
