/**
 * A process of the simulated world: its life, its clock, its link to the servers.
 *
 * - A crash takes effect in the middle of whatever the process does: nothing that it does afterwards reaches anybody.
 * - A process that stands still (SIGSTOP, a long collection) does nothing, hears nothing and sends nothing until it
 *   goes on, and then goes on as if nothing had been; its monotonic clock has moved meanwhile.
 * - Its wall clock is the world's plus a skew that jumps.
 */
import type { Clock } from '@millrace/clock';
import type { World } from './world.ts';

export class Machine {
  readonly world: World;
  readonly name: string;
  readonly life: number;
  alive = true;
  standsUntilMs = 0;
  skewMs: number;
  /** The link to NATS and MongoDB is cut until then. */
  cutUntilMs = 0;
  readonly clock: Clock;
  readonly #onLink = new Set<(isUp: boolean) => void>();
  readonly #onCrash = new Set<() => void>();
  #lastArrivalMs = new Map<string, number>();

  constructor(world: World, name: string, life: number, skewMs: number) {
    this.world = world;
    this.name = name;
    this.life = life;
    this.skewMs = skewMs;
    this.clock = clockOf(this);
  }

  get id(): string {
    return `${this.name}#${this.life}`;
  }

  /** Whether it reaches NATS at this moment. */
  get isLinked(): boolean {
    return this.world.nowMs >= this.cutUntilMs;
  }

  /** Plans something here. */
  plan(delayMs: number, kind: string, run: () => void): () => void {
    if (!this.alive) return () => undefined;
    const event = this.world.timeline.plan(Math.max(delayMs, this.standsUntilMs - this.world.nowMs), kind, this, run);
    return () => {
      event.run = undefined;
    };
  }

  /** Delay of a message from here to `to`, so that those of one connection keep their order. */
  delayTo(to: string, latencyMs: number): number {
    const { nowMs } = this.world;
    const atMs = Math.max(this.#lastArrivalMs.get(to) ?? 0, Math.max(nowMs, this.standsUntilMs) + latencyMs);
    this.#lastArrivalMs.set(to, atMs);
    return atMs - nowMs;
  }

  crash(): void {
    if (!this.alive) return;
    this.alive = false;
    if (this.world.machines.get(this.name) === this) this.world.machines.delete(this.name);
    for (const told of this.#onCrash) told();
    this.#onCrash.clear();
    this.#onLink.clear();
  }

  standStill(ms: number): void {
    this.standsUntilMs = Math.max(this.standsUntilMs, this.world.nowMs + ms);
  }

  cut(ms: number): void {
    const wasUp = this.isLinked;
    this.cutUntilMs = Math.max(this.cutUntilMs, this.world.nowMs + ms);
    if (wasUp) for (const told of [...this.#onLink]) this.plan(0, 'link lost', () => told(false));
    const event = (): void => {
      if (!this.isLinked) return;
      for (const told of [...this.#onLink]) told(true);
    };
    this.plan(this.cutUntilMs - this.world.nowMs + 1, 'link back', event);
  }

  onLink(told: (isUp: boolean) => void): () => void {
    this.#onLink.add(told);
    return () => void this.#onLink.delete(told);
  }

  onCrash(told: () => void): () => void {
    this.#onCrash.add(told);
    return () => void this.#onCrash.delete(told);
  }

  /** A place where the world may let this process die or stand still; counted by name. */
  point(name: string): void {
    if (this.alive) this.world.points.pass(this, name);
  }
}

function clockOf(machine: Machine): Clock {
  const { world } = machine;
  const bornMs = world.nowMs;
  const after: Clock['after'] = (ms, run) => machine.plan(Math.max(1, ms), 'timer', run);
  return {
    wallMs: () => Math.floor(world.epochMs + world.nowMs + machine.skewMs),
    monotonicMs() {
      if (world.points.isArmed(machine, 'deciding') && /#fill|#commit/.test(new Error().stack ?? '')) machine.point('deciding');
      return 1_000 + world.nowMs - bornMs;
    },
    after,
    every(ms, run) {
      let cancel = (): void => undefined;
      const again = (): void => {
        cancel = machine.plan(ms, 'tick', () => {
          again();
          run();
        });
      };
      again();
      return () => cancel();
    },
    soon: (run) => void machine.plan(0, 'soon', run),
    sleep(ms, signal) {
      return new Promise((settle, fail) => {
        if (signal?.aborted === true) return fail(signal.reason as Error);
        const cancel = after(ms, () => {
          signal?.removeEventListener('abort', aborted);
          settle();
        });
        function aborted(): void {
          cancel();
          fail(signal?.reason as Error);
        }
        signal?.addEventListener('abort', aborted, { once: true });
      });
    },
  };
}
