/**
 * Which lanes this process owns: claims free ones, takes them, hands the excess over.
 *
 * Owns the keys `claim.<lane>` of its own lanes and the creation of the slot table. Does not own what a lane does.
 *
 * - A claim is changed by compare-and-set and raises the epoch; the fence in the log is what makes it true (E2).
 * - A process whose lease does not hold claims nothing: others take it for gone, and would take the lane back.
 * - A process claims up to ceil(lanes / live orchestrators); what it has beyond that it leaves free. One that stops names a
 *   successor in the claim, which reads the log ahead and then takes the lane.
 * - A claim of this instance's own name that it does not run is from a former life, or one whose answer came late or
 *   never: it is taken at once, or left free when this process has its share. Nobody else may take it while this one lives.
 * - A write whose answer was lost is looked up: what stands there under this process's name and epoch is its own.
 * - A lane that could not be taken, or that a defect has stopped, is given free: it holds up no other lane, and
 *   another process may have more luck.
 */
import { isDeepStrictEqual } from 'node:util';
import { decodeJson, encodeJson, type Registration, type Registry } from '@millrace/bus';
import type { Clock } from '@millrace/clock';
import { MillraceError } from '@millrace/errors';
import { initialSlotTable, parseSlotTable } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import type { Lane } from './lane.ts';
import type { PreparedLane } from './lane-source.ts';
import type { Lanes } from './lanes.ts';
import type { LanesBucket } from './slot-moves-bucket.ts';

/** How often claims are looked at without a reason, in milliseconds. */
const LOOK_MS = 500;
/** After a lane could not be taken, in milliseconds. */
const RETRY_MS = 1_000;

/** How long a successor may take to read ahead and take a lane, in milliseconds; then it is left free. */
const HAND_OVER_MS = 4_000;
/** How long others leave the lanes of one that drains to it, in milliseconds. */
const OVERDUE_MS = 6_000;

/** The value of a claim. */
export interface Claim {
  readonly lane: number;
  /** Empty: free. */
  readonly owner: string;
  readonly incarnation: string;
  readonly epoch: number;
  /** The owner's gRPC address. */
  readonly address: string;
  /** The instance that the owner hands the lane to. */
  readonly next?: string;
}

export interface LaneKeeperOptions {
  readonly bucket: LanesBucket;
  readonly registry: Pick<Registry, 'list' | 'onChange'>;
  readonly registration: Pick<Registration, 'incarnation' | 'leaseDeadline'>;
  readonly instance: string;
  /** The instance whose place this one takes; empty for none. */
  readonly replaces?: string;
  readonly address: string;
  readonly lanes: Lanes;
  /** Lanes of a new installation. */
  readonly initialLanes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Makes the lane run: fence, replay, effects. */
  take(lane: number, epoch: number, prepared?: PreparedLane): Promise<Lane>;
  /** Reads ahead in the log of a lane that is to be handed over to this process; without it the log is read behind the fence. */
  prepare?(lane: number): Promise<PreparedLane>;
  /** The lane has ended, for whatever reason. */
  released(lane: Lane): void;
}

export interface LaneKeeper {
  /** True once every lane that is this process's share runs. */
  settled(): boolean;
  /** Claims nothing more, hands every lane over. */
  close(): Promise<void>;
}

