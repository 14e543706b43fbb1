/**
 * How long a subscription goes on, and which messages it takes (DSL reference, AsyncAPI Subscription, Subscription
 * Lifetime).
 *
 * Expressions are evaluated here, on each message, with the variables as they were when the call was made. What the
 * subscription has consumed so far is `$context.consumedMessages`, as in the specification's own examples.
 */
import { EXPRESSION_ALLOCATION_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_FUEL_MAX, statedDurationMs } from '@millrace/engine';
import { compileJq, type JqProgram } from '@millrace/jq';
import { OUTPUT_BYTES_MAX, SUBSCRIPTION_MESSAGES_MAX } from '../../limits.ts';
import type { JsonObject, JsonValue } from '../../manifest.ts';
import { isObject } from '../references.ts';
import type { InboundMessage } from './message-channel.ts';

/** An expression of the subscription failed; a sentence for the failure's detail. */
export class ExpressionFailed extends Error {}

export interface Subscription {
  /** How long it goes on at most, milliseconds; nothing: until it has what it wants. */
  readonly forMs: number | undefined;
  /** Whether it is over before another message is taken. @throws ExpressionFailed */
  isOver(): boolean;
  /** Takes a message or passes it over. @throws ExpressionFailed */
  take(message: InboundMessage): void;
  readonly consumed: readonly JsonValue[];
}

/** @throws ExpressionFailed when an expression cannot be read. */
export function subscriptionOf(args: JsonObject): Subscription {
  const consume = isObject(args['consume']) ? args['consume'] : {};
  const consumed: InboundMessage[] = [];
  const filter = conditionOf(args['filter'], consumed);
  const goOn = conditionOf(consume['while'], consumed);
  const until = conditionOf(consume['until'], consumed);
  const amount = typeof consume['amount'] === 'number' ? consume['amount'] : Infinity;
  const { for: duration } = consume;
  let over = amount <= 0;
  let bytes = 0;
  return {
    forMs: typeof duration === 'number' ? duration : duration === undefined ? undefined : statedDurationMs(duration),
    consumed,
    isOver: () => over || (until !== undefined && until(consumed.at(-1) ?? null)),
    take: (message) => {
      if (filter !== undefined && !filter(message)) return;
      bytes += JSON.stringify(message).length;
      if (consumed.length >= SUBSCRIPTION_MESSAGES_MAX || bytes > OUTPUT_BYTES_MAX) throw new ExpressionFailed(`the subscription consumed more than ${SUBSCRIPTION_MESSAGES_MAX} messages or ${OUTPUT_BYTES_MAX} bytes; consume fewer at a time`);
      consumed.push(message);
      over = consumed.length >= amount || (goOn !== undefined && !goOn(message));
    },
  };
}

type Condition = (message: JsonValue) => boolean;

function conditionOf(given: JsonValue | undefined, consumed: readonly JsonValue[]): Condition | undefined {
  if (!isObject(given)) return undefined;
  const source = String(given['source']);
  const variables = isObject(given['variables']) ? given['variables'] : {};
  const names = Object.keys(variables);
  const compiled = compileJq(source, { variables: names });
  if (compiled.kind === 'refused') throw new ExpressionFailed(`${source}: ${compiled.message}`);
  return (message) => holds(compiled.program, source, message, names.map((name) => (name === 'context' ? withConsumed(variables[name] ?? null, consumed) : (variables[name] ?? null))));
}

function withConsumed(context: JsonValue, consumed: readonly JsonValue[]): JsonValue {
  return context === null || isObject(context) ? { consumedMessages: consumed, ...context } : context;
}

function holds(program: JqProgram, source: string, message: JsonValue, values: readonly JsonValue[]): boolean {
  const budget = { fuel: EXPRESSION_FUEL_MAX, allocation: EXPRESSION_ALLOCATION_MAX, depth: EXPRESSION_DEPTH_MAX, nowSeconds: Date.now() / 1000 };
  const result = program.first(message, values, budget);
  if (result.kind === 'error') throw new ExpressionFailed(`${result.message} (in \`${source}\`)`);
  return result.kind === 'value' && result.value !== false && result.value !== null;
}
