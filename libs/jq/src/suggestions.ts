// "Did you mean": names near a name that does not exist.

import { bindingsIn } from './scope.ts';
import type { Scope } from './scope.ts';

const DISTANCE_MAX = 2;

function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > DISTANCE_MAX) return DISTANCE_MAX + 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

export function nearest(name: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.min(DISTANCE_MAX, Math.floor(name.length / 2)) + 1;
  for (const candidate of candidates) {
    const far = distance(name.slice(0, 64), candidate);
    if (far < bestDistance) {
      best = candidate;
      bestDistance = far;
    }
  }
  return best;
}

export function unknownVariable(name: string, scope: Scope, globals: Iterable<string>): string {
  const known = [...bindingsIn(scope)].filter(({ kind }) => kind === 'variable').map((binding) => binding.name);
  known.push(...globals);
  const near = nearest(name, known);
  return `$${name} is not defined${near === null ? '' : `: did you mean $${near}?`}`;
}

/** `keys` are name/arity. */
export function unknownFunction(name: string, arity: number, keys: readonly string[]): string {
  const sameName = keys.filter((key) => key.slice(0, key.lastIndexOf('/')) === name);
  const text = `${name}/${arity} is not defined`;
  if (sameName.length > 0) return `${text}: "${name}" takes ${sameName.map((key) => key.slice(key.lastIndexOf('/') + 1)).join(' or ')} arguments`;
  const near = nearest(name, new Set(keys.map((key) => key.slice(0, key.lastIndexOf('/')))));
  return near === null ? text : `${text}: did you mean "${near}"?`;
}
