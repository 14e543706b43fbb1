/**
 * One mail over one SMTP connection, with certainty about how far it came.
 *
 * The message's stream is read only after the server has answered 354 to DATA. Until then nothing can have been
 * accepted; afterwards only the server's answer tells (RFC 5321 section 4.2.5).
 */
import { Readable } from 'node:stream';
import SMTPConnection, { type SMTPConnectionOptions } from 'nodemailer/lib/smtp-connection';

export interface SmtpTarget {
  /** Resolved and checked. */
  readonly address: string;
  /** As it was written: for TLS. */
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly requireTls: boolean;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly connectTimeoutMs: number;
  readonly silenceMs: number;
}

export interface SmtpEnvelope {
  readonly from: string;
  readonly to: readonly string[];
}

export type SmtpAnswer =
  | { readonly kind: 'accepted'; readonly response: string; readonly accepted: readonly string[]; readonly rejected: readonly string[] }
  /** The server said no, or was not reached: it has not taken the message. `code` is 0 without an answer. */
  | { readonly kind: 'refused'; readonly code: number; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string };

/** Sends `raw`; aborting breaks the connection off. Never rejects. */
export async function exchange(target: SmtpTarget, envelope: SmtpEnvelope, raw: Buffer, signal: AbortSignal): Promise<SmtpAnswer> {
  let begun = false;
  const connection = new SMTPConnection(optionsOf(target));
  const abort = (): void => connection.close();
  // The listener stays: a connection may break a second time, when nobody waits for it any more.
  const broken = new Promise<never>((_resolve, reject) => {
    connection.on('error', reject);
    connection.once('end', () => reject(new Error('the connection ended')));
  });
  broken.catch(() => undefined);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([new Promise<void>((resolve) => connection.connect(() => resolve())), broken]);
    const { credentials } = target;
    if (credentials !== undefined) {
      await Promise.race([called<void>((done) => connection.login({ user: credentials.username, pass: credentials.password }, (error) => done(error, undefined))), broken]);
    }
    const message = new Readable({
      read() {
        begun = true;
        this.push(raw);
        this.push(null);
      },
    });
    const info = await Promise.race([
      called<SmtpInfo>((done) => connection.send({ from: envelope.from, to: [...envelope.to] }, message, (error, sent) => done(error, sent as unknown as SmtpInfo))),
      broken,
    ]);
    connection.quit();
    return { kind: 'accepted', response: info.response ?? '', accepted: info.accepted ?? [], rejected: info.rejected ?? [] };
  } catch (error) {
    connection.close();
    const { responseCode, message } = error as { readonly responseCode?: number; readonly message: string };
    if (responseCode !== undefined) return { kind: 'refused', code: responseCode, message };
    return begun ? { kind: 'unknown', message } : { kind: 'refused', code: 0, message };
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

interface SmtpInfo {
  readonly response?: string;
  readonly accepted?: readonly string[];
  readonly rejected?: readonly string[];
}

function called<T>(start: (done: (error: unknown, value: T | undefined) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value as T))));
}

function optionsOf(target: SmtpTarget): SMTPConnectionOptions {
  return {
    host: target.address,
    port: target.port,
    secure: target.secure,
    requireTLS: target.requireTls,
    connectionTimeout: target.connectTimeoutMs,
    greetingTimeout: target.silenceMs,
    socketTimeout: target.silenceMs,
    servername: target.host,
    tls: { servername: target.host },
    name: 'millrace',
  };
}
