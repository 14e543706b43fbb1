/**
 * Dead letters: messages that no service can read, kept until somebody looks at them.
 *
 * Owns the stream and what is done with its messages. Does not own who decides that a message can never be read.
 *
 * D1 A message leaves the stream that it came on only once it is here; kept twice it is one letter for two minutes.
 * D2 A letter that is sent again leaves once the stream that it came on has it; sent twice it is one message for as
 *    long as that stream recognises repeats.
 * D3 Letters go after DEAD_LETTERS_AGE_MS_MAX, or the oldest when there are more than DEAD_LETTERS_BYTES_MAX: what
 *    cannot be read must not fill the disk (E6).
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { MillraceError } from '@millrace/errors';
import type { Bus } from './connection.ts';
import { ensureStream, type StreamSpecification } from './stream.ts';
import { deadLetterSubject, DEAD_LETTERS_STREAM, DEAD_LETTERS_SUBJECTS } from './subjects.ts';

/** Disk for dead letters, in bytes. NATS reserves it. */
export const DEAD_LETTERS_BYTES_MAX = 64 * 1024 * 1024;
/** How long a dead letter is kept, in milliseconds. */
export const DEAD_LETTERS_AGE_MS_MAX = 30 * 24 * 3_600_000;
/** Longest reason, in characters. */
export const DEAD_LETTER_REASON_CHARACTERS_MAX = 500;
/** Largest text with which a letter is sent again, in bytes. */
export const DEAD_LETTER_TEXT_BYTES_MAX = 1024 * 1024;
/** Text of one page, in characters; a longer letter is a page of its own. */
export const DEAD_LETTER_PAGE_CHARACTERS_MAX = 1024 * 1024;
const PUBLISH_TIMEOUT_MS = 5_000;
const HEADER = { stream: 'Millrace-Dead-Stream', subject: 'Millrace-Dead-Subject', reason: 'Millrace-Dead-Reason' } as const;
/** JetStream's code for a message that is not there. */
const NO_MESSAGE = 10_037;
/** And for a stream that is not there: there has never been a letter. */
const NO_STREAM = 10_059;

export const deadLettersStreamConfig: StreamSpecification = { name: DEAD_LETTERS_STREAM, subjects: [DEAD_LETTERS_SUBJECTS], maxBytes: DEAD_LETTERS_BYTES_MAX, maxAgeMs: DEAD_LETTERS_AGE_MS_MAX, discard: 'old' };

export interface DeadLetter {
  /** Its place in the stream, as text. */
  readonly id: string;
  /** What it came on, and is sent to again. */
  readonly stream: string;
  readonly subject: string;
  /** Why it could not be read. */
  readonly reason: string;
  readonly keptAtMs: number;
  /** As it came; bytes that are no UTF-8 are replaced. */
  readonly text: string;
}

/** A message that came on a stream and cannot be read. */
export interface UnreadableMessage {
  readonly stream: string;
  /** Its sequence there. */
  readonly sequence: number;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reason: string;
}

export interface DeadLetters {
  /** Resolves once it is durable. `organisation` undefined: whose it is cannot be read, and operators alone see it. */
  keep(organisation: string | undefined, message: UnreadableMessage): Promise<void>;
  /** The oldest first. `organisation` undefined: those of nobody. `cursor` as a page gave it, empty at first and at the end. */
  list(organisation: string | undefined, cursor: string, limit: number): Promise<{ readonly letters: readonly DeadLetter[]; readonly cursor: string }>;
  /** @throws MillraceError `resource-unknown`. */
  get(organisation: string | undefined, id: string): Promise<DeadLetter>;
  /** Sends it where it came from, as it is or with another text. @throws MillraceError `resource-unknown`, `payload-too-large`, `bus-failed`. */
  requeue(organisation: string | undefined, id: string, text?: string): Promise<DeadLetter>;
  /** How many there are, of all organisations and of nobody. @throws MillraceError `bus-failed`. */
  count(): Promise<number>;
  /** @throws MillraceError `resource-unknown`. */
  remove(organisation: string | undefined, id: string): Promise<void>;
}

interface Found {
  readonly letter: DeadLetter;
  readonly subject: string;
  readonly data: Uint8Array;
}

