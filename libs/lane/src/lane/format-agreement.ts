/**
 * Which record format the orchestrators of an installation write: the newest that all of them can read.
 *
 * Owns the key `format` of the bucket `lanes`, {format, since}. Does not own the formats (`@millrace/engine`) nor
 * who lives (the registry).
 *
 * - Every orchestrator says in its registry attribute `formats` what it reads and up to what it lets others write;
 *   one that says nothing is of the first release and reads the first format.
 * - The key is raised by compare-and-set, and only once everyone that lives has allowed it for SETTLE_MS. It is
 *   never lowered: from then on there are frames that an older release cannot read.
 * - Who cannot read what is agreed takes no lane and says so: before it joins when it can be known then, else it
 *   leaves. In between it does no harm: what it writes everyone reads, what it cannot read it refuses (F1).
 */
import { decodeJson, encodeJson, type Instance, type Registry } from '@millrace/bus';
import type { Clock } from '@millrace/clock';
import { FORMAT_NEWEST, FORMAT_OLDEST } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import type { LanesBucket } from './slot-moves-bucket.ts';

/** How long all must have allowed a format before it is agreed, in milliseconds: who restarts is away for less. */
export const SETTLE_MS = 10_000;
/** How often it is looked whether all allow more, in milliseconds. */
const LOOK_MS = 1_000;
const KEY = 'format';
const TABLE_KEY = 'table';

/** What an orchestrator says of itself in the registry. */
export interface Formats {
  /** The newest that it reads. */
  readonly reads: number;
  /** The newest that it lets the installation agree on, at most `reads`. */
  readonly allows: number;
}

export interface FormatAgreement {
  /** What this process puts into its registry attribute `formats`. */
  readonly formats: Formats;
  /** The format to write. */
  agreed(): number;
  /** Begins to raise it once all allow more; this process has joined. */
  follow(): void;
  close(): void;
}

export interface FormatAgreementOptions {
  readonly bucket: LanesBucket;
  readonly registry: Pick<Registry, 'list' | 'onChange'>;
  readonly instance: string;
  /** The newest format that this process lets the installation agree on; FORMAT_NEWEST unless an operator holds it. */
  readonly allows: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is agreed has become unreadable for this process: it must leave. */
  onUnreadable(error: MillraceError): void;
}

/** Reads or founds the agreement. Rejects with `format-unreadable` when this release cannot read what is agreed. */
export async function agreeOnFormat(options: FormatAgreementOptions): Promise<FormatAgreement> {
  const { bucket, registry, instance, clock, logger } = options;
  const formats: Formats = { reads: FORMAT_NEWEST, allows: Math.min(Math.max(options.allows, FORMAT_OLDEST), FORMAT_NEWEST) };
  let agreed = FORMAT_OLDEST;
  let revision = 0;
  let founded = false;
  let unreadable = false;
  /** Since when more is allowed, on the monotonic clock. */
  let allowedSinceMs: number | undefined;
  let raising = false;

  function note(value: Uint8Array | undefined, at: number): void {
    // A vanished key lowers nothing: what was written stays written.
    if (value === undefined || at < revision) return;
    revision = at;
    founded = true;
    const format = formatIn(value);
    if (format === undefined || format > FORMAT_NEWEST) {
      if (!unreadable) {
        unreadable = true;
        options.onUnreadable(unreadableError(format));
      }
    } else if (format > agreed) {
      agreed = format;
      logger.info('Record format agreed', { format, reads: formats.reads });
    }
  }

  /** The newest format that everyone who lives allows. */
  function allowedByAll(): number {
    const others = registry.list('orchestrator').filter((each) => each.instance !== instance);
    return others.reduce((lowest, each) => Math.min(lowest, formatsOf(each).allows), formats.allows);
  }

  async function look(): Promise<void> {
    const allowed = allowedByAll();
    if (raising || unreadable || allowed <= agreed) {
      if (allowed <= agreed) allowedSinceMs = undefined;
      return;
    }
    const nowMs = clock.monotonicMs();
    allowedSinceMs ??= nowMs;
    if (nowMs - allowedSinceMs < SETTLE_MS) return;
    raising = true;
    try {
      await write(allowed);
    } catch (error) {
      // Somebody else was first, or NATS does not answer: the watch and the next look know more.
      logger.debug('Record format not raised', { format: allowed, error });
    } finally {
      raising = false;
    }
  }

  async function write(format: number): Promise<void> {
    const value = encodeJson({ format, since: new Date(clock.wallMs()).toISOString() });
    note(value, founded ? await bucket.update(KEY, value, revision) : await bucket.create(KEY, value));
  }

  const first = await bucket.get(KEY);
  if (first?.value !== undefined) {
    const format = formatIn(first.value);
    if (format === undefined || format > FORMAT_NEWEST) throw unreadableError(format);
    note(first.value, first.revision);
  } else if ((await bucket.get(TABLE_KEY))?.value === undefined) {
    // A new installation has no log that anybody could fail to read.
    await write(allowedByAll()).catch((error: unknown) => {
      if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
    });
  }
  const watch = await bucket.watch(({ key, value, revision: at }) => {
    if (key === KEY) note(value, at);
  });
  let endLooking = (): void => undefined;
  return {
    formats,
    agreed: () => agreed,
    follow() {
      if (formats.allows < agreed) logger.warn('The agreed record format is never lowered: what this process allows makes no difference', { agreed, allows: formats.allows });
      const endTicks = clock.every(LOOK_MS, () => void look());
      const endChanges = registry.onChange(() => void look());
      endLooking = () => {
        endTicks();
        endChanges();
      };
      void look();
    },
    close() {
      endLooking();
      watch.stop();
    },
  };
}

/** What an instance says of its formats. */
export function formatsOf({ attributes }: Pick<Instance, 'attributes'>): Formats {
  const said = attributes['formats'];
  const { reads, allows } = (typeof said === 'object' && said !== null ? said : {}) as { readonly reads?: unknown; readonly allows?: unknown };
  return typeof reads === 'number' && typeof allows === 'number' ? { reads, allows: Math.min(allows, reads) } : { reads: FORMAT_OLDEST, allows: FORMAT_OLDEST };
}

function formatIn(value: Uint8Array): number | undefined {
  const read = decodeJson(value) as { readonly format?: unknown } | null;
  return typeof read?.format === 'number' ? read.format : undefined;
}

function unreadableError(format: number | undefined): MillraceError {
  return new MillraceError('format-unreadable', {
    message: `The orchestrators have agreed on record format ${format ?? 'of a later kind'}; this release reads formats ${FORMAT_OLDEST} to ${FORMAT_NEWEST} and takes no lane. Start a release that reads it`,
    details: { agreed: format ?? null, reads: FORMAT_NEWEST },
  });
}
