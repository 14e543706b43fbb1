/**
 * Keeps so many executions of a peer in flight for so long and says how many ended and how long they took.
 *
 * Plain JavaScript without dependencies: it runs with the packages of each peer, which are none of the product's.
 */

/** About 200 bytes of JSON, as the product gets. */
export const INPUT = { a: 0, text: 'x'.repeat(180) };
export const STEPS = { 'chain-10': 10, ping: 1 };
/** Failures after which a measure is given up. */
const FAILURES_MAX = 50;
/** How long those that are in flight at the end may take to end, in milliseconds. */
const DRAIN_MS = 60_000;

/** What every step does, in every engine. */
export function step(value) {
  return { a: value.a + 1, text: value.text };
}

/** The plan that the bench gave as the first argument. */
export function planOf(argument = process.argv[2]) {
  return JSON.parse(argument ?? '{}');
}

/**
 * Load goes on from the warm-up until every execution that was in flight at the end of the measured time has ended.
 * An execution counts with the part of its life that lies within the measured time: with executions that take seconds,
 * and end in waves, counting ends alone would depend on where the waves happen to fall.
 *
 * @param one starts an execution of the plan's work and resolves when it has ended well.
 * @returns nothing; prints one JSON document.
 */
export async function closedLoop(one, { work, inFlight, warmUpSeconds, seconds }) {
  const latencies = [];
  let executions = 0;
  let failed = 0;
  let firstFailure = '';
  let running = true;
  let from = Infinity;
  let to = Infinity;
  /** In flight at the end of the measured time. */
  let late = 0;
  const loop = async (delayMs) => {
    await pause(delayMs);
    while (running) {
      const since = performance.now();
      try {
        await one(work);
        const now = performance.now();
        if (now > from && since < to) {
          executions += (Math.min(now, to) - Math.max(since, from)) / (now - since);
          latencies.push(now - since);
          if (now > to) late += 1;
        }
      } catch (error) {
        if (since < to) failed += 1;
        if (firstFailure === '') firstFailure = String(error).slice(0, 300);
        if (failed > FAILURES_MAX) running = false;
      }
    }
  };
  // One after the other over half of the warm-up, so that they do not end all at once either.
  const loops = Array.from({ length: inFlight }, (_, index) => loop((index / inFlight) * warmUpSeconds * 500));
  await pause(warmUpSeconds * 1000);
  from = performance.now();
  failed = 0;
  process.stdout.write(`${JSON.stringify({ kind: 'begin' })}\n`);
  await pause(seconds * 1000);
  to = performance.now();
  process.stdout.write(`${JSON.stringify({ kind: 'measured' })}\n`);
  for (const until = to + DRAIN_MS; late < inFlight && running && performance.now() < until; ) await pause(20);
  running = false;
  const sorted = Float64Array.from(latencies).sort();
  const result = { kind: 'round', executions, seconds: (to - from) / 1000, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), failed: failed + Math.max(0, inFlight - late), firstFailure };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  // Nothing of this measure runs on beside the next one.
  await Promise.race([Promise.all(loops), pause(DRAIN_MS)]);
}

const pause = (ms) => new Promise((settle) => setTimeout(settle, ms));

function quantile(sorted, share) {
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}
