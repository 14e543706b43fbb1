import { startSmtpSink, type SmtpSink } from '@millrace/testkit';
import { createAddressGuard } from '../../address-guard.ts';
import { STEP_UNKNOWN_TYPE } from '../../failure.ts';
import { bench, type Bench } from '../../testing/run-operation.ts';
import { smtpConnector } from './smtp.ts';

let sink: SmtpSink;
const smtp = smtpConnector(createAddressGuard({ allowLoopback: true }), { allowPlainCredentials: true });
const runs: Bench = bench([smtp]);
const mail = (more: object = {}) => ({ url: sink.url, from: 'Millrace <a@example.org>', to: ['b@example.org', 'c@example.org'], subject: 'Grüße', text: 'Hello', ...more });

beforeAll(async () => {
  sink = await startSmtpSink({ answerRecipient: (address) => (address.startsWith('nobody') ? { kind: 'refuse', code: 550, text: 'no such user' } : { kind: 'accept' }) });
});
beforeEach(() => sink.answerWith(() => ({ kind: 'accept' })));
afterAll(() => sink.close());

test('sends a mail whose Message-ID follows from the step key', async () => {
  const output = await runs.output('smtp.send', mail({ cc: 'd@example.org', bcc: 'e@example.org', html: '<p>Hello</p>', headers: { 'X-A': 'b' } }), { execution: 'm1', activation: 5 });
  const sent = sink.mails.at(-1);
  expect(sent).toMatchObject({ from: 'a@example.org', to: ['b@example.org', 'c@example.org', 'd@example.org', 'e@example.org'] });
  expect(sent?.raw).not.toContain('e@example.org');
  expect(output).toMatchObject({ messageId: sent?.messageId, rejected: [] });
  const again = await runs.output('smtp.send', mail(), { execution: 'm1', activation: 5, attempt: 2 });
  expect(again).toMatchObject({ messageId: sent?.messageId });
  const other = await runs.output('smtp.send', mail(), { execution: 'm1', activation: 6 });
  expect(other).not.toMatchObject({ messageId: sent?.messageId });
});

test('an address that the server refuses is reported when others were taken', async () => {
  expect(await runs.output('smtp.send', mail({ to: ['b@example.org', 'nobody@example.org'] }))).toMatchObject({ accepted: ['b@example.org'], rejected: ['nobody@example.org'] });
  expect(await runs.failure('smtp.send', mail({ to: 'nobody@example.org' }))).toMatchObject({ status: 422, detail: expect.stringContaining('no such user') });
});

test('a refused message did nothing: the failure is certain', async () => {
  sink.answerWith(() => ({ kind: 'refuse', code: 451 }));
  expect(await runs.failure('smtp.send', mail())).toMatchObject({ status: 503, type: expect.stringContaining('communication') });
});

test('a connection lost after the message leaves the step unknown', async () => {
  sink.answerWith(() => ({ kind: 'drop' }));
  expect(await runs.failure('smtp.send', mail())).toMatchObject({ type: STEP_UNKNOWN_TYPE, status: 409, detail: expect.stringContaining('after the message') });
});

test('an answer that does not come in time leaves the step unknown; told to resend it is a timeout, to skip an output', async () => {
  sink.answerWith(() => ({ kind: 'stall' }));
  expect(await runs.failure('smtp.send', mail(), { timeoutMs: 300 })).toMatchObject({ type: STEP_UNKNOWN_TYPE });
  expect(await runs.failure('smtp.send', mail({ onUnknown: 'resend' }), { timeoutMs: 300 })).toMatchObject({ status: expect.any(Number), type: expect.stringMatching(/timeout|communication/) });
  expect(await runs.output('smtp.send', mail({ onUnknown: 'skip' }), { timeoutMs: 300 })).toBeNull();
});

test('a server that is not there was not asked', async () => {
  const gone = await startSmtpSink();
  await gone.close();
  expect(await runs.failure('smtp.send', mail({ url: gone.url }))).toMatchObject({ status: 503, type: expect.stringContaining('communication') });
});

test.each([
  [{ text: null }, 'text'],
  [{ to: [] }, '/to'],
  [{ url: 'http://x/' }, '/url'],
  [{ onUnknown: 'maybe' }, '/onUnknown'],
])('arguments %j fail validation', async (change, place) => {
  const failure = await runs.failure('smtp.send', mail(change));
  expect(failure).toMatchObject({ status: 400 });
  expect(failure.detail).toContain(place);
});

test('files and URLs are not read into a mail, and header injection does not work', async () => {
  await runs.output('smtp.send', mail({ subject: 'a\r\nBcc: evil@example.org', headers: { 'X-A': 'b\r\nX-Evil: 1' } }));
  expect(sink.mails.at(-1)?.headers.has('bcc')).toBe(false);
  expect(sink.mails.at(-1)?.headers.has('x-evil')).toBe(false);
});

test('the address guard keeps loopback from being reached', async () => {
  const guarded = bench([smtpConnector(createAddressGuard({ allowLoopback: false }), { allowPlainCredentials: false })]);
  expect(await guarded.failure('smtp.send', mail())).toMatchObject({ status: 403 });
});
