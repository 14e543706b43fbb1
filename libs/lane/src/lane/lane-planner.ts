/**
 * How many lanes there are, and which slots should be in which: growing, balancing, relieving.
 *
 * Owns the keys `plan` and the asking of moves. Does not own carrying them out (slot-mover.ts).
 *
 * - The live orchestrator whose name comes first plans. Two that both believe to be it do no harm: a slot is asked for
 *   while it stands elsewhere than planned and no move has it, and whoever is asked twice gives it away once.
 * - A plan is a target; what is left of it follows from the table, so it survives any crash.
 * - At most MOVES_MAX moves at once, of SLOTS_MAX slots each: what a lane stands still for stays small.
 * - Lanes are added, never taken away: a log stays somebody's. An orchestrator more than there are lanes adds one by
 *   itself, unless the number is fixed.
 * - A hot lane is relieved when it was hot for HOT_MS, by little, and then measured again for as long.
 */
import { decodeJson, encodeJson, type Instance, type Registry } from '@millrace/bus';
import type { Clock } from '@millrace/clock';
import { MOVES_FORMAT } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { balancedLanes, growTable, lanesOfSlots, LANES_MAX, nextMoves, parseSlotTable, reliefMove, slotsToMove, SLOT_COUNT, type SlotMove, type SlotTable } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import { heatOf, type LaneHeat } from './lane-heat.ts';
import type { Claim } from './lane-keeper.ts';
import type { Lanes } from './lanes.ts';
import type { SlotMover } from './slot-mover.ts';
import { changeValue, moveKey, MOVE_PREFIX, parsePlan, PLAN_KEY, TABLE_KEY, type LanePlan, type LanesBucket, type PendingMove } from './slot-moves-bucket.ts';

/** How often the planner looks, in milliseconds. */
const LOOK_MS = 100;
/** Moves under way at once, and slots of each. */
const MOVES_MAX = 4;
const SLOTS_MAX = 256;
/** How long there must be more orchestrators than lanes before lanes are added, in milliseconds. */
const GROW_AFTER_MS = 500;
/** How long a lane must be hot before it is relieved, and how long it is left alone then, in milliseconds. */
export const HOT_MS = 6_000;
/** A lane is hot above so many decisions a second, and so many times the mean. */
const HOT = { loadMin: 200, ratio: 1.3, slotsMax: 64 } as const;

/** What there is, for operators. */
export interface LaneMap {
  readonly version: number;
  readonly lanes: readonly { readonly lane: number; readonly owner: string; readonly epoch: number; readonly slots: number }[];
  /** Slots that a plan has yet to move. */
  readonly slotsToMove: number;
  readonly movesUnderWay: number;
}

export interface LanePlannerOptions {
  readonly bucket: LanesBucket;
  readonly registry: Pick<Registry, 'list'>;
  readonly instance: string;
  /** Differs for every process: begins the ids of moves. */
  readonly incarnation: string;
  readonly lanes: Lanes;
  readonly mover: Pick<SlotMover, 'moves'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Lanes are added when there are more orchestrators. */
  readonly grows: boolean;
  /** The format that all instances read. */
  agreedFormat(): number;
}

export interface LanePlanner {
  /**
   * Has so many lanes from now on, balanced; resolves when that is planned.
   *
   * @throws MillraceError `argument-invalid` for fewer than there are, or more than there can be.
   */
  scale(lanes: number): Promise<LaneMap>;
  map(): LaneMap;
  close(): void;
}

