import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { startSmtpSink, type SmtpSink } from './smtp-sink.ts';

let sink: SmtpSink;
let socket: Socket;
let lines: AsyncIterator<string>;

beforeEach(async () => {
  sink = await startSmtpSink({ answerRecipient: (address) => (address.startsWith('nobody@') ? { kind: 'refuse', code: 550 } : { kind: 'accept' }) });
  socket = connect(sink.port, '127.0.0.1');
  socket.on('error', () => undefined);
  lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  await answer();
});
afterEach(async () => {
  socket.destroy();
  await sink.close();
});

/** The last line of the next reply; undefined when the connection is gone. */
async function answer(): Promise<string | undefined> {
  for (;;) {
    // A connection that was reset fails the iteration; one that ended finishes it.
    const next = await lines.next().catch(() => ({ done: true, value: undefined }) as const);
    if (next.done === true) return undefined;
    if (next.value[3] === ' ') return next.value;
  }
}
async function say(line: string): Promise<string | undefined> {
  socket.write(`${line}\r\n`);
  return answer();
}
async function envelope(to = 'ann@example.test'): Promise<string | undefined> {
  await say('EHLO test');
  await say('MAIL FROM:<millrace@example.test>');
  return say(`RCPT TO:<${to}>`);
}
const MESSAGE = 'Message-ID: <1@example.test>\r\nSubject: folded\r\n subject\r\n\r\nbody\r\n.';

test('a message is kept with its envelope, unfolded headers and text', async () => {
  await envelope();
  expect(await say('DATA')).toMatch(/^354/);
  expect(await say(MESSAGE)).toMatch(/^250/);
  expect(sink.delivered()).toMatchObject([
    { from: 'millrace@example.test', to: ['ann@example.test'], messageId: '<1@example.test>', subject: 'folded subject' },
  ]);
});

test('a message can be refused after its final dot', async () => {
  sink.answerWith(() => ({ kind: 'refuse', code: 451 }));
  await envelope();
  await say('DATA');
  expect(await say(MESSAGE)).toMatch(/^451/);
  expect(sink.delivered()).toEqual([]);
  expect(sink.mails).toHaveLength(1);
});

test('a recipient can be refused', async () => {
  expect(await envelope('nobody@example.test')).toMatch(/^550/);
});

test('a connection dropped after the final dot leaves the message recorded and no answer', async () => {
  sink.answerWith(() => ({ kind: 'drop' }));
  await envelope();
  await say('DATA');
  expect(await say(MESSAGE)).toBeUndefined();
  expect(sink.mails.map(({ answer: what }) => what.kind)).toEqual(['drop']);
});

test('a stall leaves the message recorded and the connection open', async () => {
  sink.answerWith(() => ({ kind: 'stall' }));
  await envelope();
  await say('DATA');
  socket.write(`${MESSAGE}\r\n`);
  await sink.waitFor(() => true);
  expect(socket.destroyed).toBe(false);
});
