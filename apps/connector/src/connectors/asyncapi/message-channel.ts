/** What a protocol does for AsyncAPI calls: one message out, or messages in until nobody wants more. */
import type { Credentials } from '../../auth/credentials.ts';
import type { JsonObject, JsonValue, OperationCall } from '../../manifest.ts';
import type { HttpAccess } from '../http/http-exchange.ts';
import type { AsyncOperation } from './async-operation.ts';

/** A message as it goes out; `key` stays the same over attempts. */
export interface OutboundMessage {
  readonly payload: JsonValue;
  readonly headers: Readonly<Record<string, string>>;
}

/** A message as expressions see it (DSL reference, AsyncAPI Inbound Message). */
export interface InboundMessage extends JsonObject {
  readonly payload: JsonValue;
  readonly headers: JsonObject;
}

export interface ChannelAccess extends HttpAccess {
  readonly call: OperationCall;
  readonly operation: AsyncOperation;
  readonly credentials: Credentials;
}

export interface MessageChannel {
  /** Resolves when the other side has it, as far as the protocol says. */
  publish(access: ChannelAccess, message: OutboundMessage): Promise<void>;
  /** Messages as they come, until the signal is aborted; `ready` is called when none is missed any more. */
  subscribe(access: ChannelAccess, signal: AbortSignal, ready: () => void): AsyncIterable<InboundMessage>;
}

/** The channel cannot be used like that; a sentence for the failure's detail. */
export class ChannelRefused extends Error {}

/** The other side said no, by a status of HTTP. */
export class ChannelStatus extends Error {
  readonly status: number;

  constructor(status: number, what: string) {
    super(`${what} answered ${status}`);
    this.status = status;
  }
}

/** `execution/run/activation` (E5). */
export function keyOf({ step }: OperationCall): string {
  return `${step.execution}/${step.run}/${step.activation}`;
}

/** A payload as it came: JSON where it is, text where it is UTF-8, base64 otherwise. */
export function inbound(bytes: Uint8Array, headers: Readonly<Record<string, string>>): InboundMessage {
  const correlationId = Object.entries(headers).find(([name]) => /^(x-)?correlation-?id$/i.test(name))?.[1];
  return { payload: payloadOf(bytes), headers, ...(correlationId === undefined ? {} : { correlationId }) };
}

function payloadOf(bytes: Uint8Array): JsonValue {
  if (bytes.length === 0) return null;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString('base64');
  }
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

/** A text goes as it is, anything else as JSON. */
export function outboundText(payload: JsonValue): string {
  return typeof payload === 'string' ? payload : JSON.stringify(payload);
}

/** Messages that callbacks bring, as an iterable; bounded, so that a flood ends the call rather than the process. */
export class MessageQueue implements AsyncIterable<InboundMessage> {
  readonly #waiting: InboundMessage[] = [];
  readonly #lengthMax: number;
  #wake: () => void = () => undefined;
  #ended = false;
  #error: Error | undefined;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  push(message: InboundMessage): void {
    if (this.#waiting.length >= this.#lengthMax) return this.end(new ChannelRefused(`more than ${this.#lengthMax} messages wait`));
    this.#waiting.push(message);
    this.#wake();
  }

  end(error?: Error): void {
    this.#ended = true;
    this.#error ??= error;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<InboundMessage> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) yield message;
      else if (this.#error !== undefined) throw this.#error;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
