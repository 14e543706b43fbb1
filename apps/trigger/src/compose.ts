/** Brings the trigger's parts together; the only place that knows all of them. */
import { keyedExecutionId, newExecutionId, watchLanes } from '@millrace/bus';
import { WebhooksService } from '@millrace/contracts/trigger/v1/webhooks';
import { MillraceError } from '@millrace/errors';
import { HTTP_LINGER_MS, type Composition, type ServiceContext } from '@millrace/service';
import { setTimeout as delay } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { createSecretBox } from '@millrace/store';
import { acceptHook } from './accept-hook.ts';
import { createLaneLog } from './adapters/lane-log.ts';
import { openReplyInbox } from './adapters/reply-inbox.ts';
import { openWebhookStore, type StoredWebhook } from './adapters/webhook-store.ts';
import { createWebhooksService } from './adapters/webhooks-grpc.ts';
import { composeEvents } from './compose-events.ts';
import type { TriggerConfig } from './config.ts';
import { createHooksHttp } from './hooks-http.ts';
import { createLaneAppender } from './lane-appender.ts';
import { createLookUp } from './look-up.ts';
import { repairUntilDone } from './repair.ts';
import { createStartAppender } from './start-appender.ts';
import { createWebhookBook } from './webhook-book.ts';

/** How long requests that wait for an execution's end may take when the trigger stops, in milliseconds; then they are told its address. */
const LINGER_MS_MAX = 5_000;
const LINGER_POLL_MS = 20;

export async function compose(context: ServiceContext<TriggerConfig>): Promise<Composition> {
  const { bus, config, instance, logger, metrics, signal } = context;
  const answers = metrics.counter('millrace_trigger_requests_total', 'Webhook requests answered, by HTTP status', ['status']);
  const seconds = metrics.histogram('millrace_trigger_request_seconds', 'From a webhook request to its answer');
  const batches = metrics.histogram('millrace_trigger_batch_inputs', 'Starts in one append to a lane', { buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000] });
  const appends = metrics.histogram('millrace_trigger_append_seconds', 'Appends to lanes, retries included');

  const book = createWebhookBook();
  const store = await context.store(config.database);
  const box = createSecretBox(config.secretKey);
  const webhooks = await openWebhookStore(bus, store, box, logger);
  const serve = ({ webhook, revision }: StoredWebhook): void => {
    const problem = book.set(webhook, revision);
    if (problem !== undefined) logger.error('A stored webhook is not served', { organisation: webhook.organisation, webhook: webhook.name, problem });
  };
  const watch = await webhooks.watch({
    onSet: serve,
    onRemoved: (organisation, name) => book.remove(organisation, name),
  });
  void repairUntilDone(() => webhooks.repair(), signal, logger);

  const lanes = await watchLanes(bus);
  const inbox = openReplyInbox(bus, logger);
  const log = createLaneLog(bus);
  const appender = createLaneAppender({
    log,
    origin: `${instance}.${randomBytes(8).toString('hex')}`,
    onBatch: (_lane, inputs, _bytes, tookMs) => {
      batches.observe(inputs);
      appends.observe(tookMs / 1000);
    },
    onRetry: (lane, error) => logger.warn('An append to a lane is repeated', { lane, error }),
  });

  const ports = {
    book,
    lookUp: createLookUp(async (organisation, name) => {
      const stored = await webhooks.find(organisation, name);
      if (stored !== undefined) serve(stored);
      return book.find(organisation, name);
    }),
    appender,
    inbox,
    executionId: (organisation: string, workflow: string, key: string | undefined) =>
      key === undefined ? newExecutionId() : keyedExecutionId(organisation, workflow, key),
    laneOf: (execution: string) => {
      const lane = lanes.laneOf(execution);
      if (lane === undefined) throw new MillraceError('lane-unowned', { message: 'No orchestrator has ever been there, so no lane is known; start one' });
      return lane;
    },
  };
  const { executionId, laneOf } = ports;
  const events = await composeEvents({
    bus,
    store,
    box,
    instance,
    logger,
    metrics,
    appender,
    messageBytesMax: () => log.messageBytesMax(),
    lanes: () => lanes.table()?.lanes ?? 0,
    starts: createStartAppender({ appender, executionId, laneOf }),
    orchestrators: context.pool('orchestrator'),
  });
  let taking = true;
  /** Requests that have no answer yet. */
  let open = 0;
  const http = createHooksHttp({
    accept: async (call) => {
      open++;
      try {
        return await acceptHook(ports, call);
      } finally {
        open--;
      }
    },
    onAnswer: (status, tookMs) => {
      answers.inc({ status: String(status) });
      seconds.observe(tookMs / 1000);
    },
    logger,
    isTaking: () => taking,
  });
  await http.ready();

  return {
    rpcServices: [{ definition: WebhooksService, implementation: { ...createWebhooksService(webhooks, book) } }, ...events.rpcServices],
    httpHandler: (request, response) => {
      http.routing(request, response);
      return true;
    },
    ready: async () => ({ lanes: lanes.table() !== undefined }),
    lingers: true,
    async drain() {
      // Senders whose connections stand are answered until they have gone elsewhere.
      await delay(HTTP_LINGER_MS);
      for (const until = performance.now() + LINGER_MS_MAX; open > 0 && performance.now() < until; ) await delay(LINGER_POLL_MS);
      taking = false;
      inbox.close();
      await events.drain();
      await appender.idle();
    },
    async close() {
      appender.close();
      watch.stop();
      lanes.close();
      await http.close();
    },
  };
}
