/** A subscription: which events it takes, and what becomes of them. Owns what a valid one is; pure. */
import type { CloudEvent } from '@millrace/engine';
import { compileJq, DEPTH_DEFAULT, type JqProgram, type JsonValue } from '@millrace/jq';
import { isWebhookName } from '../webhook.ts';

/** What the evaluation of `where` or of a key may use for one event. */
export const EXPRESSION_BUDGET = { fuel: 100_000, allocation: 4 * 1024 * 1024, depth: DEPTH_DEFAULT } as const;
/** Longest plain key of a start, characters; a longer one is hashed. */
export const KEY_LENGTH_MAX = 1_024;

/** What is done with an event. */
export type SubscriptionTarget =
  | { readonly kind: 'workflow'; readonly workflow: string; readonly keyExpression?: string }
  | { readonly kind: 'webhook'; readonly url: string; readonly secret?: string };

export interface Subscription {
  readonly organisation: string;
  readonly name: string;
  /** A type, the beginning of types with `.*`, or `*`. */
  readonly type: string;
  readonly source?: string;
  /** jq over the event. */
  readonly where?: string;
  readonly target: SubscriptionTarget;
}

/** A subscription with its expressions compiled. */
export interface ServedSubscription {
  readonly subscription: Subscription;
  readonly where?: JqProgram;
  readonly key?: JqProgram;
}

const TYPE = /^(?:\*|[^\s.*>]+(?:\.[^\s.*>]+)*(?:\.\*)?)$/;
const WORKFLOW = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:@(?=.*\S)[0-9A-Za-z.+*^~<>=| -]{1,64})?$/;

export type Compiled = { readonly kind: 'served'; readonly served: ServedSubscription } | { readonly kind: 'refused'; readonly problems: readonly string[] };

/** Checks a subscription and compiles what it says; all problems are reported together. */
export function compileSubscription(subscription: Subscription): Compiled {
  const problems: string[] = [];
  const program = (part: string, source: string | undefined): JqProgram | undefined => {
    if (source === undefined) return undefined;
    const compiled = compileJq(source);
    if (compiled.kind === 'compiled') return compiled.program;
    problems.push(`spec.${part} is no expression this release runs: ${compiled.message} (line ${compiled.line}, column ${compiled.column})`);
    return undefined;
  };
  const { organisation, name, type, target } = subscription;
  if (!isWebhookName(organisation) || !isWebhookName(name)) problems.push(`${organisation}/${name} is not a name`);
  if (!TYPE.test(type)) problems.push(`spec.type ${JSON.stringify(type)} is no type, beginning of types with .*, or *`);
  if (target.kind === 'workflow' && !WORKFLOW.test(target.workflow)) problems.push(`spec.workflow ${JSON.stringify(target.workflow)} is neither NAME nor NAME@VERSION nor NAME@RANGE`);
  if (target.kind === 'webhook') problems.push('spec.webhook is not served by this release; start a workflow that calls the address');
  if (target.kind === 'webhook' && !isWebUrl(target.url)) problems.push(`spec.webhook.url ${JSON.stringify(target.url)} is no http or https address without a user`);
  const where = program('where', subscription.where);
  const key = program('idempotencyKey', target.kind === 'workflow' ? target.keyExpression : undefined);
  if (problems.length > 0) return { kind: 'refused', problems };
  return { kind: 'served', served: { subscription, ...(where === undefined ? {} : { where }), ...(key === undefined ? {} : { key }) } };
}

function isWebUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '';
}

/** Whether the event is one of the subscription's, apart from its type. An expression that fails says no. */
export function takes({ subscription, where }: ServedSubscription, event: CloudEvent, nowMs: number): boolean {
  if (subscription.source !== undefined && event['source'] !== subscription.source) return false;
  if (isOwnLifecycle(subscription, event)) return false;
  if (where === undefined) return true;
  const outcome = where.first(event as JsonValue, [], { ...EXPRESSION_BUDGET, nowSeconds: nowMs / 1000 });
  return outcome.kind === 'value' && outcome.value !== false && outcome.value !== null;
}

/** A workflow that starts by lifecycle events would start itself for ever. */
function isOwnLifecycle({ target }: Subscription, event: CloudEvent): boolean {
  if (target.kind !== 'workflow' || !String(event['type']).startsWith('io.serverlessworkflow.')) return false;
  const definition = (event['data'] as { readonly definition?: { readonly name?: unknown } } | undefined)?.definition;
  return definition?.name === target.workflow.split('@', 1)[0];
}

/** The text of a subscription's own key; undefined when the expression gives none for this event. */
export function ownKey({ key }: ServedSubscription, event: CloudEvent, nowMs: number): string | undefined {
  if (key === undefined) return undefined;
  const outcome = key.first(event as JsonValue, [], { ...EXPRESSION_BUDGET, nowSeconds: nowMs / 1000 });
  if (outcome.kind !== 'value' || outcome.value === null || outcome.value === '') return undefined;
  return typeof outcome.value === 'string' ? outcome.value : JSON.stringify(outcome.value);
}

/** What makes an event one: the same source and id are the same event (CloudEvents 1.0, "id"). */
export function eventKey(event: CloudEvent): string {
  return `${String(event['source'])} ${String(event['id'])}`;
}
