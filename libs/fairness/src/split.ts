/**
 * Max-min fair division of a limit among those that want some of it.
 *
 * Nobody gets more than it wants before all got what they want or an equal share (D. Bertsekas and
 * R. Gallager, "Data Networks", section 6.5.2). With whole units the remainder goes one by one in the
 * order given, so that whoever comes first in line decides who has it.
 */

/**
 * Divides `limit` over `wanted`. `whole`: shares are whole numbers. The answer's sum is at most `limit`,
 * and each is at most what was wanted.
 */
export function splitFairly(limit: number, wanted: readonly number[], whole: boolean): number[] {
  const shares = wanted.map(() => 0);
  let left = whole ? Math.floor(limit) : limit;
  let open = wanted.map((_, index) => index).filter((index) => (wanted[index] ?? 0) > 0);
  while (open.length > 0 && left > 0) {
    const share = whole ? Math.floor(left / open.length) : left / open.length;
    if (share <= 0) break;
    const below = open.filter((index) => (wanted[index] ?? 0) - (shares[index] ?? 0) <= share);
    // Whoever wants no more than an equal share is done; if nobody does, the equal share is the answer.
    const served = below.length > 0 ? below : open;
    for (const index of served) {
      const given = Math.min(share, (wanted[index] ?? 0) - (shares[index] ?? 0));
      shares[index] = (shares[index] ?? 0) + given;
      left -= given;
    }
    if (below.length === 0) break;
    open = open.filter((index) => !below.includes(index));
  }
  if (whole) {
    for (const index of open) {
      if (left < 1) break;
      if ((shares[index] ?? 0) >= (wanted[index] ?? 0)) continue;
      shares[index] = (shares[index] ?? 0) + 1;
      left -= 1;
    }
  }
  return shares;
}
