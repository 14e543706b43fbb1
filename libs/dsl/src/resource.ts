/**
 * Millrace's own resources: organisations, their limits, connections, secrets and webhooks.
 *
 * Owns what a resource may say and its typed form. Does not own what it refers to: whether a workflow or
 * connector of that name exists is for the service that keeps the resource.
 */
import type { JsonValue } from '@millrace/engine';
import { expressionSource, compileSource } from './compile/expression.ts';
import { isObject, property } from './json-value.ts';
import { childPointer } from './json-pointer.ts';
import { PROBLEMS_MAX } from './limits.ts';
import { inFileOrder, type Place, type Problem } from './problem.ts';
import { SECRET_NAME_PATTERN, SECRET_NAME_RULE } from './resource-name.ts';
import { RESOURCE_EXPECTATIONS, RESOURCE_KINDS, RESOURCE_SCHEMAS, SECRET_CHARACTERS_MAX, type ResourceKind } from './resource-schema.ts';
import { findingsOf } from './schema-findings.ts';
import { problemAt, type ResourceDocument, type Side } from './source-document.ts';
import { closestName } from './closest-name.ts';

interface ResourceHead {
  readonly name: string;
  /** The organisation it belongs to; left out, the one of whoever applies it. */
  readonly organisation?: string;
}

/** An organisation; its own name is the resource's. */
export interface OrganisationResource extends ResourceHead {
  readonly kind: 'organisation';
  readonly spec: Readonly<Record<string, never>>;
}

/** What an organisation may use at once; what is left out has no limit of its own. */
export interface LimitsResource extends ResourceHead {
  readonly kind: 'limits';
  readonly spec: {
    /** Steps running at once. */
    readonly concurrency?: number;
    /** Executions started a second. */
    readonly startsPerSecond?: number;
    /** The share under saturation, relative to other organisations. */
    readonly weight?: number;
  };
}

/** How a connection proves who it is. Secrets are named; their values stand in `secrets`. */
export type ConnectionAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly passwordSecret: string }
  | { readonly kind: 'bearer'; readonly tokenSecret: string }
  | { readonly kind: 'header'; readonly header: string; readonly valueSecret: string };

/** Access of an organisation to an outside system through a connector. */
export interface ConnectionResource extends ResourceHead {
  readonly kind: 'connection';
  readonly spec: {
    readonly connector: string;
    readonly baseUrl?: string;
    readonly auth: ConnectionAuth;
    /** Values by name, clear text: they are encrypted before anything is stored. */
    readonly secrets: Readonly<Record<string, string>>;
  };
}

/** A secret that workflows name under `use.secrets`; it is encrypted before anything is stored. */
export interface SecretResource extends ResourceHead {
  readonly kind: 'secret';
  readonly spec: {
    /** A text, or an object whose members are reached by `$secrets.NAME.MEMBER` and by authentication policies. */
    readonly value: JsonValue;
  };
}

/** A public address that starts a workflow with `{headers, query, body}`. */
export interface WebhookResource extends ResourceHead {
  readonly kind: 'webhook';
  readonly spec: {
    /** `NAME`, which is its latest version, or `NAME@VERSION`. */
    readonly workflow: string;
    /** What the caller gets: 202 and the execution's id, or the workflow's output. */
    readonly reply: 'accepted' | 'output';
    readonly signature?: { readonly scheme: 'github-sha256'; readonly secret: string };
    /** jq over `{headers, query, body}`, without `${ }`. */
    readonly idempotencyKey?: string;
  };
}

export type Resource = OrganisationResource | LimitsResource | ConnectionResource | SecretResource | WebhookResource;

export type ResourceResult =
  | { readonly kind: 'checked'; readonly resource: Resource }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

type Report = (at: { readonly pointer: string; readonly side?: Side; readonly place?: Place }, message: string, suggestion?: string) => void;

/** Checks a resource and gives its typed form, defaults filled in. */
export function checkResource(document: ResourceDocument): ResourceResult {
  const problems: Problem[] = [];
  const report: Report = (at, message, suggestion) => void problems.push(problemAt(document, at, 'resource-invalid', message, suggestion));
  const kind = checkKind(document, report);
  if (kind !== undefined) {
    const vocabulary = { expectation: (name: string) => RESOURCE_EXPECTATIONS[name] };
    for (const found of findingsOf(RESOURCE_SCHEMAS[kind], document.value, vocabulary)) report(found, found.message, found.suggestion);
    if (problems.length === 0) checkMeaning(kind, document, report);
  }
  if (kind === undefined || problems.length > 0) return { kind: 'refused', problems: inFileOrder(problems).slice(0, PROBLEMS_MAX) };
  return { kind: 'checked', resource: typed(kind, document) };
}

