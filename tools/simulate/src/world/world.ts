/**
 * The outside world of one round: time, chance, machines, and the requests between machines and servers.
 *
 * Whatever may go wrong with a request goes wrong here: it or its answer is lost, it is slow, it lands although its
 * sender was told otherwise.
 */
import { MillraceError } from '@millrace/errors';
import { Machine } from './machine.ts';
import { Points } from './points.ts';
import type { Random } from './random.ts';
import { createTimeline, type Timeline } from './timeline.ts';

/** How rough the world is; each is a probability a request, or milliseconds. */
export interface Weather {
  /** The request never arrives. */
  lost: number;
  /** The request is carried out and its answer lost. */
  unanswered: number;
  /** The request arrives seconds later, after its sender was told that it failed. */
  straggling: number;
  /** The request takes long. */
  slow: number;
  slowMs: number;
  usualMs: number;
  /** On streams between processes. */
  doubled: number;
  reordered: number;
  delayed: number;
}

export const CALM: Weather = { lost: 0, unanswered: 0, straggling: 0, slow: 0, slowMs: 0, usualMs: 1, doubled: 0, reordered: 0, delayed: 0 };

/** Kinds of chance that a shrunk run may do without. */
export const CHANCES = ['lost', 'unanswered', 'straggling', 'slow', 'doubled', 'reordered', 'delayed'] as const;

export type Server = 'nats' | 'mongo';

export class World {
  readonly random: Random;
  readonly timeline: Timeline = createTimeline();
  readonly points = new Points();
  readonly machines = new Map<string, Machine>();
  readonly epochMs = 1_800_000_000_000;
  weather: Weather = CALM;
  /** Servers that answer nobody, until when. */
  readonly awayUntilMs: Record<Server, number> = { nats: 0, mongo: 0 };
  readonly lives = new Map<string, number>();
  note: (text: string) => void = () => undefined;

  constructor(random: Random) {
    this.random = random;
  }

  get nowMs(): number {
    return this.timeline.nowMs;
  }

  spawn(name: string, skewMs = 0): Machine {
    const life = (this.lives.get(name) ?? 0) + 1;
    this.lives.set(name, life);
    const machine = new Machine(this, name, life, skewMs);
    this.machines.set(name, machine);
    return machine;
  }

  latencyMs(): number {
    const { random, weather } = this;
    if (random.chance(weather.slow)) return random.between(weather.usualMs, weather.slowMs);
    return random.between(0.1, weather.usualMs);
  }

  isAway(server: Server): boolean {
    return this.nowMs < this.awayUntilMs[server];
  }

  /** A request to a server: `serve` is carried out there, at once. Rejects with `no answer`, or what `serve` throws. */
  request<T>(from: Machine, to: Server, kind: string, serve: () => T): Promise<T> {
    return new Promise((settle, fail) => {
      if (!from.alive) return;
      const { random, weather } = this;
      const giveUp = (): void => void from.plan(random.between(5, 2_000), `${kind}: no answer`, () => fail(noAnswer(kind)));
      if (!from.isLinked || this.isAway(to) || random.chance(weather.lost)) {
        giveUp();
        return;
      }
      if (random.chance(weather.straggling)) {
        this.timeline.plan(random.between(500, 8_000), `${kind} arrives late`, undefined, () => void attempt(serve));
        giveUp();
        return;
      }
      this.timeline.plan(from.delayTo(to, this.latencyMs()), `${kind} arrives`, undefined, () => {
        if (this.isAway(to)) return giveUp();
        const outcome = attempt(serve);
        if (random.chance(weather.unanswered) || !from.isLinked) return giveUp();
        from.plan(this.latencyMs(), `${kind} answered`, () => {
          if ('value' in outcome) settle(outcome.value);
          else fail(outcome.error);
        });
      });
    });
  }
}

export function noAnswer(kind: string): MillraceError {
  return new MillraceError('bus-failed', { message: `${kind}: no answer` });
}

function attempt<T>(serve: () => T): { readonly value: T } | { readonly error: Error } {
  try {
    return { value: serve() };
  } catch (error) {
    return { error: error as Error };
  }
}
