/**
 * Streams of starts to orchestrators, over gRPC: the only place that knows the messages of `Executions.Start`.
 *
 * Owns batching: what is sent in one turn of the event loop leaves as one message. While the stream does not
 * drain, messages wait here and the next batch grows; the router's limits bound them.
 */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { ExecutionsClient, Start, StartBatch, StartedBatch } from '@millrace/contracts/orchestrator/v1/executions';
import type { OwnerEvents, OwnerLink, OwnerLinks, StartOrder } from '../ports.ts';

/** Starts in one message. */
export const BATCH_STARTS_MAX = 1000;
/** Characters of text in one message, as a measure of its bytes (at most three times as many); one larger start goes alone. */
export const BATCH_CHARS_MAX = 512 * 1024;
/** How long a connection may take to come up, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 2_000;

/** @param clientOf gives the client for an address; it stays open for other calls. */
export function createOwnerLinks(clientOf: (address: string) => ExecutionsClient): OwnerLinks {
  const sent = new WeakSet<StartOrder>();
  return { open: (address, events) => openOwnerLink(clientOf(address), events, sent) };
}

/** @param sent what has gone to any owner so far: sent once more, the owner has to find out first whether it ran. */
function openOwnerLink(client: ExecutionsClient, events: OwnerEvents, sent: WeakSet<StartOrder>): OwnerLink {
  let call: ClientDuplexStream<StartBatch, StartedBatch> | undefined;
  let outbox: Start[] = [];
  let scheduled = false;
  let blocked = true;
  let over = false;

  function lose(reason: string): void {
    if (over) return;
    over = true;
    outbox = [];
    call?.cancel();
    events.lost(reason);
  }

  function schedule(): void {
    if (scheduled || blocked) return;
    scheduled = true;
    setImmediate(flush);
  }

  function flush(): void {
    scheduled = false;
    if (over || call === undefined) return;
    let from = 0;
    while (!blocked && from < outbox.length) {
      let chars = 0;
      let to = from;
      while (to < outbox.length && to - from < BATCH_STARTS_MAX) {
        chars += charactersOf(outbox[to]);
        if (to > from && chars > BATCH_CHARS_MAX) break;
        to += 1;
      }
      const starts = from === 0 && to === outbox.length ? outbox : outbox.slice(from, to);
      from = to;
      if (!call.write({ starts })) blocked = true;
    }
    outbox = from === outbox.length ? [] : outbox.slice(from);
  }

  client.waitForReady(Date.now() + CONNECT_TIMEOUT_MS, (error) => {
    if (over) return;
    if (error !== undefined) return lose('owner-unreachable');
    events.ready();
    const opened = client.start();
    call = opened;
    opened.on('data', (batch: StartedBatch) => {
      if (!over) deliver(batch, events);
    });
    opened.on('drain', () => {
      blocked = false;
      schedule();
    });
    opened.on('error', () => lose('owner-lost'));
    opened.on('end', () => lose('owner-lost'));
    blocked = false;
    if (outbox.length > 0) schedule();
  });

  return {
    send(number, order, attach) {
      if (over) return;
      outbox.push(startMessage(number, order, attach, sent.has(order)));
      sent.add(order);
      schedule();
    },
    close() {
      over = true;
      outbox = [];
      call?.cancel();
    },
  };
}

function charactersOf(start: Start | undefined): number {
  return start === undefined ? 0 : start.inputJson.length + start.idempotencyKey.length + start.workflow.length;
}

function startMessage(number: number, order: StartOrder, attach: boolean, resent: boolean): Start {
  return {
    number,
    organisation: order.organisation,
    execution: order.execution,
    workflow: order.workflow,
    inputJson: attach ? '' : order.inputJson,
    idempotencyKey: order.idempotencyKey,
    traceparent: order.traceparent,
    acceptedAtMs: order.acceptedAtMs,
    wait: order.wait,
    attach,
    resent,
  };
}

function deliver(batch: StartedBatch, events: OwnerEvents): void {
  for (const { number, answer } of batch.answers) {
    switch (answer?.$case) {
      case 'accepted':
        events.accepted(number, answer.value.existing);
        break;
      case 'ended':
        events.ended(number, { status: answer.value.status, outputJson: answer.value.outputJson, error: answer.value.error });
        break;
      case 'refused':
        events.refused(number, answer.value.reason, answer.value.message);
        break;
      case undefined:
        // A kind of answer that this release does not know; the one it knows comes as well.
        break;
    }
  }
}
