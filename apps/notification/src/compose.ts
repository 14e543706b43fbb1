/**
 * The only place that knows the core, the ports and the adapters together.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Composition, ServiceContext } from '@millrace/service';
import { deliveriesService } from './adapters/grpc.ts';
import { createMongoDeliveries, DELIVERIES, ensureDeliveryIndexes, type DeliveryDocument } from './adapters/mongo.ts';
import { consumeRequests } from './adapters/nats.ts';
import { createMailTransports } from './adapters/smtp.ts';
import { policyOf, type NotificationConfig } from './config.ts';
import { domainOf } from './delivery-record.ts';
import { startNotification } from './notification.ts';

/** The service's own database. */
export const DATABASE = 'notification';
/** Between two attempts to make the indexes while MongoDB is away, in milliseconds. */
const INDEX_RETRY_MS = 1_000;
/** Attempts under way get this share of the drain to end by themselves; storing their outcomes gets the rest. */
const SENDING_SHARE_OF_DRAIN = 0.4;

export async function compose(context: ServiceContext<NotificationConfig>): Promise<Composition> {
  const { config, bus, logger, metrics, spanExporter, signal } = context;
  const database = await context.store(DATABASE);
  const collection = database.collection<DeliveryDocument>(DELIVERIES);
  // A process that takes the name of a dead one is not the dead one.
  const owner = `${context.instance}/${randomUUID().slice(0, 8)}`;
  const store = createMongoDeliveries(collection, owner);
  const transports = createMailTransports(
    config.smtpUrl === undefined
      ? undefined
      : {
          url: config.smtpUrl,
          from: config.smtpFrom,
          connections: config.smtpConnections,
          messagesPerConnection: config.smtpMessagesPerConnection,
          silenceTimeoutMs: config.sendTimeoutMs,
        },
  );
  if (config.smtpUrl === undefined) logger.warn('No mail server is configured: deliveries wait', { variable: 'MILLRACE_SMTP_URL' });

  let indexed = false;
  const makeIndexes = async (): Promise<void> => {
    while (!indexed && !signal.aborted) {
      try {
        await ensureDeliveryIndexes(collection);
        indexed = true;
      } catch (error) {
        logger.debug('The indexes of deliveries wait for the database', { error });
        await sleep(INDEX_RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  };
  void makeIndexes();

  const notification = startNotification({
    store,
    transports,
    policy: policyOf(config),
    owner,
    domain: domainOf(config.smtpFrom),
    sendTimeoutMs: config.sendTimeoutMs,
    ratePerSecond: config.smtpRatePerSecond,
    logger,
    metrics,
    spans: spanExporter,
  });
  const consumer = consumeRequests(bus, logger, notification.take);

  return {
    rpcServices: [deliveriesService(store)],
    ready: async () => ({ mongodb: await database.ping(), indexes: indexed, requests: consumer.active() }),
    async drain() {
      await consumer.stop();
      await notification.drain(config.drainMs * SENDING_SHARE_OF_DRAIN);
    },
    close: () => Promise.resolve(transports.close()),
  };
}
