import { judgeWebhook, sameWebhook, type WebhookProposal } from './webhook.ts';

const proposal: WebhookProposal = { organisation: 'acme', name: 'github', workflow: 'sort-events', reply: '', signatureScheme: '', signatureSecret: '', keyExpression: '' };

test('a webhook answers when accepted unless it says otherwise', () => {
  expect(judgeWebhook(proposal)).toEqual({
    kind: 'valid',
    webhook: { organisation: 'acme', name: 'github', workflow: 'sort-events', reply: 'accepted', signature: { kind: 'none' } },
  });
});

test('an expression is kept without the braces that it may wear', () => {
  const verdict = judgeWebhook({ ...proposal, keyExpression: '${ .headers["x-github-delivery"] }' });
  expect(verdict).toMatchObject({ kind: 'valid', webhook: { keyExpression: ' .headers["x-github-delivery"] ' } });
});

test.each<[string, Partial<WebhookProposal>]>([
  ['organisation', { organisation: 'Acme Inc' }],
  ['name', { name: 'a.b' }],
  ['name', { name: `a${'b'.repeat(63)}` }],
  ['spec.workflow', { workflow: '' }],
  ['spec.workflow', { workflow: 'a@b@c' }],
  ['spec.reply', { reply: 'later' }],
  ['spec.signature.scheme', { signatureScheme: 'md5', signatureSecret: 's' }],
  ['spec.signature.secret', { signatureScheme: 'github-sha256' }],
  ['spec.signature.secret', { signatureSecret: 's' }],
  ['spec.idempotencyKey', { keyExpression: '.'.repeat(5000) }],
])('a wrong %s is named: %j', (place, change) => {
  const verdict = judgeWebhook({ ...proposal, ...change });
  expect(verdict.kind === 'invalid' && verdict.problems.some((problem) => problem.startsWith(place))).toBe(true);
});

test('all problems are reported together', () => {
  const verdict = judgeWebhook({ ...proposal, name: '-', workflow: '', reply: 'x' });
  expect(verdict.kind === 'invalid' && verdict.problems).toHaveLength(3);
});

test('webhooks are the same when every setting is', () => {
  const one = judgeWebhook({ ...proposal, signatureScheme: 'github-sha256', signatureSecret: 'a' });
  const other = judgeWebhook({ ...proposal, signatureScheme: 'github-sha256', signatureSecret: 'b' });
  if (one.kind === 'invalid' || other.kind === 'invalid') throw new Error('both are valid');
  expect(sameWebhook(one.webhook, { ...one.webhook })).toBe(true);
  expect(sameWebhook(one.webhook, other.webhook)).toBe(false);
});
