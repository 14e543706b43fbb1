/** Finds the name that somebody probably meant. */

/** Longest name that is compared, UTF-16 code units. */
const NAME_LENGTH_MAX = 64;
/** Most names that one is compared with. */
const CANDIDATES_MAX = 500;

/**
 * The candidate nearest to a misspelt name, or nothing when none is near: at most a third of the
 * letters may differ, a swap of neighbours counting as one; capitals do not count.
 */
export function closestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > NAME_LENGTH_MAX) return undefined;
  const wanted = name.toLowerCase();
  const differencesMax = name.length < 2 ? 0 : Math.max(1, Math.floor(name.length / 3));
  let best: string | undefined;
  let bestDistance = differencesMax + 1;
  let compared = 0;
  for (const candidate of candidates) {
    if (compared++ === CANDIDATES_MAX) break;
    if (candidate === name || Math.abs(candidate.length - name.length) > differencesMax) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Edits that turn one text into the other: insert, delete, replace, swap neighbours. */
function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const replace = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      let least = Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, replace);
      const swapped = row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (swapped) least = Math.min(least, (beforePrevious[column - 2] ?? 0) + 1);
      current.push(least);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}