export async function keepLanes(options: LaneKeeperOptions): Promise<LaneKeeper> {
  const { bucket, registry, instance, lanes, clock, logger } = options;
  await prepareTable(bucket, options.initialLanes);
  const claims = new Map<number, { readonly claim: Claim; readonly revision: number }>();
  const taking = new Set<number>();
  const notBefore = new Map<number, number>();
  const drainingSince = new Map<string, number>();
  let closing = false;
  let looking = false;
  let settled = false;

  await bucket.watch(({ key, value, revision }) => {
    if (key === 'table') {
      const table = value === undefined ? undefined : parseSlotTable(decodeJson(value));
      // A mover of this process may have set a later one already.
      if (table !== undefined && table.version >= lanes.table().version) lanes.setTable(table);
      else if (table === undefined) logger.error('The slot table cannot be read', { revision });
    } else if (key.startsWith('claim.') && value !== undefined) {
      const claim = decodeJson(value) as Claim;
      note(claim, revision);
      const own = lanes.get(claim.lane);
      // Somebody else has it: their fence decides, and ours ends without another effect.
      if (own !== undefined && claim.epoch > own.epoch) void own.stop();
    }
    if (key.startsWith('claim.')) void follow(Number(key.slice('claim.'.length)));
    void look();
  });

  function leaseHolds(): boolean {
    return clock.monotonicMs() < options.registration.leaseDeadline();
  }

  /** The watch may be behind what this process has written, and the answer to a write behind the watch: the later revision stays. */
  function note(claim: Claim, revision: number): void {
    if (revision >= (claims.get(claim.lane)?.revision ?? 0)) claims.set(claim.lane, { claim, revision });
  }

  function isHeld(lane: number): boolean {
    const known = claims.get(lane)?.claim;
    if (known === undefined || known.owner === '') return false;
    if (known.owner === instance) return lanes.get(lane) !== undefined || taking.has(lane);
    return registry.list('orchestrator').some((other) => other.instance === known.owner && other.incarnation === known.incarnation && !(other.draining && isOverdue(other.incarnation)));
  }

  function isOfThisLife(claim: Claim): boolean {
    return claim.owner === instance && claim.incarnation === options.registration.incarnation;
  }

  /** One that drains says to whom its lanes go, and has time for that; what it still has then is taken. */
  function isOverdue(incarnation: string): boolean {
    const now = clock.monotonicMs();
    const since = drainingSince.get(incarnation) ?? now;
    drainingSince.set(incarnation, since);
    return now - since > OVERDUE_MS;
  }

  /** One that takes another's place counts for nothing beside it: the lanes wait for the other to hand them over. */
  function share(): number {
    const others = registry.list('orchestrator').filter((other) => other.instance !== instance && !other.draining);
    if (others.some((other) => other.instance === options.replaces)) return 0;
    const names = new Set(others.map((other) => other.instance).concat(instance));
    const members = others.filter(({ attributes }) => !names.has(String(attributes['replaces'] ?? ''))).length + 1;
    return Math.ceil(lanes.table().lanes / members);
  }

  async function look(): Promise<void> {
    if (looking || closing || !leaseHolds()) return;
    looking = true;
    try {
      const count = lanes.table().lanes;
      const most = share();
      let mine = lanes.all().length + taking.size;
      for (let lane = 0; lane < count; lane++) {
        if (taking.has(lane) || lanes.get(lane) !== undefined || isHeld(lane) || (notBefore.get(lane) ?? 0) > clock.monotonicMs()) continue;
        const left = claims.get(lane)?.claim;
        if (mine >= most && !(left !== undefined && isOfThisLife(left))) continue;
        const work = mine < most ? claimAndTake(lane) : free(lane, left?.epoch ?? 0);
        mine++;
        taking.add(lane);
        void work.finally(() => taking.delete(lane));
      }
      settled = taking.size === 0 && (lanes.all().length >= most || Array.from({ length: count }, (_, lane) => lane).every(isHeld));
      if (lanes.all().length > most && taking.size === 0) {
        const last = lanes.all().at(-1);
        // To whoever has room: one that is named may be one that cannot take it.
        if (last !== undefined) await leave(last);
      }
    } finally {
      looking = false;
    }
  }

  async function claimAndTake(number: number, prepared?: PreparedLane): Promise<void> {
    try {
      // One of ours that was displaced and has not heard of it: what is left of it here goes before the lane comes back.
      await lanes.get(number)?.stop();
      const before = claims.get(number);
      const epoch = (before?.claim.epoch ?? 0) + 1;
      const claim: Claim = { lane: number, owner: instance, incarnation: options.registration.incarnation, epoch, address: options.address };
      const revision = await write(number, claim, before?.revision);
      if (revision === undefined) {
        prepared?.ended.abort();
        return;
      }
      note(claim, revision);
      const startedAt = clock.monotonicMs();
      const lane = await options.take(number, epoch, prepared);
      if (closing) {
        await lane.stop();
        await free(number, epoch);
        return;
      }
      lanes.add(lane);
      logger.info('Lane taken', { lane: number, epoch, executions: lane.actors.size, ms: Math.round(clock.monotonicMs() - startedAt) });
      void lane.ended.then((end) => {
        lanes.remove(lane);
        options.released(lane);
        if (end.kind === 'failed') {
          logger.error('Lane stopped by a defect', { lane: number, epoch, error: end.error });
          notBefore.set(number, clock.monotonicMs() + RETRY_MS);
          void free(number, epoch).then(look);
        } else {
          logger.info('Lane left', { lane: number, epoch, reason: end.kind });
          void look();
        }
      });
      // Somebody claimed it while it was being taken: the watch found nothing here that it could have ended.
      if ((claims.get(number)?.claim.epoch ?? 0) > epoch) void lane.stop();
    } catch (error) {
      logger.warn('Lane not taken', { lane: number, error });
      notBefore.set(number, clock.monotonicMs() + RETRY_MS);
      const claimed = claims.get(number)?.claim.epoch ?? 0;
      await free(number, claimed, epochOf(error));
    }
  }

  /** Another owner says that this process shall have its lane: read ahead, then take it. */
  async function follow(number: number): Promise<void> {
    const claim = claims.get(number)?.claim;
    if (claim === undefined || claim.next !== instance || claim.owner === instance || closing || taking.has(number) || !leaseHolds()) return;
    taking.add(number);
    try {
      const prepared = await options.prepare?.(number).catch((error: unknown) => {
        logger.warn('The log of a lane could not be read ahead', { lane: number, error });
        return undefined;
      });
      await claimAndTake(number, prepared);
    } finally {
      taking.delete(number);
    }
  }

  /** Who has the fewest lanes, before all who takes this process's place; undefined when there is nobody. */
  function successor(): string | undefined {
    const others = registry.list('orchestrator').filter((other) => other.instance !== instance && !other.draining);
    const heir = others.find(({ attributes }) => attributes['replaces'] === instance);
    if (heir !== undefined) return heir.instance;
    const count = (name: string): number => [...claims.values()].filter(({ claim }) => claim.owner === name || claim.next === name).length;
    return others.map((other) => other.instance).sort((a, b) => count(a) - count(b))[0];
  }

  /**
   * The successor reads ahead while this process goes on, and takes the lane by its own claim and fence: the lane
   * stands still for no longer than these two writes. Without one, or when that takes too long, the lane is left free.
   */
  async function handOver(lane: Lane): Promise<void> {
    const next = successor();
    const known = claims.get(lane.number);
    if (next !== undefined && known !== undefined && known.claim.owner === instance && known.claim.epoch === lane.epoch) {
      const claim: Claim = { ...known.claim, next };
      const revision = await write(lane.number, claim, known.revision);
      if (revision !== undefined) {
        note(claim, revision);
        await Promise.race([lane.ended, clock.sleep(HAND_OVER_MS)]);
      }
    }
    await leave(lane);
  }

  async function leave(lane: Lane): Promise<void> {
    await lane.stop();
    await free(lane.number, lane.epoch);
  }

  /**
   * Gives the claim free that this process made as `epoch`. Where the log was ahead of the claims, after the
   * bucket was lost, say, the next claim starts from the log's epoch.
   */
  async function free(number: number, epoch: number, logEpoch = 0): Promise<void> {
    const known = claims.get(number);
    if (known === undefined || !isOfThisLife(known.claim) || known.claim.epoch !== epoch) return;
    const { next: _, ...before } = known.claim;
    const claim: Claim = { ...before, owner: '', epoch: Math.max(epoch, logEpoch) };
    const revision = await write(number, claim, known.revision);
    if (revision !== undefined) note(claim, revision);
  }

  /** The new revision, or undefined when somebody else was first or NATS did not say; a write that landed without an answer counts. */
  async function write(lane: number, claim: Claim, revision: number | undefined): Promise<number | undefined> {
    try {
      const value = encodeJson(claim);
      return revision === undefined ? await bucket.create(`claim.${lane}`, value) : await bucket.update(`claim.${lane}`, value, revision);
    } catch (error) {
      logger.debug('Claim not written', { lane, error });
      await reread(lane);
      const stored = claims.get(lane);
      return stored !== undefined && isDeepStrictEqual(stored.claim, claim) ? stored.revision : undefined;
    }
  }

  /** What the bucket's leader has counts, whatever the watch has shown so far. */
  async function reread(lane: number): Promise<void> {
    try {
      const stored = await bucket.get(`claim.${lane}`);
      if (stored?.value !== undefined) claims.set(lane, { claim: decodeJson(stored.value) as Claim, revision: stored.revision });
    } catch (error) {
      logger.debug('Claim not read', { lane, error });
    }
  }

  const cancel = clock.every(LOOK_MS, () => void look());
  const unwatch = registry.onChange(() => void look());
  await look();
  return {
    settled: () => settled,
    async close() {
      closing = true;
      cancel();
      unwatch();
      await Promise.all(lanes.all().map(handOver));
    },
  };
}

/** The epoch that displaced the taking of a lane; 0 when that was not the reason. */
function epochOf(error: unknown): number {
  const epoch = error instanceof MillraceError && error.reason === 'lane-displaced' ? error.details['epoch'] : undefined;
  return typeof epoch === 'number' ? epoch : 0;
}

async function prepareTable(bucket: LanesBucket, lanes: number): Promise<void> {
  if ((await bucket.get('table'))?.value !== undefined) return;
  try {
    await bucket.create('table', encodeJson(initialSlotTable(lanes)));
  } catch (error) {
    if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
  }
}
