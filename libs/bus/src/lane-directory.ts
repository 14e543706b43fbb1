/**
 * Which lane a slot belongs to and who owns the lane, as far as this process knows.
 *
 * Owns reading the bucket `lanes`: the slot table under `table`, the owners under `claim.<lane>`. Does not own
 * claiming, and gives no guarantee: a claim may be that of an owner who has just died. Whoever asks the wrong
 * owner is told so by it.
 */
import { laneOfSlot, parseSlotTable, slotOf, type SlotTable } from '@millrace/identity';
import { decodeJson, openBucket, type Bucket, type BucketEntry } from './bucket.ts';
import type { Bus } from './connection.ts';
import { BUCKETS } from './subjects.ts';

/** Key of the slot table in the bucket `lanes`. */
export const LANE_TABLE_KEY = 'table';
const CLAIM_PREFIX = 'claim.';

/** Key of a lane's claim in the bucket `lanes`. */
export function laneClaimKey(lane: number): string {
  return `${CLAIM_PREFIX}${lane}`;
}

export interface LaneClaim {
  readonly lane: number;
  /** Name of the orchestrator's instance. */
  readonly owner: string;
  readonly epoch: number;
  /** The owner's gRPC address. */
  readonly address: string;
}

export interface LaneDirectory {
  /** Undefined until an orchestrator has made the first one. */
  table(): SlotTable | undefined;
  /** The lane of an execution's id; undefined without a table, and for text that is no id. */
  laneOf(execution: string): number | undefined;
  claim(lane: number): LaneClaim | undefined;
  claims(): readonly LaneClaim[];
  /** Called after every change of the table or a claim. */
  onChange(callback: () => void): () => void;
  close(): void;
}

/** Resolves once the current table and claims are known; follows them through outages. */
export async function watchLanes(bus: Bus): Promise<LaneDirectory> {
  return followLanes(await openBucket(bus, BUCKETS.lanes));
}

/** As `watchLanes`, over whatever carries the bucket `lanes`. */
export async function followLanes(bucket: Pick<Bucket, 'watch'>): Promise<LaneDirectory> {
  const claims = new Map<string, LaneClaim>();
  const callbacks = new Set<() => void>();
  let table: SlotTable | undefined;

  function take({ key, value }: BucketEntry): void {
    const content = value === undefined ? undefined : readJson(value);
    if (key === LANE_TABLE_KEY) {
      // A vanished or unreadable table changes nothing: lanes of running executions do not vanish.
      table = readTable(content) ?? table;
    } else if (key.startsWith(CLAIM_PREFIX)) {
      const claim = readClaim(content);
      if (claim === undefined) claims.delete(key);
      else claims.set(key, claim);
    } else {
      return;
    }
    for (const callback of callbacks) callback();
  }

  const watch = await bucket.watch(take);
  return {
    table: () => table,
    laneOf(execution) {
      const slot = slotOf(execution);
      return table === undefined || slot === -1 ? undefined : laneOfSlot(table, slot);
    },
    claim: (lane) => claims.get(laneClaimKey(lane)),
    claims: () => [...claims.values()],
    onChange(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    close: () => watch.stop(),
  };
}

function readJson(value: Uint8Array): unknown {
  try {
    return decodeJson(value);
  } catch {
    return undefined;
  }
}

/** A table without a map is one of the first version, where slots go to lanes in turn. */
function readTable(content: unknown): SlotTable | undefined {
  return typeof content === 'object' && content !== null ? parseSlotTable({ map: 'modulo', ...content }) : undefined;
}

function readClaim(content: unknown): LaneClaim | undefined {
  if (typeof content !== 'object' || content === null) return undefined;
  const { lane, owner, epoch, address } = content as Readonly<Record<string, unknown>>;
  if (typeof lane !== 'number' || typeof owner !== 'string' || typeof epoch !== 'number' || typeof address !== 'string' || address === '') return undefined;
  return { lane, owner, epoch, address };
}