/** Without a known kind there is no schema to check against. */
function checkKind(document: ResourceDocument, report: Report): ResourceKind | undefined {
  const { millrace, kind } = document.value;
  const kinds = RESOURCE_KINDS.map((known) => `\`${known}\``).join(', ');
  if (kind === undefined) report({ pointer: '' }, 'the resource has no `kind`', `add \`kind\`: one of ${kinds}`);
  const known = RESOURCE_KINDS.find((candidate) => candidate === kind);
  if (kind !== undefined && known === undefined) {
    const meant = typeof kind === 'string' ? closestName(kind, RESOURCE_KINDS) : undefined;
    report({ pointer: '/kind' }, `there is no kind of resource ${JSON.stringify(kind)}`, meant === undefined ? `write one of ${kinds}` : `did you mean \`${meant}\`?`);
  }
  if (known === undefined && millrace === undefined) report({ pointer: '' }, 'the resource has no `millrace`', 'add `millrace: v1`');
  return known;
}

/** What a schema cannot say: one part of a resource against another. */
function checkMeaning(kind: ResourceKind, document: ResourceDocument, report: Report): void {
  const { value } = document;
  const spec = value['spec'];
  if (kind === 'organisation' && value['organisation'] !== undefined && value['organisation'] !== value['name']) {
    report({ pointer: '/organisation' }, `an organisation belongs to itself, and this one names \`${String(value['organisation'])}\``, 'remove `organisation`');
  }
  if (kind === 'connection') checkSecrets(document, report);
  if (kind === 'secret') checkSecretValue(property(spec, 'value') ?? null, report);
  const key = property(spec, 'idempotencyKey');
  if (kind === 'webhook' && typeof key === 'string') {
    const source = expressionSource(key) ?? key.trim();
    const result = compileSource(source, []);
    if (result.kind === 'refused') {
      const place = document.locateText('/spec/idempotencyKey', source.split('\n')[result.refusal.line - 1] ?? source, result.refusal.column - 1);
      report({ pointer: '/spec/idempotencyKey', place }, `the expression cannot be read: ${result.refusal.message}`, 'it is jq over `{headers, query, body}`, such as `.headers["x-github-delivery"]`');
    }
  }
}

/** What a secret may be; its value is never repeated. */
function checkSecretValue(value: JsonValue, report: Report): void {
  const at = { pointer: '/spec/value' };
  if (typeof value !== 'string' && !isObject(value)) report(at, 'the value of a secret must be a text or an object', 'write a text in quotes, or an object such as `{ username: NAME, password: PASSWORD }`');
  if (JSON.stringify(value).length > SECRET_CHARACTERS_MAX) report(at, `the secret is longer than ${SECRET_CHARACTERS_MAX} characters`, 'keep large texts elsewhere, and the key to them here');
}

/** Every secret that `auth` names is there, and has a name that can be referred to. */
function checkSecrets(document: ResourceDocument, report: Report): void {
  const spec = document.value['spec'];
  const secrets = property(spec, 'secrets');
  const names = isObject(secrets) ? Object.keys(secrets) : [];
  for (const name of names) {
    if (!SECRET_NAME_PATTERN.test(name)) report({ pointer: childPointer('/spec/secrets', name), side: 'key' }, `a secret's name must be ${SECRET_NAME_RULE}`);
  }
  for (const part of ['passwordSecret', 'tokenSecret', 'valueSecret']) {
    const name = property(property(spec, 'auth'), part);
    if (typeof name !== 'string' || names.includes(name)) continue;
    const meant = closestName(name, names);
    report({ pointer: `/spec/auth/${part}` }, `there is no secret \`${name}\` in \`secrets\``, meant === undefined ? `add it: \`secrets: { ${name}: VALUE }\`` : `did you mean \`${meant}\`?`);
  }
}

/** The schema has been checked: the value has the shape of its kind. */
function typed(kind: ResourceKind, document: ResourceDocument): Resource {
  const { value } = document;
  const head = { name: String(value['name']), ...(value['organisation'] === undefined ? {} : { organisation: String(value['organisation']) }) };
  const spec = value['spec'] as never;
  switch (kind) {
    case 'organisation':
      return { kind, ...head, spec: {} };
    case 'limits':
    case 'secret':
      return { kind, ...head, spec };
    case 'connection':
      return { kind, ...head, spec: { auth: { kind: 'none' }, secrets: {}, ...(spec as object) } as ConnectionResource['spec'] };
    case 'webhook':
      return { kind, ...head, spec: webhookSpec(spec) };
  }
}

function webhookSpec(spec: { readonly workflow: string; readonly reply?: 'accepted' | 'output'; readonly signature?: { readonly scheme: 'github-sha256'; readonly secret: string }; readonly idempotencyKey?: string }): WebhookResource['spec'] {
  return {
    workflow: spec.workflow,
    reply: spec.reply ?? 'accepted',
    ...(spec.signature === undefined ? {} : { signature: spec.signature }),
    ...(spec.idempotencyKey === undefined ? {} : { idempotencyKey: expressionSource(spec.idempotencyKey) ?? spec.idempotencyKey.trim() }),
  };
}
