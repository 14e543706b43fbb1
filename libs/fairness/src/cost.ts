/**
 * What a step costs the cluster, in the one unit that the fair queues charge.
 *
 * The unit is the core microsecond. Bytes are folded in at what carrying them costs: encoding, framing,
 * copying and decoding a byte of JSON takes a core about 4 ns over a step's way, so 256 bytes count as one.
 */

/** Payload bytes that count as one core microsecond. */
export const BYTES_PER_MICROSECOND = 256;

/** Least cost of an item, in core microseconds: nothing is free, or an empty item could be sent for ever. */
export const COST_MIN = 1;

/** Most that one item is charged, in core microseconds: 100 ms, the longest an execution may hold up others (E6). */
export const COST_MAX = 100_000;

/** Cost of a step that needs `coreMicroseconds` of a core and carries `bytes` of payload. */
export function costOf(coreMicroseconds: number, bytes: number): number {
  return clampCost(coreMicroseconds + bytes / BYTES_PER_MICROSECOND);
}

/** A cost within COST_MIN and COST_MAX; what is not a number costs the least. */
export function clampCost(cost: number): number {
  return cost > COST_MIN ? Math.min(cost, COST_MAX) : COST_MIN;
}
