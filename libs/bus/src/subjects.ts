/** The name of every stream, subject and bucket, in one place; nothing else in the product spells them. */

/** The log of a lane. */
export function laneStream(lane: number): string {
  return `LANE_${lane}`;
}

/** The one subject of a lane's log. */
export function laneSubject(lane: number): string {
  return `lane.${lane}`;
}

/** What other services send to a lane. */
export function inputStream(lane: number): string {
  return `IN_${lane}`;
}

/** The one subject of a lane's inputs. */
export function inputSubject(lane: number): string {
  return `in.${lane}`;
}

/** Lifecycle and emitted CloudEvents of all organisations. */
export const EVENTS_STREAM = 'EVENTS';
export const EVENTS_SUBJECTS = 'events.>';

/** Events of one organisation; `type` is the CloudEvents type, whose dots stay. */
export function eventSubject(organisation: string, type: string): string {
  return `events.${organisation}.${type}`;
}

/** CloudEvents that came from outside, until they have gone where they belong. */
export const ARRIVALS_STREAM = 'ARRIVALS';
export const ARRIVALS_SUBJECT = 'arrivals';

/** Lifecycle events of one organisation, in batches. */
export function lifecycleSubject(organisation: string): string {
  return `events.${organisation}.lifecycle`;
}

/** Deliveries handed to the notification service. */
export const NOTIFY_STREAM = 'NOTIFY';
export const NOTIFY_SUBJECTS = 'notify.*';

/** Deliveries of one organisation. */
export function notifySubject(organisation: string): string {
  return `notify.${organisation}`;
}

/** Messages that no service could read. */
export const DEAD_LETTERS_STREAM = 'DEAD_LETTERS';
export const DEAD_LETTERS_SUBJECTS = 'dead.*';

/** Those of one organisation; undefined: of nobody, as far as could be read. No organisation is called `_`. */
export function deadLetterSubject(organisation: string | undefined): string {
  return `dead.${organisation ?? '_'}`;
}

/** Key-value buckets, by what they hold. */
export const BUCKETS = {
  instances: 'instances',
  lanes: 'lanes',
  definitions: 'definitions',
  webhooks: 'webhooks',
  subscriptions: 'subscriptions',
  connections: 'connections',
  limits: 'limits',
  permits: 'permits',
  keys: 'keys',
  organisations: 'organisations',
  linkKeys: 'link-keys',
} as const;

/** The name of one of our buckets. */
export type BucketName = (typeof BUCKETS)[keyof typeof BUCKETS];
