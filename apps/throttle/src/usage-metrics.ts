/**
 * Facts about use, as metrics with a bounded number of labels.
 *
 * The first ORGANISATIONS_LABELLED organisations seen have a label of their own; all others are `other`.
 */
import type { OrganisationUsage } from '@millrace/fairness';
import type { Metrics } from '@millrace/telemetry';

/** Organisations with a label of their own; a count. */
export const ORGANISATIONS_LABELLED = 100;
const OTHER = 'other';

export interface UsageSource {
  leading(): boolean;
  learning(): boolean;
  owners(): number;
  usage(): readonly OrganisationUsage[];
}

/** Registers the metrics; they are read from the source at every scrape. */
export function observeUsage(metrics: Metrics, source: UsageSource): void {
  const labelled = new Set<string>();
  const counted = new Map<string, { granted: number; recalls: number }>();

  function labelOf(organisation: string): string {
    if (labelled.has(organisation)) return organisation;
    if (labelled.size >= ORGANISATIONS_LABELLED) return OTHER;
    labelled.add(organisation);
    return organisation;
  }

  /** A new authority counts from none, so what it counted is added as it grows. */
  function count({ organisation, granted: grants, recalls }: OrganisationUsage): void {
    const before = counted.get(organisation) ?? { granted: 0, recalls: 0 };
    const label = { organisation: labelOf(organisation) };
    granted.inc(label, Math.max(0, grants - (grants < before.granted ? 0 : before.granted)));
    recalled.inc(label, Math.max(0, recalls - (recalls < before.recalls ? 0 : before.recalls)));
    counted.set(organisation, { granted: grants, recalls });
  }

  // Metrics are read in the order in which they were made: this one first, it brings the counters up to date.
  metrics.gauge('millrace_throttle_owners_count', 'Owners with live leases', [], (gauge) => {
    const usage = source.usage();
    for (const organisation of usage) count(organisation);
    if (counted.size > usage.length) {
      const present = new Set(usage.map(({ organisation }) => organisation));
      for (const organisation of counted.keys()) if (!present.has(organisation)) counted.delete(organisation);
    }
    gauge.set(source.owners());
  });
  const granted = metrics.counter('millrace_throttle_granted_permits_total', 'Permits added to leases, by organisation', ['organisation']);
  const recalled = metrics.counter('millrace_throttle_recalls_total', 'Leases lowered because others waited or the limit shrank, by organisation', ['organisation']);
  const byLabel = (name: string, help: string, value: (usage: OrganisationUsage) => number): void => {
    metrics.gauge(name, help, ['organisation'], (gauge) => {
      const sums = new Map<string, number>();
      for (const usage of source.usage()) {
        const held = value(usage);
        if (!Number.isFinite(held)) continue;
        const label = labelOf(usage.organisation);
        sums.set(label, (sums.get(label) ?? 0) + held);
      }
      gauge.reset();
      for (const [organisation, sum] of sums) gauge.set({ organisation }, sum);
    });
  };
  byLabel('millrace_throttle_held_steps', 'Steps that owners may be running by their leases', ({ held }) => held);
  byLabel('millrace_throttle_running_steps', 'Steps running, as owners reported last', ({ running }) => running);
  byLabel('millrace_throttle_waiting_steps', 'Steps waiting for a permit, as owners reported last', ({ waiting }) => waiting);
  metrics.gauge('millrace_throttle_authority_state', '1: this instance is the authority; 0.5: and still learns; 0: it is not', [], (gauge) => {
    gauge.set(source.leading() ? (source.learning() ? 0.5 : 1) : 0);
  });
}
