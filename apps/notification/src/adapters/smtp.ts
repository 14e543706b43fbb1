/**
 * Sending through an SMTP server: a pool of connections (nodemailer).
 *
 * Owns: the pool, composing the message, and telling from what happened on the wire what is known (SmtpAnswer).
 * Does not own: retries. The pool's own are off: it cannot know whether a message was taken, and we do.
 *
 * Invariant: an attempt without an answer is `lost-after-end` exactly when the whole message had been handed to the
 * connection, which then writes the final dot; in every other case the server cannot have taken it (RFC 5321 4.1.1.4).
 * What the system's buffers still held then, nobody can tell: such a message counts as handed over.
 */
import { createTransport, type MailMessage, type NodemailerError } from 'nodemailer';
import type { SmtpAnswer, SmtpPhase } from '@millrace/delivery';
import type { MailTransport, MailTransports, OutgoingMail, SendResult } from '../ports.ts';

/** How long each step before the message may take, in milliseconds. */
export const SMTP_CONNECT_TIMEOUT_MS = 10_000;
export const SMTP_GREETING_TIMEOUT_MS = 10_000;
export const SMTP_DNS_TIMEOUT_MS = 5_000;
/** An idle connection is closed after this, in milliseconds. */
export const SMTP_IDLE_TIMEOUT_MS = 30_000;

export interface SmtpOptions {
  /** `smtp://` or `smtps://`, with user and password where the server wants them. */
  readonly url: string;
  /** The From header; its address is the envelope's sender too. */
  readonly from: string;
  readonly connections: number;
  readonly messagesPerConnection: number;
  /** No byte for so long ends an attempt, in milliseconds. */
  readonly silenceTimeoutMs: number;
}

/** How far the message itself had come. */
interface Progress {
  /** Set once a connection has taken it up. */
  begun: boolean;
  readonly onBegun: () => void;
  /** Set once the connection has read all of it. */
  wholeMessage: boolean;
}

/** One server for every organisation; none when `options` is undefined. */
export function createMailTransports(options: SmtpOptions | undefined): MailTransports {
  const transport = options === undefined ? undefined : createSmtpTransport(options);
  return {
    of: () => transport,
    close: () => transport?.close(),
  };
}

export function createSmtpTransport(options: SmtpOptions): MailTransport {
  /** By Message-ID: one delivery has one attempt at a time, here as everywhere. */
  const underWay = new Map<string, Progress>();
  const pool = createTransport({
    url: options.url,
    pool: true,
    maxConnections: options.connections,
    maxMessages: options.messagesPerConnection,
    maxRequeues: 0,
    idleTimeout: SMTP_IDLE_TIMEOUT_MS,
    connectionTimeout: SMTP_CONNECT_TIMEOUT_MS,
    greetingTimeout: SMTP_GREETING_TIMEOUT_MS,
    dnsTimeout: SMTP_DNS_TIMEOUT_MS,
    socketTimeout: options.silenceTimeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  pool.use('stream', (mail: MailMessage, done: (error?: Error | null) => void) => {
    watchProgress(mail, underWay);
    done();
  });
  // A connection that breaks while idle; a message under way hears of it by itself.
  pool.on('error', () => undefined);

  return {
    concurrency: options.connections,
    async send(mail, signal, onBegun) {
      const progress: Progress = { begun: false, onBegun, wholeMessage: false };
      underWay.set(mail.messageId, progress);
      try {
        const info = await pool.sendMail({ ...compose(mail, options.from), signal });
        return { answer: { kind: 'accepted', response: info.response }, begun: true, serverUsable: true };
      } catch (error) {
        return failureOf(error as NodemailerError, progress);
      } finally {
        underWay.delete(mail.messageId);
      }
    },
    close: () => pool.close({ force: true } as never),
  };
}

/** The same bytes for every attempt: date, boundary and Message-ID follow from the delivery. */
function compose({ deliveryId, messageId, recipient, message, dateMs }: OutgoingMail, from: string): Parameters<ReturnType<typeof createTransport>['sendMail']>[0] {
  return {
    from,
    to: { name: recipient.name ?? '', address: recipient.address },
    subject: message.subject,
    ...(message.text === undefined ? {} : { text: message.text }),
    ...(message.html === undefined ? {} : { html: message.html }),
    messageId,
    date: new Date(dateMs),
    baseBoundary: messageId.slice(1, 17),
    // RFC 3834: no auto-responder shall answer.
    headers: { 'Millrace-Delivery': deliveryId, 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function watchProgress(mail: MailMessage, underWay: ReadonlyMap<string, Progress>): void {
  const node = mail.message;
  const progress = underWay.get(String(mail.data.messageId));
  if (!node || progress === undefined) return;
  const createReadStream = node.createReadStream.bind(node);
  node.createReadStream = (...parameters: Parameters<typeof createReadStream>) => {
    const stream = createReadStream(...parameters);
    progress.begun = true;
    progress.onBegun();
    // Read last by the connection, which gives its final dot right after.
    stream.once('end', () => {
      progress.wholeMessage = true;
    });
    return stream;
  };
}

function failureOf(error: NodemailerError, progress: Progress): SendResult {
  const { begun } = progress;
  const phase = phaseOf(error.command ?? '', error.code);
  if (typeof error.responseCode === 'number' && error.responseCode >= 400) {
    const answer: SmtpAnswer = { kind: 'refused', code: error.responseCode, response: error.response ?? error.message, phase };
    return { answer, begun, serverUsable: phase !== 'connection' && phase !== 'authentication' };
  }
  if (error.code === 'EENVELOPE' || error.code === 'EMESSAGE') return { answer: { kind: 'unsendable', message: error.message }, begun, serverUsable: true };
  const late = begun ? 'the time for the attempt was over' : 'there was no connection to the mail server in time';
  const message = error.code === 'EABORT' ? late : error.message;
  if (progress.wholeMessage) return { answer: { kind: 'lost-after-end', message: `no answer to the message: ${message}` }, begun, serverUsable: true };
  return { answer: { kind: 'lost-before-end', message }, begun, serverUsable: false };
}

function phaseOf(command: string, code: string | undefined): SmtpPhase {
  if (command.startsWith('AUTH') || code === 'EAUTH' || code === 'ENOAUTH' || code === 'EOAUTH2') return 'authentication';
  switch (command) {
    case 'MAIL FROM':
      return 'sender';
    case 'RCPT TO':
      return 'recipient';
    case 'DATA':
      return 'content';
    default:
      return 'connection';
  }
}
