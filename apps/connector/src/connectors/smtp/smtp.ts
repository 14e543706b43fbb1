/**
 * `smtp.send`: one mail through a server of the organisation's own.
 *
 * Unsafe, hence claimed: SMTP has no key by which a server would know a mail again. The Message-ID is made from
 * the step's key, so that a mail sent twice by somebody's decision can at least be told by its reader.
 */
import { createHash } from 'node:crypto';
import MailComposer from 'nodemailer/lib/mail-composer';
import { AddressBlocked, type AddressGuard } from '../../address-guard.ts';
import { keyOf } from '../../claimed-step.ts';
import { failure, refused, uncertain } from '../../failure.ts';
import { CONNECT_TIMEOUT_MS, SMTP_SILENCE_MS } from '../../limits.ts';
import type { ConnectorManifest, JsonObject, JsonValue, OperationCall, Performed } from '../../manifest.ts';
import { exchange, type SmtpAnswer, type SmtpTarget } from './smtp-exchange.ts';

const addresses = { oneOf: [{ type: 'string', minLength: 3 }, { type: 'array', items: { type: 'string', minLength: 3 }, minItems: 1, maxItems: 100 }] } as const;

const argumentsSchema = {
  type: 'object',
  required: ['from', 'to', 'subject'],
  properties: {
    from: { type: 'string', minLength: 3 },
    to: addresses,
    cc: addresses,
    bcc: addresses,
    replyTo: { type: 'string' },
    subject: { type: 'string', maxLength: 998 },
    text: { type: 'string' },
    html: { type: 'string' },
    headers: { type: 'object', propertyNames: { pattern: '^[A-Za-z0-9-]+$' }, additionalProperties: { type: 'string' } },
    url: { type: 'string', pattern: '^smtps?://' },
    onUnknown: { enum: ['ask', 'resend', 'skip'] },
  },
  anyOf: [{ required: ['text'] }, { required: ['html'] }],
  additionalProperties: false,
} as const;

export function smtpConnector(guard: AddressGuard, { allowPlainCredentials }: { readonly allowPlainCredentials: boolean }): ConnectorManifest {
  return {
    id: 'smtp',
    version: '1.0.0',
    title: 'SMTP',
    auth: ['none', 'basic'],
    operations: {
      send: {
        summary: 'Sends one mail over SMTP',
        arguments: argumentsSchema as unknown as JsonObject,
        output: {
          type: 'object',
          required: ['messageId', 'accepted', 'rejected', 'response'],
          properties: { messageId: { type: 'string' }, accepted: { type: 'array' }, rejected: { type: 'array' }, response: { type: 'string' } },
        },
        retryClass: 'unsafe',
        timeoutMs: 60_000,
        target: (args) => (typeof args['url'] === 'string' && URL.canParse(args['url']) ? `host:${new URL(args['url']).host}` : undefined),
        action: { kind: 'run', run: (call) => send(guard, call, allowPlainCredentials) },
      },
    },
  };
}

async function send(guard: AddressGuard, call: OperationCall, allowPlainCredentials: boolean): Promise<Performed> {
  const { arguments: args, connection, step } = call;
  const written = String(args['url'] ?? connection?.baseUrl ?? '');
  if (!/^smtps?:\/\//.test(written) || !URL.canParse(written)) {
    return refused(failure('configuration', 400, 'smtp.send: no server is named; give `url` or a connection with a baseUrl smtp://HOST:PORT'));
  }
  const url = new URL(written);
  if (connection !== undefined && connection.auth.kind !== 'none' && connection.baseUrl !== '' && new URL(connection.baseUrl).host !== url.host) {
    return refused(failure('validation', 400, 'arguments of smtp.send: /url is not the connection\'s server, which alone gets its credentials'));
  }
  let target: SmtpTarget;
  try {
    target = await targetOf(guard, url, call, allowPlainCredentials);
  } catch (error) {
    if (error instanceof AddressBlocked) return refused(failure('authorization', 403, error.message));
    return refused(failure('communication', 503, `smtp.send: ${url.hostname} could not be resolved`), 'down');
  }
  const messageId = `<${createHash('sha256').update(keyOf(step)).digest('hex').slice(0, 40)}@millrace>`;
  const composed = new MailComposer({
    ...pick(args, ['from', 'to', 'cc', 'bcc', 'replyTo', 'subject', 'text', 'html', 'headers']),
    messageId,
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  const { from, to } = composed.getEnvelope();
  if (typeof from !== 'string' || to.length === 0) return refused(failure('validation', 400, 'arguments of smtp.send: /from and /to must have an address each'));
  let raw: Buffer;
  try {
    raw = await composed.build();
  } catch {
    return refused(failure('validation', 400, 'arguments of smtp.send: they do not make a message'));
  }
  return conclude(await exchange(target, { from, to }, raw, call.signal), messageId, url.host);
}

async function targetOf(guard: AddressGuard, url: URL, { connection, timeoutMs }: OperationCall, allowPlainCredentials: boolean): Promise<SmtpTarget> {
  const secure = url.protocol === 'smtps:';
  const auth = connection?.auth;
  const credentials = auth?.kind === 'basic' ? { username: auth.username, password: auth.password } : undefined;
  return {
    address: await guard.resolve(url.hostname),
    host: url.hostname,
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    requireTls: !secure && credentials !== undefined && !allowPlainCredentials,
    credentials,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    silenceMs: Math.min(SMTP_SILENCE_MS, timeoutMs),
  };
}

function pick(args: JsonObject, names: readonly string[]): Record<string, never> {
  return Object.fromEntries(names.filter((name) => args[name] !== undefined).map((name) => [name, args[name] as JsonValue])) as Record<string, never>;
}

function conclude(answer: SmtpAnswer, messageId: string, host: string): Performed {
  switch (answer.kind) {
    case 'accepted':
      return { kind: 'output', value: { messageId, accepted: answer.accepted, rejected: answer.rejected, response: answer.response } };
    case 'refused':
      return answer.code === 0
        ? refused(failure('communication', 503, `smtp.send: ${host} did not take the mail: ${answer.message}`), 'down')
        : refused(failure(answer.code === 535 || answer.code === 530 ? 'authentication' : 'communication', statusOf(answer.code), `smtp.send: ${host}: ${answer.message}`), 'up');
    case 'unknown':
      return uncertain(failure('communication', 504, `smtp.send: the connection to ${host} was lost after the message and before its answer: ${answer.message}`));
  }
}

/** An HTTP status that says about the same as an SMTP code: workflows compare statuses. */
function statusOf(code: number): number {
  if (code === 530 || code === 535) return 401;
  return code >= 500 ? 422 : 503;
}
