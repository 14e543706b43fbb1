/**
 * JSON Schemas (draft 2020-12) of Millrace's resources, for checking them and for editors.
 */
import type { JsonObject } from './json-value.ts';
import { NAME_PATTERN, NAME_RULE, SECRET_NAME_PATTERN } from './resource-name.ts';

export const RESOURCE_KINDS = ['organisation', 'limits', 'connection', 'secret', 'webhook', 'schedule', 'subscription'] as const;

export type ResourceKind = (typeof RESOURCE_KINDS)[number];

/** Most steps an organisation may be allowed to run at once. */
export const CONCURRENCY_MAX = 100_000;
/** Most executions an organisation may be allowed to start a second. */
export const STARTS_PER_SECOND_MAX = 1_000_000;
/** Largest weight of an organisation. */
export const WEIGHT_MAX = 1_000;
/** Longest secret of a connection, characters. */
export const SECRET_CHARACTERS_MAX = 16_384;
/** Longest secret of a webhook, characters. */
export const WEBHOOK_SECRET_CHARACTERS_MAX = 1_024;

const name = { type: 'string', title: 'ResourceName', pattern: NAME_PATTERN.source } as const;
/** As documents write them under `use.secrets`. */
const workflowSecretName = { type: 'string', title: 'WorkflowSecretName', pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$' } as const;
const secretName = { type: 'string', title: 'SecretName', pattern: SECRET_NAME_PATTERN.source } as const;
const secret = { type: 'string', writeOnly: true, minLength: 1, maxLength: SECRET_CHARACTERS_MAX } as const;

/** What texts must be like, by the titles in the schemas. */
export const RESOURCE_EXPECTATIONS: Readonly<Record<string, string>> = {
  ResourceName: NAME_RULE,
  WorkflowSecretName: 'made of letters, digits, dashes and underscores, at most 63, beginning with a letter or digit',
  SecretName: 'the name of a secret in `secrets`',
  BaseUrl: 'a URL, such as `https://api.example.com` or `sqlite:orders.db`',
  WorkflowReference: '`NAME`, `NAME@VERSION` or `NAME@RANGE`, such as `sort-deliveries@1.0.0` or `sort-deliveries@^1.2`',
  EventType: 'the type of events, such as `com.example.order.placed`, or its beginning with `.*`, or `*` for all',
  HeaderName: 'the name of an HTTP header, such as `X-Api-Key`',
};

const workflow = { type: 'string', title: 'WorkflowReference', pattern: '^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:@(?=.*\\S)[0-9A-Za-z.+*^~<>=| -]{1,64})?$' } as const;
const expression = { type: 'string', minLength: 1, maxLength: 4_096 } as const;

const auth = {
  type: 'object',
  title: 'ConnectionAuth',
  oneOf: [
    { required: ['kind'], properties: { kind: { const: 'none' } } },
    { required: ['kind', 'username', 'passwordSecret'], properties: { kind: { const: 'basic' }, username: { type: 'string' }, passwordSecret: secretName } },
    { required: ['kind', 'tokenSecret'], properties: { kind: { const: 'bearer' }, tokenSecret: secretName } },
    { required: ['kind', 'header', 'valueSecret'], properties: { kind: { const: 'header' }, header: { type: 'string', title: 'HeaderName', pattern: '^[!#$%&\'*+.^_`|~0-9A-Za-z-]{1,128}$' }, valueSecret: secretName } },
  ],
  unevaluatedProperties: false,
} as const;

const specs: Readonly<Record<ResourceKind, JsonObject>> = {
  organisation: { type: 'object', additionalProperties: false },
  limits: {
    type: 'object',
    additionalProperties: false,
    minProperties: 1,
    properties: {
      concurrency: { type: 'integer', minimum: 1, maximum: CONCURRENCY_MAX },
      startsPerSecond: { type: 'number', exclusiveMinimum: 0, maximum: STARTS_PER_SECOND_MAX },
      weight: { type: 'number', exclusiveMinimum: 0, maximum: WEIGHT_MAX },
    },
  },
  connection: {
    type: 'object',
    additionalProperties: false,
    required: ['connector'],
    properties: {
      connector: name,
      baseUrl: { type: 'string', title: 'BaseUrl', minLength: 1, pattern: '^[a-z][a-z0-9+.-]*:' },
      auth,
      secrets: { type: 'object', additionalProperties: secret },
    },
  },
  secret: {
    type: 'object',
    additionalProperties: false,
    required: ['value'],
    properties: { value: { writeOnly: true } },
  },
  webhook: {
    type: 'object',
    additionalProperties: false,
    required: ['workflow'],
    properties: {
      workflow,
      reply: { type: 'string', enum: ['accepted', 'output'] },
      signature: {
        type: 'object',
        additionalProperties: false,
        required: ['scheme', 'secret'],
        properties: { scheme: { type: 'string', enum: ['github-sha256'] }, secret: { ...secret, maxLength: WEBHOOK_SECRET_CHARACTERS_MAX } },
      },
      idempotencyKey: expression,
    },
  },
  schedule: {
    type: 'object',
    additionalProperties: false,
    required: ['workflow'],
    properties: {
      workflow,
      cron: { type: 'string', minLength: 1, maxLength: 256 },
      every: {},
      after: {},
      timeZone: { type: 'string', minLength: 1, maxLength: 64 },
      input: {},
      catchUp: { type: 'string', enum: ['latest', 'all', 'none'] },
      paused: { type: 'boolean' },
    },
  },
  subscription: {
    type: 'object',
    additionalProperties: false,
    required: ['type', 'workflow'],
    properties: {
      type: { type: 'string', title: 'EventType', pattern: '^(?:\\*|[^\\s.*>]+(?:\\.[^\\s.*>]+)*(?:\\.\\*)?)$', maxLength: 256 },
      source: { type: 'string', minLength: 1, maxLength: 1_024 },
      where: expression,
      workflow,
      idempotencyKey: expression,
    },
  },
};

function schemaOf(kind: ResourceKind): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `https://millrace.dev/schemas/v1/${kind}.json`,
    title: `Millrace ${kind}`,
    type: 'object',
    additionalProperties: false,
    required: ['millrace', 'kind', 'name', 'spec'],
    properties: {
      millrace: { type: 'string', enum: ['v1'] },
      kind: { type: 'string', const: kind },
      name: kind === 'secret' ? workflowSecretName : name,
      organisation: name,
      spec: specs[kind],
    },
  };
}

/** One schema a kind, of the whole document. */
export const RESOURCE_SCHEMAS: Readonly<Record<ResourceKind, JsonObject>> = {
  organisation: schemaOf('organisation'),
  limits: schemaOf('limits'),
  connection: schemaOf('connection'),
  secret: schemaOf('secret'),
  webhook: schemaOf('webhook'),
  schedule: schemaOf('schedule'),
  subscription: schemaOf('subscription'),
};
