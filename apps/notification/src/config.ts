/**
 * The settings of notification, besides those that every service has.
 */
import { DEFAULT_POLICY, type DeliveryPolicy, type UnknownPolicy } from '@millrace/delivery';
import { choice, durationMs, integer, optional, text, url, type ConfigOf } from '@millrace/service';
import { CLAIM_WAIT_MS } from './attempts.ts';

/** The lease outlasts the longest wait and attempt by this, in milliseconds: for clocks that differ, and for storing the outcome. */
export const LEASE_MARGIN_MS = 5_000;

const UNKNOWN_POLICIES: readonly UnknownPolicy[] = ['resend', 'fail'];

export const settings = {
  smtpUrl: optional(url('MILLRACE_SMTP_URL', { protocols: ['smtp:', 'smtps:'], doc: 'mail server, with user and password; without one deliveries wait' })),
  smtpFrom: text('MILLRACE_SMTP_FROM', { default: 'Millrace <millrace@localhost>', doc: 'From header of every mail' }),
  smtpConnections: integer('MILLRACE_SMTP_CONNECTIONS', { default: 5, min: 1, max: 100, doc: 'connections of this instance to the mail server' }),
  smtpMessagesPerConnection: integer('MILLRACE_SMTP_MESSAGES_PER_CONNECTION', { default: 100, min: 1, max: 100_000, doc: 'messages before a connection is replaced' }),
  smtpRatePerSecond: integer('MILLRACE_SMTP_RATE_PER_SECOND', { default: 0, min: 0, max: 100_000, doc: 'messages that may begin a second; 0 for no limit' }),
  sendTimeoutMs: durationMs('MILLRACE_SMTP_SEND_TIMEOUT_MS', { default: 30_000, min: 100, max: 600_000, doc: 'longest attempt to hand a message over' }),
  attemptsMax: integer('MILLRACE_DELIVERY_ATTEMPTS_MAX', { default: DEFAULT_POLICY.attemptsMax, min: 1, max: 10_000, doc: 'attempts before a delivery fails' }),
  ageMaxMs: durationMs('MILLRACE_DELIVERY_AGE_MAX_MS', { default: DEFAULT_POLICY.ageMaxMs, min: 1_000, doc: 'no attempt begins later than this after acceptance' }),
  retryBaseMs: durationMs('MILLRACE_DELIVERY_RETRY_BASE_MS', { default: DEFAULT_POLICY.retryBaseMs, min: 10, doc: 'wait after the first deferral; doubles' }),
  retryCapMs: durationMs('MILLRACE_DELIVERY_RETRY_CAP_MS', { default: DEFAULT_POLICY.retryCapMs, min: 10, doc: 'longest wait between two attempts' }),
  unknown: choice('MILLRACE_DELIVERY_UNKNOWN', UNKNOWN_POLICIES, { default: DEFAULT_POLICY.unknown, doc: 'what becomes of an unknown outcome' }),
  unknownHoldMs: durationMs('MILLRACE_DELIVERY_UNKNOWN_HOLD_MS', { default: DEFAULT_POLICY.unknownHoldMs, min: 0, max: 3_600_000, doc: 'how long an unknown outcome waits for a late answer' }),
};

export type NotificationConfig = ConfigOf<typeof settings>;

/** The core's policy as configured. */
export function policyOf(config: NotificationConfig): DeliveryPolicy {
  const { attemptsMax, ageMaxMs, retryBaseMs, retryCapMs, unknown, unknownHoldMs, sendTimeoutMs } = config;
  return {
    attemptsMax,
    ageMaxMs,
    retryBaseMs,
    retryCapMs,
    unknown,
    unknownHoldMs,
    retryJitter: DEFAULT_POLICY.retryJitter,
    leaseMs: CLAIM_WAIT_MS + sendTimeoutMs + LEASE_MARGIN_MS,
  };
}
