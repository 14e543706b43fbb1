/**
 * What a workflow performs: attempts of steps in order, and branches side by side, whose attempts stand in no order to
 * one another.
 */

/** `label/attempt`, or what the branches of a fork perform. */
export type Performed = string | { readonly isRace: boolean; readonly branches: readonly (readonly Performed[])[] };

/**
 * Whether a journal's attempts are what was expected: all of it, or unless `whole` a beginning of it.
 *
 * A race is told from what comes behind it by labels: a step of another label has to follow it.
 */
export function fits(performed: readonly string[], expected: readonly Performed[], whole: boolean): boolean {
  let at = 0;
  for (const each of expected) {
    if (typeof each === 'string') {
      if (at === performed.length) return !whole;
      if (performed[at++] !== each) return false;
      continue;
    }
    const labels = each.branches.map(labelsOf);
    const countMax = each.isRace ? Infinity : each.branches.reduce((sum, branch) => sum + countOf(branch), 0);
    let to = at;
    while (to < performed.length && to - at < countMax && labels.some((known) => known.has(labelOf(performed[to] ?? '')))) to++;
    const parts = each.branches.map((_, index) => performed.slice(at, to).filter((attempt) => labels[index]?.has(labelOf(attempt))));
    const isOver = (branch: readonly Performed[], index: number): boolean => fits(parts[index] ?? [], branch, true);
    const isComplete = each.isRace ? each.branches.some(isOver) : each.branches.every(isOver);
    if (!each.branches.every((branch, index) => fits(parts[index] ?? [], branch, false))) return false;
    if (!isComplete) return !whole && to === performed.length;
    at = to;
  }
  return at === performed.length;
}

function labelOf(attempt: string): string {
  return attempt.slice(0, attempt.lastIndexOf('/'));
}

function labelsOf(branch: readonly Performed[]): ReadonlySet<string> {
  return new Set(branch.flatMap((each) => (typeof each === 'string' ? [labelOf(each)] : each.branches.flatMap((inner) => [...labelsOf(inner)]))));
}

function countOf(branch: readonly Performed[]): number {
  return branch.reduce((sum, each) => sum + (typeof each === 'string' ? 1 : each.branches.reduce((inner, list) => inner + countOf(list), 0)), 0);
}
