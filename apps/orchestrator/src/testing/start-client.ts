/**
 * Starts executions as the gateway does: at the owner of their lane, again and with the same id until it is known
 * what became of them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { newExecutionId, type LaneDirectory } from '@millrace/bus';
import { ExecutionsClient, type Start, type Started as Answer, type StartedBatch } from '@millrace/contracts/orchestrator/v1/executions';

/** Between tries, in milliseconds. */
const RETRY_MS = 50;

export interface StartRequest {
  readonly workflow: string;
  readonly input?: unknown;
  /** JSON text; instead of `input`. */
  readonly inputJson?: string;
  readonly organisation?: string;
  readonly id?: string;
  readonly key?: string;
  /** Sent before, by a caller that is gone. */
  readonly resent?: boolean;
}

export interface Ended {
  readonly status: string;
  readonly outputJson: string;
  readonly detail: string;
}

export interface StartedExecution {
  readonly id: string;
  /** Whether it had been started before; rejects with the reason of a refusal. */
  readonly accepted: Promise<boolean>;
  readonly ended: Promise<Ended>;
}

export interface StartClient {
  start(request: StartRequest): StartedExecution;
  close(): void;
}

interface Pending {
  readonly start: Omit<Start, 'number' | 'resent'>;
  sent: boolean;
  accept(existing: boolean): void;
  end(ended: Ended): void;
  refuse(error: Error): void;
}

type Call = ReturnType<ExecutionsClient['start']>;

export function createStartClient(directory: LaneDirectory): StartClient {
  const streams = new Map<string, { readonly client: ExecutionsClient; readonly call: Call; readonly pending: Map<number, Pending> }>();
  let numbers = 0;
  let closed = false;

  function streamTo(address: string) {
    const known = streams.get(address);
    if (known !== undefined) return known;
    const client = new ExecutionsClient(address, credentials.createInsecure(), { 'grpc.max_reconnect_backoff_ms': 200 });
    const stream = { client, call: client.start(), pending: new Map<number, Pending>() };
    const lose = (): void => {
      if (streams.get(address) !== stream) return;
      streams.delete(address);
      client.close();
      for (const each of stream.pending.values()) void again(each);
    };
    stream.call.on('data', ({ answers }: StartedBatch) => {
      for (const answer of answers) take(answer, stream.pending);
    });
    stream.call.on('error', lose);
    stream.call.on('end', lose);
    streams.set(address, stream);
    return stream;
  }

  function take({ number, answer }: Answer, pending: Map<number, Pending>): void {
    const each = pending.get(number);
    if (each === undefined) return;
    switch (answer?.$case) {
      case 'accepted':
        each.accept(answer.value.existing);
        return;
      case 'ended':
        pending.delete(number);
        each.end({ status: answer.value.status, outputJson: answer.value.outputJson, detail: answer.value.error?.detail ?? '' });
        return;
      case 'refused':
        pending.delete(number);
        if (answer.value.reason === 'lane-displaced') void again(each);
        else each.refuse(new Error(answer.value.reason));
        return;
      default:
    }
  }

  async function again(each: Pending): Promise<void> {
    await delay(RETRY_MS);
    send(each);
  }

  function send(each: Pending): void {
    if (closed) return;
    const lane = directory.laneOf(each.start.execution);
    const address = lane === undefined ? '' : (directory.claim(lane)?.address ?? '');
    if (address === '') {
      void again(each);
      return;
    }
    const stream = streamTo(address);
    numbers++;
    stream.pending.set(numbers, each);
    stream.call.write({ starts: [{ number: numbers, ...each.start, resent: each.sent }] });
    each.sent = true;
  }

  return {
    start({ workflow, input = null, inputJson = JSON.stringify(input), organisation = 'acme', id = newExecutionId(), key = '', resent = false }) {
      const accepted = deferred<boolean>();
      const ended = deferred<Ended>();
      // A test may look at one of the two alone.
      accepted.promise.catch(() => undefined);
      ended.promise.catch(() => undefined);
      send({
        start: { organisation, execution: id, workflow, inputJson, idempotencyKey: key, traceparent: '', acceptedAtMs: 0, wait: true, attach: false },
        sent: resent,
        accept: accepted.resolve,
        end: ended.resolve,
        refuse(error) {
          accepted.reject(error);
          ended.reject(error);
        },
      });
      return { id, accepted: accepted.promise, ended: ended.promise };
    },
    close() {
      closed = true;
      for (const { call, client } of streams.values()) {
        call.cancel();
        client.close();
      }
      streams.clear();
    },
  };
}

function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void; reject(error: Error): void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve: (value) => resolve(value), reject: (error) => reject(error) };
}
