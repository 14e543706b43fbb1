/** The logs of lanes in JetStream: one stream and one subject each. */
import { createInbox, headers, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import { ensureStream, inputStream, isStreamMissing, laneStream, laneSubject, readStream, type Bus } from '@millrace/bus';
import type { Answer, OpenLogStream } from '@millrace/lane';

const WRONG_LAST_SEQUENCE: ReadonlySet<number> = new Set([10071, 10164]);

/** An inbox of each lane's own: a request of the client makes a timer, a token and an error for each frame. */
export function openLogStreams(bus: Bus): OpenLogStream {
  return async (lane, answered, signal) => {
    const stream = laneStream(lane);
    const subject = laneSubject(lane);
    // No size limit in NATS: it would reserve the space, and refuse results too. The lane keeps its budget itself.
    await ensureStream(bus, { name: stream, subjects: [subject], duplicateWindowMs: 1_000 });
    const inbox = createInbox();
    const subscription = bus.connection.subscribe(inbox, { callback: (error, message) => answered(error === null ? answerOf(message) : { kind: 'unknown' }) });
    // An answer never comes over another connection than its request, so a lost connection need not be waited out.
    const forget = bus.onStatus((status) => {
      if (status !== 'connected') answered({ kind: 'unknown' });
    });
    const close = (): void => {
      forget();
      subscription.unsubscribe();
    };
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
    return {
      send: (bytes, expected) => bus.connection.publish(subject, bytes, { headers: expectation(stream, expected), reply: inbox }),
      async last() {
        try {
          const message = await bus.manager.streams.getMessage(stream, { last_by_subj: subject });
          return message === null ? null : { sequence: message.seq, data: message.data };
        } catch (error) {
          if (isMissingMessage(error)) return null;
          throw error;
        }
      },
      first: async () => (await bus.manager.streams.info(stream)).state.first_seq,
      bytes: async () => (await bus.manager.streams.info(stream)).state.bytes,
      read: (from, ending) => readStream(bus, { stream, from, signal: ending }),
      async forgetBelow(sequence) {
        await bus.manager.streams.purge(stream, { seq: sequence });
      },
      async forgetInputs(sequence) {
        await bus.manager.streams.purge(inputStream(lane), { seq: sequence + 1 });
      },
      isGone: isStreamMissing,
    };
  };
}

function answerOf(message: Msg): Answer {
  // Without a body it is the server saying that nobody listens.
  if (message.data.length === 0) return { kind: 'unknown' };
  const answer = message.json<{ readonly seq?: number; readonly error?: { readonly code: number; readonly err_code: number; readonly description: string } }>();
  if (answer.error === undefined) return answer.seq === undefined ? { kind: 'unknown' } : { kind: 'landed', sequence: answer.seq };
  if (WRONG_LAST_SEQUENCE.has(answer.error.err_code) || /duplicate|in process|wrong last/i.test(answer.error.description)) return { kind: 'conflict' };
  if (answer.error.code === 503 || answer.error.code === 408 || answer.error.code === 500) return { kind: 'unknown' };
  return { kind: 'refused', detail: `${answer.error.description} (${answer.error.err_code})` };
}

function expectation(stream: string, sequence: number): MsgHdrs {
  const head = headers();
  head.set('Nats-Expected-Stream', stream);
  head.set('Nats-Expected-Last-Subject-Sequence', String(sequence));
  return head;
}

function isMissingMessage(error: unknown): boolean {
  return error instanceof Error && /no message found/i.test(error.message);
}
