/** The gRPC service by which webhooks are stored and listed. */
import type { WebhookSummary, WebhooksServer } from '@millrace/contracts/trigger/v1/webhooks';
import { MillraceError } from '@millrace/errors';
import { unary } from '@millrace/rpc';
import { compileKey, type WebhookBook } from '../webhook-book.ts';
import { judgeWebhook, webhookPath } from '../webhook.ts';
import type { StoredWebhook, WebhookStore } from './webhook-store.ts';

/** @param book what this process serves: it has a webhook at once that was stored here. */
export function createWebhooksService(store: WebhookStore, book: WebhookBook): WebhooksServer {
  return {
    put: unary(async (request) => {
      const verdict = judgeWebhook({ ...request, keyExpression: request.idempotencyKey });
      if (verdict.kind === 'invalid') throw invalid(verdict.problems);
      const { keyExpression } = verdict.webhook;
      const compiled = keyExpression === undefined ? undefined : compileKey(keyExpression);
      if (compiled?.kind === 'refused') throw invalid([compiled.problem]);
      const stored = await store.put(verdict.webhook, Date.now());
      book.set(stored.webhook, stored.revision);
      return summaryOf(stored);
    }),
    list: unary(({ organisation }) => ({ webhooks: book.list(organisation).map(summaryOf) })),
  };
}

function summaryOf({ webhook, revision }: StoredWebhook): WebhookSummary {
  const { organisation, name, workflow, reply } = webhook;
  return { organisation, name, workflow, reply, path: webhookPath(organisation, name), revision };
}

function invalid(problems: readonly string[]): MillraceError {
  return new MillraceError('resource-invalid', { message: `The webhook is not valid: ${problems.join('; ')}`, details: { problems } });
}
