/**
 * The webhooks in memory, ready to serve: each with its compiled expression.
 *
 * Owns nothing durable: an adapter's watch fills it, so requests are served while stores are away.
 */
import { compileJq, type JqProgram } from '@millrace/jq';
import { webhookPath, type Webhook } from './webhook.ts';

/** Webhooks of one process. */
export const WEBHOOKS_MAX = 100_000;

export interface ServedWebhook {
  readonly webhook: Webhook;
  /** Grows with every change of the webhook. */
  readonly revision: number;
  /** Absent: every request is a new start. */
  readonly keyProgram?: JqProgram;
}

export interface WebhookBook {
  find(organisation: string, name: string): ServedWebhook | undefined;
  /** Ignores what is older than what is there. Undefined when all is well, else why the webhook is not served. */
  set(webhook: Webhook, revision: number): string | undefined;
  remove(organisation: string, name: string): void;
  list(organisation: string): readonly ServedWebhook[];
  readonly size: number;
}

export type CompiledKey = { readonly kind: 'compiled'; readonly program: JqProgram } | { readonly kind: 'refused'; readonly problem: string };

/** Compiles a webhook's expression for the idempotency key. */
export function compileKey(expression: string): CompiledKey {
  const result = compileJq(expression);
  if (result.kind === 'compiled') return result;
  return { kind: 'refused', problem: `spec.idempotencyKey is no expression this release runs: ${result.message} (line ${result.line}, column ${result.column})` };
}

export function createWebhookBook(): WebhookBook {
  const served = new Map<string, ServedWebhook>();
  return {
    find: (organisation, name) => served.get(webhookPath(organisation, name)),
    set(webhook, revision) {
      const path = webhookPath(webhook.organisation, webhook.name);
      const present = served.get(path);
      if (present !== undefined && present.revision >= revision) return undefined;
      if (present === undefined && served.size >= WEBHOOKS_MAX) return `there are ${WEBHOOKS_MAX} webhooks already`;
      if (webhook.keyExpression === undefined) {
        served.set(path, { webhook, revision });
        return undefined;
      }
      const compiled = compileKey(webhook.keyExpression);
      if (compiled.kind === 'refused') return compiled.problem;
      served.set(path, { webhook, revision, keyProgram: compiled.program });
      return undefined;
    },
    remove: (organisation, name) => void served.delete(webhookPath(organisation, name)),
    list: (organisation) => [...served.values()].filter(({ webhook }) => webhook.organisation === organisation),
    get size() {
      return served.size;
    },
  };
}