export function createDeadLetters(bus: Bus): DeadLetters {
  let ensured: Promise<void> | undefined;
  const ready = async (): Promise<void> => {
    ensured ??= ensureStream(bus, deadLettersStreamConfig);
    try {
      await ensured;
    } catch (error) {
      ensured = undefined;
      throw error;
    }
  };

  /** The letter at the sequence, or the next one of the subject from there on. */
  async function read(query: { readonly seq: number; readonly next_by_subj?: string }): Promise<Found | undefined> {
    try {
      const found = await bus.manager.streams.getMessage(DEAD_LETTERS_STREAM, query as Parameters<typeof bus.manager.streams.getMessage>[1]);
      if (found === null) return undefined;
      const header = (name: string): string => found.header?.get(name) ?? '';
      return { subject: found.subject, data: found.data, letter: { id: String(found.seq), stream: header(HEADER.stream), subject: header(HEADER.subject), reason: header(HEADER.reason), keptAtMs: found.time.getTime(), text: Buffer.from(found.data).toString('utf8') } };
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return undefined;
      throw MillraceError.from(error, 'bus-failed', { message: `Dead letters could not be read: ${(error as Error).message}` });
    }
  }

  async function find(organisation: string | undefined, id: string): Promise<Found> {
    await ready();
    const sequence = /^[1-9]\d{0,14}$/.test(id) ? Number(id) : 0;
    const found = sequence === 0 ? undefined : await read({ seq: sequence });
    if (found?.subject !== deadLetterSubject(organisation)) throw new MillraceError('resource-unknown', { message: `There is no dead letter ${id.slice(0, 32)}; it may have been sent again, removed, or forgotten` });
    return found;
  }

  const forget = async (id: string): Promise<void> => void (await bus.manager.streams.deleteMessage(DEAD_LETTERS_STREAM, Number(id), false));

  return {
    async keep(organisation, { stream, sequence, subject, data, reason }) {
      await ready();
      const header = headers();
      header.set(HEADER.stream, stream);
      header.set(HEADER.subject, subject);
      header.set(HEADER.reason, reason.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, DEAD_LETTER_REASON_CHARACTERS_MAX));
      await bus.jetstream.publish(deadLetterSubject(organisation), data, { msgID: `${stream}/${sequence}`, timeout: PUBLISH_TIMEOUT_MS, headers: header });
    },
    async list(organisation, cursor, limit) {
      await ready();
      const letters: DeadLetter[] = [];
      let characters = 0;
      for (let next = /^\d{1,15}$/.test(cursor) ? Number(cursor) : 1; ; ) {
        const found = await read({ seq: next, next_by_subj: deadLetterSubject(organisation) });
        if (found === undefined) return { letters, cursor: '' };
        characters += found.letter.text.length;
        if (letters.length === limit || (letters.length > 0 && characters > DEAD_LETTER_PAGE_CHARACTERS_MAX)) return { letters, cursor: found.letter.id };
        letters.push(found.letter);
        next = Number(found.letter.id) + 1;
      }
    },
    async count() {
      try {
        return (await bus.manager.streams.info(DEAD_LETTERS_STREAM)).state.messages;
      } catch (error) {
        if (error instanceof JetStreamApiError && error.code === NO_STREAM) return 0;
        throw MillraceError.from(error, 'bus-failed', { message: `Dead letters could not be counted: ${(error as Error).message}` });
      }
    },
    get: async (organisation, id) => (await find(organisation, id)).letter,
    async requeue(organisation, id, text) {
      const { letter, data } = await find(organisation, id);
      const sent = text ?? data;
      if (Buffer.byteLength(sent) > DEAD_LETTER_TEXT_BYTES_MAX) throw new MillraceError('payload-too-large', { message: `A dead letter is sent again with at most ${DEAD_LETTER_TEXT_BYTES_MAX} bytes` });
      try {
        await bus.jetstream.publish(letter.subject, sent, { msgID: `dead/${letter.id}`, timeout: PUBLISH_TIMEOUT_MS, expect: { streamName: letter.stream } });
        await forget(letter.id);
      } catch (error) {
        throw MillraceError.from(error, 'bus-failed', { message: `The dead letter ${letter.id} could not be sent to ${letter.subject}: ${(error as Error).message}` });
      }
      return letter;
    },
    async remove(organisation, id) {
      await forget((await find(organisation, id)).letter.id);
    },
  };
}
