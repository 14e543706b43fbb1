/**
 * The service's parts put together: acceptor, stages, metrics and spans, around the store and the transports.
 *
 * Owns: the order of starting and stopping. Does not own: which store, bus and transport there are (compose.ts).
 */
import type { DeliveryPolicy } from '@millrace/delivery';
import type { Logger, Metrics, SpanExporter } from '@millrace/telemetry';
import { createAcceptor } from './acceptor.ts';
import type { Deciding, Made } from './changes.ts';
import { createDeliveryMetrics } from './delivery-metrics.ts';
import { groupCommit } from './group-commit.ts';
import type { Change, DeliveryRecord, DeliveryStore, IncomingRequest, MailTransports } from './ports.ts';
import { createRateLimit } from './rate-limit.ts';
import { renderDue } from './rendering.ts';
import { createSending } from './sending.ts';
import { settleDue } from './settling.ts';
import { acceptSpan, spansOfLastTry } from './spans.ts';
import { runStage } from './stage.ts';

/** Outcomes stored by one write. */
export const OUTCOME_BATCH_MAX = 200;

export interface NotificationOptions {
  readonly store: DeliveryStore;
  readonly transports: MailTransports;
  readonly policy: DeliveryPolicy;
  /** Name of this instance, unique to this process. */
  readonly owner: string;
  /** Domain of the Message-IDs. */
  readonly domain: string;
  readonly sendTimeoutMs: number;
  /** Messages that may begin a second; 0 is no limit. */
  readonly ratePerSecond: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly spans: SpanExporter;
  readonly now?: () => number;
}

export interface Notification {
  /** Takes a request from the bus. */
  take(request: IncomingRequest): void;
  /** Stores what was taken, begins nothing new, and gives attempts under way so long to end, in milliseconds. */
  drain(withinMs: number): Promise<void>;
}

/** Starts the stages; they run until `drain`. */
export function startNotification(options: NotificationOptions): Notification {
  const { store, logger, owner, now = Date.now } = options;
  const metrics = createDeliveryMetrics(options.metrics);
  const stopping = new AbortController();

  const deciding: Deciding = {
    policy: options.policy,
    store,
    logger,
    now,
    onMade(made) {
      wakeFor(made);
      metrics.changed(made.record);
      observe(made, options);
    },
  };
  const writes = groupCommit<Change, boolean>(async (changes) => {
    const won = await store.advance(changes);
    return changes.map(({ id }) => won.has(id));
  }, OUTCOME_BATCH_MAX);

  const sending = createSending({
    owner,
    deciding,
    writes,
    transports: options.transports,
    rate: createRateLimit(options.ratePerSecond, now),
    sendTimeoutMs: options.sendTimeoutMs,
    wake: (atMs) => (atMs === undefined ? sendStage.alarm.ring() : sendStage.alarm.ringAt(atMs)),
    onAttempt: metrics.attempted,
    onDisplaced(record) {
      metrics.displaced();
      logger.warn('An outcome came too late; the delivery had gone on without it', { delivery: record.id, organisation: record.organisation });
    },
  });
  metrics.watchInFlight(() => sending.inFlight());

  const stage = (name: string, round: Parameters<typeof runStage>[0]['round']): ReturnType<typeof runStage> => runStage({ name, logger, now, round });
  const renderStage = stage('render', () => renderDue(owner, deciding));
  const settleStage = stage('settle', () => settleDue(deciding, (token) => sending.holdsHere(token)));
  const sendStage = stage('send', () => sending.round());

  /** A due time of this instance's own making need not be polled for. */
  function wakeFor({ record: { delivery } }: Made): void {
    if (delivery.dueAtMs === undefined) return;
    switch (delivery.state) {
      case 'scheduled':
        return renderStage.alarm.ringAt(delivery.dueAtMs);
      case 'queued':
      case 'deferred':
        return sendStage.alarm.ringAt(delivery.dueAtMs);
      case 'unknown':
        return settleStage.alarm.ringAt(delivery.dueAtMs);
      default:
        return;
    }
  }

  const acceptor = createAcceptor({
    store,
    logger,
    now,
    domain: options.domain,
    signal: stopping.signal,
    onStored(records) {
      metrics.accepted(records);
      exportAccepted(records, options.spans);
      renderStage.alarm.ring();
    },
    onRepeated: metrics.repeated,
    onDiscarded: metrics.discarded,
  });

  return {
    take: acceptor.take,
    async drain(withinMs) {
      stopping.abort();
      await acceptor.idle();
      await Promise.all([renderStage.stop(), settleStage.stop(), sendStage.stop()]);
      await sending.finish(withinMs);
    },
  };
}

/** Log and spans of a change; the message is constant, the particulars are attributes. */
function observe({ record, before }: Made, { logger, spans }: NotificationOptions): void {
  const { delivery } = record;
  const tryEnded = delivery.tries !== before.delivery.tries && delivery.tries.at(-1)?.outcome !== undefined;
  if (tryEnded && spans.enabled && record.trace?.sampled === true) spans.export(spansOfLastTry(record));
  const attributes = {
    delivery: record.id,
    organisation: record.organisation,
    state: delivery.state,
    attempts: delivery.attempts,
    ...(record.execution === undefined ? {} : { execution: record.execution }),
    ...(record.trace === undefined ? {} : { traceId: record.trace.traceId }),
    ...(delivery.lastError === undefined || delivery.state === 'sent' ? {} : { detail: delivery.lastError }),
  };
  if (delivery.state === 'unknown') logger.warn('The outcome of an attempt is not known', attributes);
  else if (delivery.dueAtMs === undefined) logger.info('A delivery has ended', attributes);
  else logger.debug('A delivery has changed', attributes);
}

function exportAccepted(records: readonly DeliveryRecord[], spans: SpanExporter): void {
  if (!spans.enabled) return;
  const sampled = records.filter(({ trace }) => trace?.sampled === true);
  if (sampled.length > 0) spans.export(sampled.map(acceptSpan));
}
