/**
 * An owner of lanes as the throttle sees one: real permits, a real fair queue and a real lease client, in the
 * test's process. Steps take a fixed time and do nothing.
 */
import { joinRegistry, type Bus, type Registration, type Registry } from '@millrace/bus';
import { createFairQueue, createPermits, type Permits } from '@millrace/fairness';
import { connectLeases, type Leases } from '@millrace/lease';
import { createChannelPool } from '@millrace/rpc';
import type { Logger } from '@millrace/telemetry';

/** Steps running over all owners of a test, and the most there were at once since it was asked last. */
export interface Tally {
  started(organisation: string): void;
  ended(organisation: string): void;
  running(organisation: string): number;
  takePeak(organisation: string): number;
  done(organisation: string): number;
}

export function createTally(): Tally {
  const counts = new Map<string, { running: number; peak: number; done: number }>();
  const of = (organisation: string): { running: number; peak: number; done: number } => {
    const known = counts.get(organisation) ?? { running: 0, peak: 0, done: 0 };
    counts.set(organisation, known);
    return known;
  };
  return {
    started(organisation) {
      const count = of(organisation);
      count.running++;
      count.peak = Math.max(count.peak, count.running);
    },
    ended(organisation) {
      const count = of(organisation);
      count.running--;
      count.done++;
    },
    running: (organisation) => of(organisation).running,
    takePeak(organisation) {
      const count = of(organisation);
      const { peak } = count;
      count.peak = count.running;
      return peak;
    },
    done: (organisation) => of(organisation).done,
  };
}

export interface Owner {
  readonly permits: Permits;
  readonly leases: Leases;
  /** Keeps so many steps of an organisation wanted at any time. */
  load(organisation: string, steps: number): void;
  running(organisation: string): number;
  close(): Promise<void>;
}

export interface OwnerOptions {
  readonly bus: Bus;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly name: string;
  readonly tally: Tally;
  readonly stepMs: number;
}

export async function startOwner({ bus, registry, logger, name, tally, stepMs }: OwnerOptions): Promise<Owner> {
  const clock = (): number => performance.now();
  const registration: Registration = await joinRegistry(bus, { service: 'orchestrator', instance: name, version: 'test', addresses: {} });
  const permits = createPermits({ nowMs: clock() });
  const queue = createFairQueue<string>();
  const pool = createChannelPool({ registry, service: 'throttle', logger });
  const loads = new Map<string, number>();
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;

  function pump(): void {
    if (closed) return;
    const nowMs = clock();
    for (;;) {
      const organisation = queue.next((candidate) => permits.tryTakeStep(candidate, nowMs), nowMs);
      if (organisation === undefined) return;
      tally.started(organisation);
      const timer = setTimeout(() => {
        timers.delete(timer);
        end(organisation);
      }, stepMs);
      timers.add(timer);
    }
  }

  function end(organisation: string): void {
    tally.ended(organisation);
    if (permits.returnStep(organisation)) queue.wake(organisation);
    if (!closed && permits.running(organisation) + queue.waiting(organisation) < (loads.get(organisation) ?? 0)) queue.push(organisation, 'flow', organisation, 50, clock());
    pump();
  }

  const leases = await connectLeases({
    bus, pool, owner: name, permits, logger,
    queuedOf: (organisation) => ({ steps: queue.waiting(organisation), starts: 0 }),
    onWake(organisation) {
      queue.wake(organisation);
      pump();
    },
    onWeight: (organisation, weight) => queue.setWeight(organisation, weight),
    owners: () => registry.list('orchestrator').length,
  });

  return {
    permits,
    leases,
    load(organisation, steps) {
      loads.set(organisation, steps);
      while (permits.running(organisation) + queue.waiting(organisation) < steps) queue.push(organisation, 'flow', organisation, 50, clock());
      pump();
    },
    running: (organisation) => permits.running(organisation),
    async close() {
      closed = true;
      leases.close();
      for (const timer of timers) clearTimeout(timer);
      await registration.leave();
      pool.close();
    },
  };
}
