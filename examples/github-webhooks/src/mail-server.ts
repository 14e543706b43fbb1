/** A real SMTP server that keeps what it is handed. */
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface Mail {
  readonly to: readonly string[];
  readonly subject: string;
  /** As it came, headers included. */
  readonly source: string;
}

export interface MailServer {
  /** `smtp://127.0.0.1:PORT`. */
  readonly url: string;
  readonly mails: readonly Mail[];
  /** Resolves when there are so many mails; false after `timeoutMs`. */
  arrived(count: number, timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
}

export async function startMailServer(): Promise<MailServer> {
  const mails: Mail[] = [];
  const listeners = new Set<() => void>();
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const source = Buffer.concat(chunks).toString('utf8');
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), subject: headerOf(source, 'subject'), source });
        done();
        for (const listener of [...listeners]) listener();
      });
    },
  });
  // A connection that breaks is the client's to repeat.
  server.on('error', () => undefined);
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    arrived: (count, timeoutMs) =>
      new Promise((settle) => {
        const end = (there: boolean): void => {
          clearTimeout(timer);
          listeners.delete(look);
          settle(there);
        };
        const look = (): void => {
          if (mails.length >= count) end(true);
        };
        const timer = setTimeout(() => end(false), timeoutMs);
        listeners.add(look);
        look();
      }),
    close: () => new Promise((settle) => server.close(() => settle())),
  };
}

/** A header's value, unfolded; empty when there is none. */
export function headerOf(source: string, name: string): string {
  const head = source.split(/\r?\n\r?\n/, 1)[0] ?? '';
  const line = head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/).find((each) => each.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line?.slice(name.length + 1).trim() ?? '';
}
