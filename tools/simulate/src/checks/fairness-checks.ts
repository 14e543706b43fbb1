/**
 * The invariants of the throttle, looked at between two events.
 *
 * T1 is exact for strict limits at all times, and for the others once nothing has disturbed the throttle and its owners
 * for SETTLED_MS; in between the bounds of the design depend on who knew what, and only the authority's own count is
 * looked at. A limit that was lowered is given LOWERED_MS to be obeyed.
 */
import { decodeJson } from '@millrace/bus';
import { limitsKey } from '@millrace/lease';
import type { Cluster } from '../product/cluster.ts';

/** After the last disturbance leases have been renewed, and what expired has, in milliseconds. */
const SETTLED_MS = 12_000;
/** Longest step, slowest stream and a lease. */
const LOWERED_MS = 45_000;
/** A step that may run is handed out within this time, in milliseconds (T2). */
const WAIT_MS_MAX = 5_000;

interface Limit {
  readonly concurrency: number | undefined;
  readonly strict: boolean;
}

export class FairnessChecks {
  readonly #cluster: Cluster;
  readonly #disturbedMs: () => number;
  /** The highest limit an organisation had lately. */
  readonly #lately = new Map<string, { readonly atMs: number; readonly concurrency: number }[]>();
  readonly #waitingSinceMs = new Map<string, { readonly sinceMs: number; readonly dispatched: number }>();

  constructor(cluster: Cluster, disturbedMs: () => number) {
    this.#cluster = cluster;
    this.#disturbedMs = disturbedMs;
  }

  look(): void {
    const { world, settings, observer, orchestrators, throttles } = this.#cluster;
    const { violations } = observer;
    // A process that stands still goes on being a fault for as long as it does.
    const stoodUntilMs = Math.max(...[...world.machines.values()].map(({ standsUntilMs }) => standsUntilMs));
    const isSettled = world.nowMs - Math.max(this.#disturbedMs(), stoodUntilMs) > SETTLED_MS && world.weather.lost === 0 && world.weather.straggling === 0 && world.weather.slowMs * world.weather.slow < 50 && world.weather.delayed === 0;
    const alive = [...orchestrators.values()].filter(({ machine }) => machine.alive);
    for (const { name } of settings.organisations) {
      const limit = this.#limitOf(name);
      if (limit.concurrency !== undefined && (limit.strict || isSettled)) {
        const most = this.#mostLately(name, limit.concurrency);
        const running = alive.reduce((sum, { host }) => sum + host.leaseHooks.permits.running(name), 0);
        violations.check('T1', running <= most, () => `${running} steps of ${name} run, its ${limit.strict ? 'strict ' : ''}limit is ${most}: ${alive.map(({ machine, host }) => `${machine.id} ${host.leaseHooks.permits.running(name)}`).join(', ')}`);
        if (limit.strict) {
          // Each worker that performs a step counts.
          const performing = [...(observer.running.get(name)?.values() ?? [])].reduce((sum, count) => sum + count, 0);
          violations.check('T1', performing <= most, () => `${performing} steps of ${name} are being performed, its strict limit is ${most}`);
        }
      }
      if (isSettled) this.#lookAtWaiting(name, limit);
    }
    for (const { machine, host } of alive) {
      const running = settings.organisations.reduce((sum, { name }) => sum + host.leaseHooks.permits.running(name), 0);
      const queued = settings.organisations.reduce((sum, { name }) => sum + host.leaseHooks.queuedOf(name).steps, 0);
      const held = host.scheduler.waiting - queued;
      const { outstanding, lingering } = host.scheduler;
      violations.check('T3', running === outstanding + lingering + held, () => `${machine.id} has ${running} permits in use, ${outstanding} steps at workers, ${lingering} that may be there and ${held} about to go`);
    }
    for (const { machine, authority, leading } of throttles.values()) {
      if (!machine.alive || !leading() || authority.learning() || !isSettled) continue;
      // What is written down of owners that are gone may be more than they held.
      for (const { organisation, limit, held, stranded } of authority.usage()) {
        if (limit !== undefined) violations.check('T1', held - stranded <= this.#mostLately(organisation, limit), () => `the authority has given ${held - stranded} permits of ${organisation}, whose limit is ${limit}`);
      }
    }
  }

  /** T2: with work, share and workers there, steps go. */
  #lookAtWaiting(name: string, limit: Limit): void {
    const { world, observer, orchestrators } = this.#cluster;
    for (const { machine, host } of orchestrators.values()) {
      const key = `${machine.id}/${name}`;
      const mayGo = machine.alive && world.nowMs >= machine.standsUntilMs && limit.concurrency === undefined && host.leaseHooks.queuedOf(name).steps > 0 && host.scheduler.workers.size > 0;
      if (!mayGo) {
        this.#waitingSinceMs.delete(key);
        continue;
      }
      const before = this.#waitingSinceMs.get(key);
      if (before === undefined || before.dispatched !== host.scheduler.counts.dispatched) this.#waitingSinceMs.set(key, { sinceMs: world.nowMs, dispatched: host.scheduler.counts.dispatched });
      else observer.violations.check('T2', world.nowMs - before.sinceMs < WAIT_MS_MAX, () => `steps of ${name} wait at ${machine.id} for ${Math.round(world.nowMs - before.sinceMs)} ms, though it has no limit and there are workers`);
    }
  }

  #limitOf(name: string): Limit {
    const value = this.#cluster.buckets.limits.peek(limitsKey(name))?.value;
    if (value === undefined) return { concurrency: undefined, strict: false };
    const { concurrency, strict } = decodeJson(value) as { readonly concurrency?: number; readonly strict?: boolean };
    return { concurrency, strict: strict === true };
  }

  #mostLately(name: string, now: number): number {
    const { nowMs } = this.#cluster.world;
    const before = (this.#lately.get(name) ?? []).filter(({ atMs }) => nowMs - atMs < LOWERED_MS);
    if (before.at(-1)?.concurrency !== now || nowMs - (before.at(-1)?.atMs ?? 0) > LOWERED_MS / 4) before.push({ atMs: nowMs, concurrency: now });
    this.#lately.set(name, before);
    return Math.max(...before.map(({ concurrency }) => concurrency));
  }
}
