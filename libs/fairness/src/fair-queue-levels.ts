/**
 * The levels of a fair queue: organisations, their priorities, their workflows, the items.
 *
 * Data only; how items move through it stands in fair-queue.ts, whose turn it is in rota.ts.
 */
import { Rota, type Member } from './rota.ts';

/** Classes within one organisation. None starves another: they share by PRIORITY_WEIGHTS. */
export type Priority = 'high' | 'normal' | 'low';

/** Shares of an organisation's classes when all have work. */
export const PRIORITY_WEIGHTS: Readonly<Record<Priority, number>> = { high: 16, normal: 4, low: 1 };

/** An item in the queue, for `cancel`. Opaque. */
export interface Ticket<T> {
  readonly item: T;
  readonly queuedAtMs: number;
}

export interface Entry<T> extends Ticket<T> {
  readonly cost: number;
  /** Undefined once it has left the queue. */
  flow: Flow<T> | undefined;
  before: Entry<T> | undefined;
  after: Entry<T> | undefined;
}

/** The items of one workflow at one priority. */
export interface Flow<T> extends Member {
  readonly band: Band<T>;
  head: Entry<T> | undefined;
  tail: Entry<T> | undefined;
}

/** One priority of one organisation. */
export interface Band<T> extends Member {
  readonly tenant: Tenant<T>;
  readonly flows: Map<string, Flow<T>>;
  readonly rota: Rota<Flow<T>>;
  items: number;
}

/** One organisation. */
export interface Tenant<T> extends Member {
  readonly name: string;
  readonly bands: Record<Priority, Band<T> | undefined>;
  readonly rota: Rota<Band<T>>;
  items: number;
  parked: boolean;
}

/** An organisation without items. */
export function newTenant<T>(name: string, weight: number, quantum: number): Tenant<T> {
  return {
    weight, eligible: false, credit: 0, round: 0, listed: false,
    name, bands: { high: undefined, normal: undefined, low: undefined }, rota: new Rota<Band<T>>(quantum), items: 0, parked: false,
  };
}

/** The organisation's band of a priority, made when missing. */
export function bandOf<T>(tenant: Tenant<T>, priority: Priority, quantum: number): Band<T> {
  return (tenant.bands[priority] ??= {
    weight: PRIORITY_WEIGHTS[priority], eligible: false, credit: 0, round: 0, listed: false,
    tenant, flows: new Map<string, Flow<T>>(), rota: new Rota<Flow<T>>(quantum), items: 0,
  });
}

/** The band's flow of a workflow, made when missing. */
export function flowOf<T>(band: Band<T>, workflow: string): Flow<T> {
  const known = band.flows.get(workflow);
  if (known !== undefined) return known;
  const flow: Flow<T> = { weight: 1, eligible: false, credit: 0, round: 0, listed: false, band, head: undefined, tail: undefined };
  band.flows.set(workflow, flow);
  return flow;
}

/** Every item; one that is taken out while being visited does not disturb the others. */
export function* entriesOf<T>(tenants: Iterable<Tenant<T>>): Generator<Entry<T>> {
  for (const tenant of tenants) {
    for (const band of Object.values(tenant.bands)) {
      for (const flow of band?.flows.values() ?? []) {
        for (let entry = flow.head; entry !== undefined; ) {
          const after: Entry<T> | undefined = entry.after;
          yield entry;
          entry = after;
        }
      }
    }
  }
}
