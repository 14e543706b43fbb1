/**
 * Steps that may not run yet: nested queues, organisation, then priority, then workflow, each level
 * served by weighted deficit round robin over cost.
 *
 * Owns order and bounds. Does not own permits (see permits.ts: asked once for each item served), the
 * clock, or the items.
 *
 * Q1 (T2) With every organisation permitted, one with an item waiting is served after at most the turn
 *    in progress and one turn each of those that wait as well: `quantum * weight + COST_MAX` units each,
 *    whatever the others have pushed. One that had no turn in this round waits only for the turn in
 *    progress and others like it.
 * Q2 An organisation without a permit is parked: it costs nothing until `wake`, however much it has waiting.
 * Q3 Within one workflow and priority items leave in the order they came.
 * Q4 Every operation is O(1) amortised, except `removeWhere` (all items) and `oldestWaitMs` (workflows of
 *    one organisation).
 */
import { clampCost } from './cost.ts';
import { bandOf, entriesOf, flowOf, newTenant, type Entry, type Flow, type Priority, type Tenant, type Ticket } from './fair-queue-levels.ts';
import { Rota } from './rota.ts';

/** Units (core microseconds) of one turn at weight 1. */
export const QUANTUM_DEFAULT = 1_000;
/** Items waiting in one queue; a count. */
export const ITEMS_MAX_DEFAULT = 1_000_000;
/** Items waiting of one organisation; a count. */
export const ITEMS_PER_ORGANISATION_MAX_DEFAULT = 200_000;
/** Workflows and organisations without items that are remembered before they are swept; a count. */
const IDLE_MAX = 10_000;
/** Weights are held within these. */
export const WEIGHT_MIN = 0.001;
export const WEIGHT_MAX = 1_000;
/** The longest turn, in quanta: 100 ms at the default quantum (E6). Larger weights shorten everybody's turns instead. */
const TURN_QUANTA_MAX = 100;

export interface FairQueueOptions {
  readonly quantum?: number;
  readonly itemsMax?: number;
  readonly itemsPerOrganisationMax?: number;
  /** Told of each item served; `waitedMs` is the time since its push, by the times the caller passed. */
  readonly onServed?: (organisation: string, waitedMs: number) => void;
}

/** What waits of one organisation. */
export interface Waiting {
  readonly organisation: string;
  readonly items: number;
  /** Has no permit and waits for `wake`. */
  readonly parked: boolean;
}

export interface FairQueue<T> {
  /** Items waiting. */
  readonly size: number;
  /**
   * Adds an item. `cost` in core microseconds (see `costOf`). Undefined when a bound is reached: the
   * caller keeps the item and offers it again later.
   */
  push(organisation: string, workflow: string, item: T, cost: number, nowMs: number, priority?: Priority): Ticket<T> | undefined;
  /**
   * Takes the next item. `permit` is called when an item of that organisation is about to be served and
   * takes its permit; when it answers false the organisation is parked. Undefined: nothing may run.
   */
  next(permit: (organisation: string) => boolean, nowMs: number): T | undefined;
  /** Takes an item out wherever it stands; false when it has left already. */
  cancel(ticket: Ticket<T>): boolean;
  /** Takes out every item that matches (a lane moved away, say) and answers them. */
  removeWhere(matches: (item: T) => boolean): T[];
  /** The organisation may have a permit again. */
  wake(organisation: string): void;
  /** Sets an organisation's share relative to others (default 1), effective from its next turn. */
  setWeight(organisation: string, weight: number): void;
  /** Charges what was not known at `push`, such as the core time of expressions. Paid from following turns. */
  charge(organisation: string, cost: number): void;
  waiting(organisation: string): number;
  /** Age of the item of the organisation that has waited longest, in milliseconds; 0 when none waits. */
  oldestWaitMs(organisation: string, nowMs: number): number;
  /** Every organisation with items waiting. */
  organisations(): readonly Waiting[];
}

