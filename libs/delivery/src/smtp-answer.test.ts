import { classify, DETAIL_CHARS_MAX, type SmtpAnswer, type Verdict } from './index.ts';

const refused = (code: number, phase: Extract<SmtpAnswer, { kind: 'refused' }>['phase'], text = 'no'): SmtpAnswer => ({ kind: 'refused', code, phase, response: `${code} ${text}` });

test.each<[string, SmtpAnswer, Verdict['kind']]>([
  ['250 to the message', { kind: 'accepted', response: '250 OK queued' }, 'sent'],
  ['421 at any time', refused(421, 'connection'), 'deferred'],
  ['a greylisted recipient', refused(450, 'recipient'), 'deferred'],
  ['451 to the message', refused(451, 'content'), 'deferred'],
  ['535 to our credentials', refused(535, 'authentication'), 'deferred'],
  ['554 in place of a greeting', refused(554, 'connection'), 'deferred'],
  ['503, a session out of step', refused(503, 'content'), 'deferred'],
  ['552 to a recipient, which older servers say for 452', refused(552, 'recipient'), 'deferred'],
  ['550 to the recipient', refused(550, 'recipient'), 'bounced'],
  ['550 5.1.1 after the message', refused(550, 'content', '5.1.1 no such user'), 'bounced'],
  ['552 5.2.2 after the message', refused(552, 'content', '5.2.2 mailbox full'), 'bounced'],
  ['554 to the message', refused(554, 'content', '5.7.1 looks like spam'), 'failed'],
  ['550 to the sender', refused(550, 'sender'), 'failed'],
  ['a connection lost before the final dot', { kind: 'lost-before-end', message: 'reset' }, 'deferred'],
  ['a connection lost after the final dot', { kind: 'lost-after-end', message: 'reset' }, 'unknown'],
  ['a message that cannot be written', { kind: 'unsendable', message: 'no recipients' }, 'failed'],
])('%s is %#', (_name, answer, kind) => {
  expect(classify(answer).kind).toBe(kind);
});

test('the server’s words are kept in one line of bounded length', () => {
  expect(classify({ kind: 'accepted', response: '250 OK\r\n  queued' }).detail).toBe('250 OK queued');
  expect(classify({ kind: 'accepted', response: 'x'.repeat(9_000) }).detail).toHaveLength(DETAIL_CHARS_MAX);
});
