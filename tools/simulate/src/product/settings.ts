/** What one round is made of; drawn from its seed before anything else. */
import type { Random } from '../world/random.ts';
import { CALM, type Weather } from '../world/world.ts';

/** The longest that a step takes here, its worker standing still meanwhile, in milliseconds. */
export const STRICT_HOLD_MS = 25_000;

export interface OrganisationSettings {
  readonly name: string;
  readonly concurrency: number | undefined;
  readonly startsPerSecond: number | undefined;
  readonly weight: number;
  readonly strict: boolean;
}

export interface Settings {
  readonly orchestrators: number;
  readonly workers: number;
  readonly throttles: number;
  readonly lanes: number;
  /** Lanes are added when there are more orchestrators. */
  readonly grows: boolean;
  /** Disk of one lane's log, in bytes, before starts are refused. */
  readonly logBytesMax: number;
  readonly organisations: readonly OrganisationSettings[];
  readonly weather: Weather;
  /** How long load and faults last, in virtual milliseconds. */
  readonly loadMs: number;
  readonly executions: number;
  readonly faults: number;
  /** There are workflows that wait for so long that their executions leave memory; load and faults last as long. */
  readonly sleepy: boolean;
}

export function drawSettings(random: Random): Settings {
  const rough = random.next();
  const probability = (most: number): number => (random.chance(0.6) ? rough * most * random.next() : 0);
  const slowMs = random.pick([20, 100, 400, 1_500]);
  const weather: Weather = {
    ...CALM,
    usualMs: random.pick([0.5, 2, 6]),
    lost: probability(0.08),
    unanswered: probability(0.1),
    straggling: probability(0.05),
    slow: probability(0.2),
    slowMs,
    doubled: probability(0.2),
    reordered: probability(0.2),
    delayed: probability(0.05),
  };
  const organisations = Array.from({ length: 1 + random.below(4) }, (_, index): OrganisationSettings => {
    const limited = random.chance(0.7);
    return {
      name: `org${index}`,
      concurrency: limited ? 1 + random.below(8) : undefined,
      startsPerSecond: random.chance(0.2) ? 2 + random.below(30) : undefined,
      weight: random.chance(0.5) ? 1 : 0.5 + random.next() * 4,
      strict: limited && random.chance(0.35),
    };
  });
  const sleepy = random.chance(0.25);
  return {
    sleepy,
    orchestrators: 1 + random.below(4),
    workers: 1 + random.below(3),
    throttles: 1 + random.below(2),
    lanes: 1 + random.below(6),
    grows: random.chance(0.3),
    logBytesMax: random.chance(0.15) ? 30_000 + random.below(100_000) : 2 * 1024 ** 3,
    organisations,
    weather,
    loadMs: 5_000 + random.below(13_000) + (sleepy ? 70_000 : 0),
    executions: 20 + random.below(130),
    faults: random.chance(0.1) ? 0 : 2 + random.below(random.chance(0.5) ? 16 : 50),
  };
}
