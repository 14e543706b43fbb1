/**
 * Sends deliveries to the webhook trigger as GitHub does: signed, with an id, again when there is no good answer.
 *
 * Every REDELIVERED_EACH-th delivery is sent twice though it was accepted, as GitHub does when somebody asks for it:
 * it must be the same execution.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Delivery } from './deliveries.ts';
import { signatureOf } from './signature.ts';

/** Deliveries on their way at once. */
const CONCURRENCY = 16;
const REDELIVERED_EACH = 20;
const ATTEMPTS_MAX = 20;
const RETRY_MS = 250;
const ANSWER_TIMEOUT_MS = 20_000;

export interface SenderOptions {
  /** The trigger's address. */
  readonly trigger: string;
  readonly webhook: string;
  /** By organisation. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly onAccepted: (delivery: Delivery, execution: string) => void;
}

export interface Sent {
  /** Execution by delivery id. */
  readonly executions: ReadonlyMap<string, string>;
  /** Deliveries that were sent twice. */
  readonly redelivered: number;
  /** Those whose second sending gave another execution; there must be none. */
  readonly split: readonly string[];
}

/** Resolves when every delivery has been accepted. */
export async function sendAll(deliveries: readonly Delivery[], options: SenderOptions): Promise<Sent> {
  const executions = new Map<string, string>();
  const split: string[] = [];
  let redelivered = 0;
  const waiting = deliveries.entries();
  const lane = async (): Promise<void> => {
    for (const [index, delivery] of waiting) {
      const execution = await send(delivery, options);
      executions.set(delivery.id, execution);
      options.onAccepted(delivery, execution);
      if (index % REDELIVERED_EACH !== 0) continue;
      redelivered++;
      if ((await send(delivery, options)) !== execution) split.push(delivery.id);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return { executions, redelivered, split };
}

/** The execution's id, as the trigger's 202 names it. */
async function send(delivery: Delivery, { trigger, webhook, secrets }: SenderOptions): Promise<string> {
  const { organisation, body, event, id } = delivery;
  for (let attempt = 1; ; attempt++) {
    const outcome = await post(`${trigger}/v1/hooks/${organisation}/${webhook}`, body, {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/example',
      'x-github-event': event,
      'x-github-delivery': id,
      'x-hub-signature-256': signatureOf(body, secrets.get(organisation) ?? ''),
    });
    if (outcome.kind === 'accepted') return outcome.execution;
    if (!outcome.passing || attempt === ATTEMPTS_MAX) throw new Error(`delivery ${id} (${event}) was not accepted: ${outcome.detail}`);
    await delay(RETRY_MS);
  }
}

type Outcome = { readonly kind: 'accepted'; readonly execution: string } | { readonly kind: 'refused'; readonly passing: boolean; readonly detail: string };

async function post(url: string, body: string, headers: Record<string, string>): Promise<Outcome> {
  try {
    const answer = await fetch(url, { method: 'POST', body, headers, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const text = await answer.text();
    if (answer.status === 202) return { kind: 'accepted', execution: (JSON.parse(text) as { readonly execution: string }).execution };
    return { kind: 'refused', passing: answer.status === 429 || answer.status >= 500, detail: `${answer.status} ${text}` };
  } catch (error) {
    return { kind: 'refused', passing: true, detail: error instanceof Error ? error.message : String(error) };
  }
}
