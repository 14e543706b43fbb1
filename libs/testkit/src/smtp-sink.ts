/**
 * A real SMTP server on loopback that keeps every message it is handed and answers as the test says.
 *
 * Owns: the record of messages, those it refused included, and the ways to fail around the final dot.
 * Does not own: understanding MIME; headers are unfolded, the body stays as it came.
 */
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import { arrivalLog, type Await } from './arrival-log.ts';

/** Largest message that is kept, in bytes; a larger one is refused with 552. */
export const SINK_MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * What the sink does with a message or an address.
 * `stall` reads the message with its final dot and never answers; `drop` reads it and resets the connection.
 */
export type SinkAnswer =
  | { readonly kind: 'accept'; readonly delayMs?: number }
  | { readonly kind: 'refuse'; readonly code: number; readonly text?: string }
  | { readonly kind: 'stall' }
  | { readonly kind: 'drop' };

/** One message whose final dot arrived. */
export interface SunkMail {
  /** From 0, in order of arrival. */
  readonly index: number;
  readonly from: string;
  readonly to: readonly string[];
  /** Lower-case names; of a header that repeats, the first. */
  readonly headers: ReadonlyMap<string, string>;
  readonly messageId: string;
  readonly subject: string;
  /** The whole message as it came, headers included. */
  readonly raw: string;
  readonly atMs: number;
  /** What the sink decided to do with it. */
  readonly answer: SinkAnswer;
}

export interface SmtpSinkOptions {
  /** 0 takes a free one. */
  readonly port?: number;
  readonly answer?: (mail: Omit<SunkMail, 'answer'>) => SinkAnswer;
  /** Decides at RCPT TO; `stall` and `drop` act on the connection there. */
  readonly answerRecipient?: (address: string) => SinkAnswer;
}

export interface SmtpSink {
  /** `smtp://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** Every message whose final dot arrived, answered or not. */
  readonly mails: readonly SunkMail[];
  /** Those answered with 250. */
  delivered(): readonly SunkMail[];
  readonly waitFor: Await<SunkMail>;
  answerWith(answer: (mail: Omit<SunkMail, 'answer'>) => SinkAnswer): void;
  close(): Promise<void>;
}

/** Starts the sink on 127.0.0.1, without TLS and without log-in. */
export async function startSmtpSink(options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const log = arrivalLog<SunkMail>();
  let answer = options.answer ?? ((): SinkAnswer => ({ kind: 'accept' }));
  const answerRecipient = options.answerRecipient ?? ((): SinkAnswer => ({ kind: 'accept' }));

  /** Destroys the socket of that session; smtp-server keeps it on the connection only. */
  const drop = (session: SMTPServerSession): void => {
    for (const connection of server.connections) {
      if (connection.session === session) destroySocket(connection);
    }
  };

  const perform = (what: SinkAnswer, session: SMTPServerSession, done: (error?: Error | null) => void): void => {
    switch (what.kind) {
      case 'accept':
        if (what.delayMs === undefined) done();
        else setTimeout(done, what.delayMs);
        return;
      case 'refuse':
        done(Object.assign(new Error(what.text ?? 'refused by the test'), { responseCode: what.code }));
        return;
      case 'drop':
        drop(session);
        return;
      case 'stall':
        return;
    }
  };

  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    size: SINK_MESSAGE_BYTES_MAX,
    closeTimeout: 1,
    onRcptTo: (address, session, done) => perform(answerRecipient(address.address), session, done),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.once('end', () => {
        if (stream.sizeExceeded) {
          done(Object.assign(new Error('message too large'), { responseCode: 552 }));
          return;
        }
        const raw = Buffer.concat(chunks).toString('utf8');
        const headers = parseHeaders(raw);
        const mail = {
          index: log.entries.length,
          from: session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address,
          to: session.envelope.rcptTo.map((recipient) => recipient.address),
          headers,
          messageId: headers.get('message-id') ?? '',
          subject: headers.get('subject') ?? '',
          raw,
          atMs: Date.now(),
        };
        const what = answer(mail);
        log.add({ ...mail, answer: what });
        perform(what, session, done);
      });
    },
  });
  // A peer that was killed resets its connection; that is what the tests do.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;

  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    mails: log.entries,
    delivered: () => log.entries.filter((mail) => mail.answer.kind === 'accept'),
    waitFor: log.waitFor,
    answerWith(next) {
      answer = next;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of server.connections) destroySocket(connection);
      await closed;
    },
  };
}

/** smtp-server types its socket as internal. */
function destroySocket(connection: unknown): void {
  const { _socket: socket } = connection as { readonly _socket?: { resetAndDestroy?: () => void; destroy: () => void } };
  if (socket?.resetAndDestroy !== undefined) socket.resetAndDestroy();
  else socket?.destroy();
}

function parseHeaders(raw: string): ReadonlyMap<string, string> {
  const head = raw.split(/\r?\n\r?\n/, 1)[0] ?? '';
  const headers = new Map<string, string>();
  for (const line of head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return headers;
}
