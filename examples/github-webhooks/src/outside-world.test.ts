/** The HTTP service and the mail server of the example, as their clients see them. */
import { connect } from 'node:net';
import { fateOf, startClassifier } from './classifier-service.ts';
import { headerOf, startMailServer } from './mail-server.ts';

test('the same seed gives the same fates, and about 15 in 100 fail', () => {
  const fates = Array.from({ length: 2_000 }, (_, index) => fateOf('seed', 'push', `delivery-${index}`, 1));
  expect(fates).toEqual(Array.from({ length: 2_000 }, (_, index) => fateOf('seed', 'push', `delivery-${index}`, 1)));
  const failures = fates.filter((fate) => fate.fails).length;
  expect(failures).toBeGreaterThan(240);
  expect(failures).toBeLessThan(360);
  expect(Math.max(...fates.map((fate) => fate.delayMs))).toBeLessThanOrEqual(200);
});

test('the HTTP service answers a key once and gives the same answer again', async () => {
  const service = await startClassifier('seed');
  try {
    const ask = (): Promise<Response> => fetch(service.url, { method: 'POST', body: JSON.stringify({ delivery: 'd', event: 'push', action: '' }), headers: { 'idempotency-key': 'k' } });
    let answer = await ask();
    while (answer.status === 503) answer = await ask();
    expect(await answer.json()).toEqual({ priority: 'high' });
    expect((await ask()).status).toBe(200);
    expect(service.answered.get('d')).toBe(1);
  } finally {
    await service.close();
  }
});

test('the mail server keeps what it is handed', async () => {
  const server = await startMailServer();
  try {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const lines = ['EHLO localhost', 'MAIL FROM:<a@example.com>', 'RCPT TO:<b@example.com>', 'DATA', 'Subject: One\r\n  two\r\n\r\nHello\r\n.', 'QUIT'];
    socket.setEncoding('utf8').on('data', (text: string) => {
      // The last line of an answer has a space after its number.
      if (/^\d{3} /m.test(text)) socket.write(`${lines.shift() ?? ''}\r\n`);
    });
    expect(await server.arrived(1, 5_000)).toBe(true);
    expect(server.mails[0]).toMatchObject({ to: ['b@example.com'], subject: 'One two' });
    socket.destroy();
  } finally {
    await server.close();
  }
});

test('a header is found whatever its case, and not in the body', () => {
  expect(headerOf('subject: a\r\nTo: b\r\n\r\nMessage-ID: no', 'Subject')).toBe('a');
  expect(headerOf('subject: a\r\n\r\nMessage-ID: no', 'Message-ID')).toBe('');
});
