/**
 * Replies from orchestrators: one subscription for the process, one subject for each request that waits.
 *
 * A reply is not stored anywhere: when this process or its connection is gone, it is lost, and the request it
 * was for is answered with the execution's id at its deadline.
 */
import { randomBytes } from 'node:crypto';
import type { Bus } from '@millrace/bus';
import type { Reply } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import type { ReplyInbox } from '../ports.ts';

/** Requests that may wait for their executions' ends at once. */
export const WAITING_REQUESTS_MAX = 20_000;

export function openReplyInbox(bus: Bus, logger: Logger): ReplyInbox {
  const prefix = `_INBOX.millrace-trigger-${randomBytes(12).toString('hex')}`;
  const waiting = new Map<string, (reply: Reply | undefined) => void>();
  let count = 0;

  const subscription = bus.connection.subscribe(`${prefix}.*`, {
    callback: (error, message) => {
      if (error !== null) return;
      const deliver = waiting.get(message.subject);
      if (deliver === undefined) return;
      waiting.delete(message.subject);
      try {
        deliver(message.json<Reply>());
      } catch (broken) {
        logger.error('A reply from an orchestrator cannot be read', { error: broken });
      }
    },
  });

  return {
    open(onReply) {
      if (waiting.size >= WAITING_REQUESTS_MAX) {
        throw new MillraceError('limit-exceeded', { message: `${WAITING_REQUESTS_MAX} requests wait for the output of their executions already; send again later` });
      }
      count += 1;
      const subject = `${prefix}.${count}`;
      waiting.set(subject, onReply);
      return { subject, close: () => void waiting.delete(subject) };
    },
    close() {
      subscription.unsubscribe();
      for (const deliver of waiting.values()) deliver(undefined);
      waiting.clear();
    },
  };
}
