/** E9: every execution's start and end was announced at least once, and all copies of an event have one id. */
import type { Evidence, Findings } from '../evidence.ts';

export function checkEvents({ journals, events }: Pick<Evidence, 'journals' | 'events'>): Findings {
  const ids = new Map<string, Set<string>>();
  const ofId = new Map<string, string>();
  const violations: string[] = [];
  for (const { id, kind, execution } of events) {
    const what = `${kind} of execution ${execution}`;
    ids.set(what, (ids.get(what) ?? new Set()).add(id));
    const other = ofId.get(id);
    if (other !== undefined && other !== what) violations.push(`the id ${id} stands for ${other} and for ${what}`);
    ofId.set(id, what);
  }
  for (const { execution, status } of journals) {
    for (const kind of ['started', status]) {
      const found = ids.get(`${kind} of execution ${execution}`)?.size ?? 0;
      if (found === 0) violations.push(`${kind} of execution ${execution} was not announced`);
      if (found > 1) violations.push(`${kind} of execution ${execution} was announced under ${found} ids`);
    }
    for (const kind of ['completed', 'faulted', 'cancelled']) {
      if (kind !== status && ids.has(`${kind} of execution ${execution}`)) violations.push(`execution ${execution} is ${status}, and was announced as ${kind}`);
    }
  }
  return { violations, figures: { events: events.length, repeatedEvents: events.length - ofId.size } };
}