/** A queue for one pool of capacity: items that any free credit of the pool can serve. */
export function createFairQueue<T>(options: FairQueueOptions = {}): FairQueue<T> {
  const quantum = options.quantum ?? QUANTUM_DEFAULT;
  const itemsMax = options.itemsMax ?? ITEMS_MAX_DEFAULT;
  const itemsPerOrganisationMax = options.itemsPerOrganisationMax ?? ITEMS_PER_ORGANISATION_MAX_DEFAULT;
  const onServed = options.onServed;
  const rota = new Rota<Tenant<T>>(quantum);
  const tenants = new Map<string, Tenant<T>>();
  const weights = new Map<string, number>();
  /** Times every weight, so that the largest makes a turn of TURN_QUANTA_MAX at most. */
  let scale = 1;
  let size = 0;
  /** Times a workflow or organisation ran empty since the last sweep; bounds what idle ones occupy. */
  let emptied = 0;

  function tenantOf(name: string): Tenant<T> {
    const known = tenants.get(name);
    if (known !== undefined) return known;
    const tenant = newTenant<T>(name, (weights.get(name) ?? 1) * scale, quantum);
    tenants.set(name, tenant);
    return tenant;
  }

  /** Weights change seldom, so looking at all of them is no matter. */
  function rescale(): void {
    let largest = 1;
    for (const weight of weights.values()) largest = Math.max(largest, weight);
    const next = Math.min(1, TURN_QUANTA_MAX / largest);
    if (next === scale) return;
    scale = next;
    for (const tenant of tenants.values()) tenant.weight = (weights.get(tenant.name) ?? 1) * scale;
  }

  /** Forgets what is empty. Rotas drop those objects by themselves; a name that comes back begins anew. */
  function sweep(): void {
    emptied = 0;
    for (const [name, tenant] of tenants) {
      if (tenant.items === 0) {
        tenants.delete(name);
        continue;
      }
      for (const band of Object.values(tenant.bands)) {
        if (band === undefined) continue;
        for (const [workflow, flow] of band.flows) if (flow.head === undefined) band.flows.delete(workflow);
      }
    }
  }

  function link(flow: Flow<T>, entry: Entry<T>): void {
    if (flow.tail === undefined) {
      flow.head = entry;
      flow.eligible = true;
      flow.band.rota.enter(flow);
    } else {
      flow.tail.after = entry;
      entry.before = flow.tail;
    }
    flow.tail = entry;
    const { band } = flow;
    if (band.items++ === 0) {
      band.eligible = true;
      band.tenant.rota.enter(band);
    }
    const { tenant } = band;
    tenant.items++;
    if (!tenant.eligible && !tenant.parked) {
      tenant.eligible = true;
      rota.enter(tenant);
    }
    size++;
  }

  function unlink(entry: Entry<T>): void {
    const flow = entry.flow;
    if (flow === undefined) return;
    entry.flow = undefined;
    if (entry.before === undefined) flow.head = entry.after;
    else entry.before.after = entry.after;
    if (entry.after === undefined) flow.tail = entry.before;
    else entry.after.before = entry.before;
    entry.before = undefined;
    entry.after = undefined;
    size--;
    const { band } = flow;
    const { tenant } = band;
    if (flow.head === undefined) {
      flow.eligible = false;
      emptied++;
    }
    if (--band.items === 0) band.eligible = false;
    if (--tenant.items === 0) tenant.eligible = false;
  }

  return {
    get size() {
      return size;
    },

    push(organisation, workflow, item, cost, nowMs, priority = 'normal') {
      if (size >= itemsMax) return undefined;
      if (emptied > IDLE_MAX) sweep();
      const tenant = tenantOf(organisation);
      if (tenant.items >= itemsPerOrganisationMax) return undefined;
      const flow = flowOf(bandOf(tenant, priority, quantum), workflow);
      const entry: Entry<T> = { item, queuedAtMs: nowMs, cost: clampCost(cost), flow, before: undefined, after: undefined };
      link(flow, entry);
      return entry;
    },

    next(permit, nowMs) {
      for (;;) {
        const tenant = rota.current();
        if (tenant === undefined) return undefined;
        if (!permit(tenant.name)) {
          tenant.parked = true;
          tenant.eligible = false;
          continue;
        }
        const band = tenant.rota.current();
        const flow = band?.rota.current();
        const entry = flow?.head;
        // An organisation is eligible only with items, and so is each level below: the counts are one.
        if (band === undefined || flow === undefined || entry === undefined) throw new Error(`fair queue: no item under ${tenant.name}`);
        rota.charge(tenant, entry.cost);
        tenant.rota.charge(band, entry.cost);
        band.rota.charge(flow, entry.cost);
        unlink(entry);
        if (onServed !== undefined) onServed(tenant.name, nowMs - entry.queuedAtMs);
        return entry.item;
      }
    },

    cancel(ticket) {
      const entry = ticket as Entry<T>;
      if (entry.flow === undefined) return false;
      unlink(entry);
      return true;
    },

    removeWhere(matches) {
      const removed: T[] = [];
      for (const entry of entriesOf(tenants.values())) {
        if (!matches(entry.item)) continue;
        unlink(entry);
        removed.push(entry.item);
      }
      return removed;
    },

    wake(organisation) {
      const tenant = tenants.get(organisation);
      if (tenant === undefined || !tenant.parked) return;
      tenant.parked = false;
      if (tenant.items === 0) return;
      tenant.eligible = true;
      rota.enter(tenant);
    },

    setWeight(organisation, weight) {
      const held = weight > 0 ? Math.min(Math.max(weight, WEIGHT_MIN), WEIGHT_MAX) : 1;
      if (held === 1) weights.delete(organisation);
      else weights.set(organisation, held);
      rescale();
      const tenant = tenants.get(organisation);
      if (tenant !== undefined) tenant.weight = held * scale;
    },

    charge(organisation, cost) {
      const tenant = tenants.get(organisation);
      if (tenant !== undefined) rota.charge(tenant, clampCost(cost));
    },

    waiting(organisation) {
      return tenants.get(organisation)?.items ?? 0;
    },

    oldestWaitMs(organisation, nowMs) {
      const tenant = tenants.get(organisation);
      let oldestMs = nowMs;
      for (const band of Object.values(tenant?.bands ?? {})) {
        for (const flow of band?.flows.values() ?? []) oldestMs = Math.min(oldestMs, flow.head?.queuedAtMs ?? nowMs);
      }
      return nowMs - oldestMs;
    },

    organisations() {
      const list: Waiting[] = [];
      for (const { name, items, parked } of tenants.values()) if (items > 0) list.push({ organisation: name, items, parked });
      return list;
    },
  };
}