export async function planLanes(options: LanePlannerOptions): Promise<LanePlanner> {
  const { bucket, registry, instance, lanes, mover, clock, logger } = options;
  const ending = new AbortController();
  const signal = AbortSignal.any([options.signal, ending.signal]);
  const claims = new Map<number, Claim>();
  let plan: LanePlan | undefined;
  let made = 0;
  let looking = false;
  let moreSinceMs: number | undefined;
  let hot: { readonly lane: number; readonly sinceMs: number } | undefined;
  let relievedAtMs = -Infinity;

  const live = (): readonly Instance[] => registry.list('orchestrator').filter(({ draining }) => !draining);
  const plans = (): boolean => live()[0]?.instance === instance;
  const underWay = (): readonly PendingMove[] => mover.moves().filter(({ phase }) => phase === 'asked' || phase === 'released');

  // Looks begin while the watch still hands over what there is.
  const watch = await bucket.watch(({ key, value }) => {
    // A move has got further, or the table: there may be room for the next.
    if (key === TABLE_KEY || key.startsWith(MOVE_PREFIX)) clock.soon(() => void look());
    else if (key === PLAN_KEY) plan = value === undefined ? undefined : parsePlan(decodeJson(value));
    else if (key.startsWith('claim.') && value !== undefined) {
      const claim = decodeJson(value) as Claim;
      claims.set(claim.lane, claim);
    }
  });

  function isOwned(lane: number): boolean {
    const claim = claims.get(lane);
    return claim !== undefined && live().some((each) => each.instance === claim.owner && each.incarnation === claim.incarnation);
  }

  async function look(): Promise<void> {
    if (looking || signal.aborted || !plans() || options.agreedFormat() < MOVES_FORMAT) return;
    looking = true;
    try {
      await grow();
      await carryOn();
      await relieve();
    } catch (error) {
      if (!signal.aborted) logger.debug('The plan of lanes waits', { error });
    } finally {
      looking = false;
    }
  }

  /** One that takes another's place does not count beside it. */
  function members(): number {
    const present = live();
    const names = new Set(present.map((each) => each.instance));
    return present.filter(({ attributes }) => !names.has(String(attributes['replaces'] ?? ''))).length;
  }

  async function grow(): Promise<void> {
    const wanted = Math.min(members(), LANES_MAX);
    if (!options.grows || wanted <= lanes.table().lanes) {
      moreSinceMs = undefined;
      return;
    }
    moreSinceMs ??= clock.monotonicMs();
    if (clock.monotonicMs() - moreSinceMs < GROW_AFTER_MS) return;
    moreSinceMs = undefined;
    logger.info('Lanes are added: there are more orchestrators', { lanes: lanes.table().lanes, orchestrators: wanted });
    await scale(wanted);
  }

  async function carryOn(): Promise<void> {
    if (plan === undefined) return;
    const { id, target } = plan;
    const table = lanes.table();
    const open = underWay();
    if (slotsToMove(table, target) === 0) {
      if (open.length === 0) await finish(id);
      return;
    }
    const moving = new Set(open.flatMap(({ slots }) => slots));
    // Nobody's lane would leave its slots without an owner.
    const reachable = lanesOfSlots(table).map((lane, slot) => (isOwned(lane) && isOwned(target[slot] ?? lane) ? (target[slot] ?? lane) : lane));
    for (const move of nextMoves(table, reachable, (slot) => moving.has(slot), { slotsMax: SLOTS_MAX, movesMax: MOVES_MAX - open.length })) await ask(move);
  }

  async function finish(id: string): Promise<void> {
    const stored = await bucket.get(PLAN_KEY);
    const current = stored?.value === undefined ? undefined : parsePlan(decodeJson(stored.value));
    if (stored !== undefined && current?.id === id) await bucket.delete(PLAN_KEY, stored.revision);
    logger.info('The plan of lanes is carried out', { plan: id, lanes: lanes.table().lanes });
  }

  async function ask(move: SlotMove): Promise<void> {
    made++;
    const id = `${options.incarnation}-${made}`;
    const value: PendingMove = { ...move, id, phase: 'asked', objects: [] };
    await bucket.create(moveKey(id), encodeJson(value));
  }

  async function relieve(): Promise<void> {
    if (plan !== undefined || underWay().length > 0 || lanes.table().lanes < 2) return;
    const now = clock.monotonicMs();
    if (now - relievedAtMs < HOT_MS) return;
    const table = lanes.table();
    const move = reliefMove(table, loadsOf(table), HOT);
    if (move === undefined || !isOwned(move.to)) {
      hot = undefined;
      return;
    }
    if (hot?.lane !== move.from) hot = { lane: move.from, sinceMs: now };
    if (now - hot.sinceMs < HOT_MS) return;
    logger.info('A hot lane is relieved', { from: move.from, to: move.to, slots: move.slots.length });
    relievedAtMs = now;
    hot = undefined;
    await ask(move);
  }

  /** The load of each slot, as the owners of its lane measure it. */
  function loadsOf(table: SlotTable): readonly number[] {
    const heats = new Map<number, LaneHeat>();
    for (const { attributes, instance: owner } of live()) for (const heat of heatOf(attributes['heat'])) if (claims.get(heat.lane)?.owner === owner) heats.set(heat.lane, heat);
    const loads = new Array<number>(SLOT_COUNT).fill(0);
    const bySlot = lanesOfSlots(table);
    for (const heat of heats.values()) {
      const named = new Map(heat.slots);
      const own = bySlot.flatMap((lane, slot) => (lane === heat.lane ? [slot] : []));
      const others = own.filter((slot) => !named.has(slot));
      const rest = heat.total - heat.slots.reduce((sum, [, load]) => sum + load, 0);
      for (const slot of own) loads[slot] = named.get(slot) ?? Math.max(0, rest) / Math.max(1, others.length);
    }
    return loads;
  }

  async function scale(wanted: number): Promise<LaneMap> {
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > LANES_MAX) throw new MillraceError('argument-invalid', { message: `There can be 1 to ${LANES_MAX} lanes, not ${wanted}` });
    const table = await changeValue<SlotTable>(bucket, TABLE_KEY, parseSlotTable, (current) => {
      if (wanted < current.lanes) throw new MillraceError('argument-invalid', { message: `There are ${current.lanes} lanes and they cannot become ${wanted}: lanes are added, not taken away. Fewer orchestrators own more lanes each; nothing has to be done for that` });
      return wanted === current.lanes ? undefined : growTable(current, wanted);
    }, clock, signal);
    if (table === undefined) throw new MillraceError('lane-unowned', { message: 'There is no slot table yet; an orchestrator makes it when it starts' });
    if (table.version > lanes.table().version) lanes.setTable(table);
    const target = balancedLanes(table);
    const next: LanePlan = { id: `${table.version}-${options.incarnation}`, lanes: wanted, target };
    if (slotsToMove(table, target) > 0) {
      await bucket.put(PLAN_KEY, encodeJson(next));
      plan = next;
    }
    return map();
  }

  function map(): LaneMap {
    const table = lanes.table();
    const counts = new Array<number>(table.lanes).fill(0);
    for (const lane of lanesOfSlots(table)) counts[lane] = (counts[lane] ?? 0) + 1;
    return {
      version: table.version,
      lanes: counts.map((slots, lane) => ({ lane, owner: isOwned(lane) ? (claims.get(lane)?.owner ?? '') : '', epoch: claims.get(lane)?.epoch ?? 0, slots })),
      slotsToMove: plan === undefined ? 0 : slotsToMove(table, plan.target),
      movesUnderWay: underWay().length,
    };
  }

  const cancel = clock.every(LOOK_MS, () => void look());
  return {
    scale,
    map,
    close() {
      ending.abort();
      cancel();
      watch.stop();
    },
  };
}
