/**
 * What notification counts. Names end in their unit.
 */
import { isTerminal } from '@millrace/delivery';
import type { Metrics } from '@millrace/telemetry';
import type { DeliveryRecord, SendResult } from './ports.ts';

export interface DeliveryMetrics {
  accepted(records: readonly DeliveryRecord[]): void;
  repeated(count: number): void;
  discarded(): void;
  changed(record: DeliveryRecord): void;
  attempted(result: SendResult, durationMs: number): void;
  displaced(): void;
  watchInFlight(count: () => number): void;
}

/** Upper bounds for the time from request to end, in seconds: a second to four days. */
const AGE_BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600, 3_600, 21_600, 86_400, 345_600];

export function createDeliveryMetrics(metrics: Metrics): DeliveryMetrics {
  const accepted = metrics.counter('millrace_deliveries_accepted_total', 'Deliveries stored for the first time');
  const repeats = metrics.counter('millrace_delivery_repeats_total', 'Requests whose key was known already');
  const discarded = metrics.counter('millrace_delivery_requests_discarded_total', 'Requests that could not be read');
  const changes = metrics.counter('millrace_delivery_changes_total', 'Changes of state made by this instance, by the new state', ['state']);
  const displaced = metrics.counter('millrace_delivery_outcomes_displaced_total', 'Outcomes that came after the delivery had gone on');
  const sends = metrics.histogram('millrace_smtp_send_duration_seconds', 'One attempt at the mail server, by what it came to', { labels: ['answer'] });
  const ages = metrics.histogram('millrace_delivery_age_seconds', 'From the request to the end of a delivery, by its last state', {
    labels: ['state'],
    buckets: AGE_BUCKETS_SECONDS,
  });
  return {
    accepted: (records) => accepted.inc(records.length),
    repeated: (count) => repeats.inc(count),
    discarded: () => discarded.inc(),
    displaced: () => displaced.inc(),
    changed({ requestedAtMs, delivery }) {
      changes.inc({ state: delivery.state });
      if (isTerminal(delivery.state)) ages.observe({ state: delivery.state }, Math.max(0, delivery.updatedAtMs - requestedAtMs) / 1_000);
    },
    attempted: ({ answer }, durationMs) => sends.observe({ answer: answer.kind }, durationMs / 1_000),
    watchInFlight(count) {
      metrics.gauge('millrace_deliveries_in_flight_count', 'Attempts under way at this instance', [], (gauge) => gauge.set(count()));
    },
  };
}
