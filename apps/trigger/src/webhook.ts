/**
 * A webhook: which workflow a request to `/v1/hooks/{organisation}/{name}` starts, and how it is checked.
 *
 * Owns what a valid webhook is. Does not own how it is stored or served.
 */

/** How long a name may be, in characters. */
export const NAME_LENGTH_MAX = 63;
/** How long a signature's secret may be, in UTF-8 bytes. */
export const SECRET_BYTES_MAX = 1024;
/** How long the expression for the idempotency key may be, in characters. */
export const KEY_EXPRESSION_LENGTH_MAX = 4096;

export type ReplyMode = 'accepted' | 'output';

/** `none`: whoever knows the address may start the workflow. */
export type SignatureRule =
  | { readonly kind: 'none' }
  | {
      /** GitHub's scheme: `X-Hub-Signature-256: sha256=` and the hex HMAC-SHA-256 of the body's bytes. */
      readonly kind: 'github-sha256';
      readonly secret: string;
    };

export interface Webhook {
  readonly organisation: string;
  readonly name: string;
  /** NAME or NAME@VERSION. */
  readonly workflow: string;
  readonly reply: ReplyMode;
  readonly signature: SignatureRule;
  /** A jq expression over `{headers, query, body}`; absent: every request is a new start. */
  readonly keyExpression?: string;
}

/** What a caller asks to store; every field may hold anything. */
export interface WebhookProposal {
  readonly organisation: string;
  readonly name: string;
  readonly workflow: string;
  readonly reply: string;
  readonly signatureScheme: string;
  readonly signatureSecret: string;
  readonly keyExpression: string;
}

export type WebhookVerdict =
  | { readonly kind: 'valid'; readonly webhook: Webhook }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

/** Labels as DNS has them (RFC 1123): names are parts of addresses, subjects and keys. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const WORKFLOW = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:@(?=.*\S)[0-9A-Za-z.+*^~<>=| -]{1,64})?$/;

/** Whether an organisation or a webhook can have this name. */
export function isWebhookName(text: string): boolean {
  return NAME.test(text);
}

/** Checks everything, so that all problems of a proposal are reported together. */
export function judgeWebhook(proposal: WebhookProposal): WebhookVerdict {
  const problems: string[] = [];
  if (!NAME.test(proposal.organisation)) problems.push(`organisation ${JSON.stringify(proposal.organisation)} is not a name`);
  if (!NAME.test(proposal.name)) {
    problems.push(`name ${JSON.stringify(proposal.name)} is not one: use up to ${NAME_LENGTH_MAX} lower-case letters, digits and dashes, with a letter or digit at both ends`);
  }
  if (!WORKFLOW.test(proposal.workflow)) problems.push(`spec.workflow ${JSON.stringify(proposal.workflow)} is neither NAME nor NAME@VERSION nor NAME@RANGE`);
  const reply = proposal.reply === '' ? 'accepted' : proposal.reply;
  if (reply !== 'accepted' && reply !== 'output') problems.push(`spec.reply ${JSON.stringify(reply)} is neither accepted nor output`);
  const signature = judgeSignature(proposal, problems);
  if (proposal.keyExpression.length > KEY_EXPRESSION_LENGTH_MAX) {
    problems.push(`spec.idempotencyKey is longer than ${KEY_EXPRESSION_LENGTH_MAX} characters`);
  }
  if (problems.length > 0) return { kind: 'invalid', problems };
  return {
    kind: 'valid',
    webhook: {
      organisation: proposal.organisation,
      name: proposal.name,
      workflow: proposal.workflow,
      reply: reply as ReplyMode,
      signature,
      ...(proposal.keyExpression === '' ? {} : { keyExpression: bareExpression(proposal.keyExpression) }),
    },
  };
}

function judgeSignature(proposal: WebhookProposal, problems: string[]): SignatureRule {
  const { signatureScheme: scheme, signatureSecret: secret } = proposal;
  if (scheme === '') {
    if (secret !== '') problems.push('spec.signature.secret is given without spec.signature.scheme; the only scheme is github-sha256');
    return { kind: 'none' };
  }
  if (scheme !== 'github-sha256') {
    problems.push(`spec.signature.scheme ${JSON.stringify(scheme)} is not known; the only scheme is github-sha256`);
    return { kind: 'none' };
  }
  const bytes = Buffer.byteLength(secret);
  if (bytes === 0) problems.push('spec.signature.secret is empty');
  if (bytes > SECRET_BYTES_MAX) problems.push(`spec.signature.secret is longer than ${SECRET_BYTES_MAX} bytes`);
  return { kind: 'github-sha256', secret };
}

/** Takes the `${ … }` off that expressions in workflow documents wear. */
function bareExpression(text: string): string {
  const match = /^\s*\$\{([\s\S]*)\}\s*$/.exec(text);
  return match?.[1] ?? text;
}

/** Where requests for the webhook go, below the trigger's address. */
export function webhookPath(organisation: string, name: string): string {
  return `/v1/hooks/${organisation}/${name}`;
}

export function sameWebhook(a: Webhook, b: Webhook): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

function canonical(webhook: Webhook): readonly unknown[] {
  const secret = webhook.signature.kind === 'none' ? null : webhook.signature.secret;
  return [webhook.organisation, webhook.name, webhook.workflow, webhook.reply, webhook.signature.kind, secret, webhook.keyExpression ?? null];
}
