/**
 * Takes the real clock, timers and chance away while a round plays, so that nothing in it can depend on them.
 *
 * The product has all three by injection. What is left in libraries is served from the seed, or fails: a timer of the
 * real event loop would come at another step in every run.
 */
import type { Random } from './world/random.ts';

const real = { setImmediate, setTimeout, setInterval, random: Math.random, now: Date.now, performanceNow: performance.now.bind(performance) };

/** Milliseconds of the real, monotonic clock. */
export const realNowMs = (): number => real.performanceNow();

/** Lets everything run that is ready, promises above all. */
export const turn = (): Promise<void> => new Promise((settle) => void real.setImmediate(settle));

export async function withVirtualTime<T>(random: Random, run: () => Promise<T>): Promise<T> {
  const refuse = (name: string) => (): never => {
    throw new Error(`${name} of the real event loop was used in a simulated process`);
  };
  Object.assign(globalThis, { setTimeout: refuse('setTimeout'), setInterval: refuse('setInterval'), setImmediate: refuse('setImmediate') });
  Math.random = () => random.next();
  Date.now = refuse('Date.now');
  performance.now = refuse('performance.now');
  try {
    return await run();
  } finally {
    Object.assign(globalThis, { setTimeout: real.setTimeout, setInterval: real.setInterval, setImmediate: real.setImmediate });
    Math.random = real.random;
    Date.now = real.now;
    performance.now = real.performanceNow;
  }
}
