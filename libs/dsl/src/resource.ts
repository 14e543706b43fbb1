/**
 * Millrace's own resources: organisations, their limits, connections, secrets, webhooks, schedules and subscriptions.
 *
 * Owns what a resource may say and its typed form. Does not own what it refers to: whether a workflow or
 * connector of that name exists is for the service that keeps the resource.
 */
import { statedDurationMs, type JsonValue } from '@millrace/engine';
import { expressionSource, compileSource } from './compile/expression.ts';
import { EVERY_MS_MIN } from './compile/schedule.ts';
import { readCron, TIME_ZONE_DEFAULT } from './cron.ts';
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
    /** `NAME`, which is its latest published version, `NAME@VERSION` or `NAME@RANGE`. */
    readonly workflow: string;
    /** What the caller gets: 202 and the execution's id, or the workflow's output. */
    readonly reply: 'accepted' | 'output';
    readonly signature?: { readonly scheme: 'github-sha256'; readonly secret: string };
    /** jq over `{headers, query, body}`, without `${ }`. */
    readonly idempotencyKey?: string;
  };
}

/** What becomes of times that passed while nothing could be started: the last of them, each, or none is made up for. */
export type CatchUp = 'latest' | 'all' | 'none';

/** A workflow that starts at times; just one of `cron`, `every` and `after` is there. */
export interface ScheduleResource extends ResourceHead {
  readonly kind: 'schedule';
  readonly spec: {
    readonly workflow: string;
    readonly cron?: string;
    /** A duration of the DSL. */
    readonly every?: JsonValue;
    /** A duration of the DSL, after the end of the execution before. */
    readonly after?: JsonValue;
    /** Of `cron`, a name of the IANA database. */
    readonly timeZone?: string;
    readonly input: JsonValue;
    readonly catchUp: CatchUp;
    /** Left out: as it is, and running when it is new. */
    readonly paused?: boolean;
  };
}

/** Events that start a workflow. */
export interface SubscriptionResource extends ResourceHead {
  readonly kind: 'subscription';
  readonly spec: {
    /** A type, the beginning of types with `.*`, or `*`. */
    readonly type: string;
    readonly source?: string;
    /** jq over the event, without `${ }`. */
    readonly where?: string;
    readonly workflow: string;
    /** jq over the event; left out, `source` and `id` are the key. */
    readonly idempotencyKey?: string;
  };
}

export type Resource = OrganisationResource | LimitsResource | ConnectionResource | SecretResource | WebhookResource | ScheduleResource | SubscriptionResource;

export type ResourceResult =
  | { readonly kind: 'checked'; readonly resource: Resource }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

const WAYS = ['cron', 'every', 'after'] as const;

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
  if (kind === 'webhook') checkExpression(document, 'idempotencyKey', 'it is jq over `{headers, query, body}`, such as `.headers["x-github-delivery"]`', report);
  if (kind === 'schedule') checkSchedule(spec, report);
  if (kind === 'subscription') checkSubscription(document, report);
}

function checkExpression(document: ResourceDocument, name: string, hint: string, report: Report): void {
  const text = property(document.value['spec'], name);
  if (typeof text !== 'string') return;
  const source = expressionSource(text) ?? text.trim();
  const result = compileSource(source, []);
  if (result.kind === 'compiled') return;
  const pointer = `/spec/${name}`;
  const place = document.locateText(pointer, source.split('\n')[result.refusal.line - 1] ?? source, result.refusal.column - 1);
  report({ pointer, place }, `the expression cannot be read: ${result.refusal.message}`, hint);
}

function checkSchedule(spec: JsonValue | undefined, report: Report): void {
  const ways = WAYS.filter((way) => property(spec, way) !== undefined);
  if (ways.length !== 1) report({ pointer: '/spec' }, ways.length === 0 ? 'the schedule has no times' : `the schedule has ${ways.map((way) => `\`${way}\``).join(' and ')}`, 'write one of `cron`, `every` and `after`');
  const cron = property(spec, 'cron');
  const timeZone = property(spec, 'timeZone');
  if (typeof timeZone === 'string' && cron === undefined) report({ pointer: '/spec/timeZone', side: 'key' }, '`timeZone` belongs to `cron`', 'remove it: intervals are the same in every zone');
  else if (typeof cron === 'string') {
    const read = readCron(cron, typeof timeZone === 'string' ? timeZone : undefined);
    if (read.kind === 'refused') report({ pointer: `/spec/${read.part}` }, read.problem);
  }
  for (const way of ['every', 'after'] as const) {
    const value = property(spec, way);
    if (value === undefined) continue;
    const ms = statedDurationMs(value);
    if (ms === undefined) report({ pointer: `/spec/${way}` }, 'this is no duration of fixed length', 'write an ISO 8601 text such as `PT30S`, or an object such as `{ minutes: 5 }`');
    else if (way === 'every' && ms < EVERY_MS_MIN) report({ pointer: `/spec/${way}` }, `the interval must be at least ${EVERY_MS_MIN / 1_000} s`);
  }
}

function checkSubscription(document: ResourceDocument, report: Report): void {
  const hint = 'it is jq over the event, such as `.data.amount > 100`';
  checkExpression(document, 'where', hint, report);
  checkExpression(document, 'idempotencyKey', hint, report);
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
    case 'schedule':
      return { kind, ...head, spec: scheduleSpec(spec) };
    case 'subscription':
      return { kind, ...head, spec: subscriptionSpec(spec) };
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

function scheduleSpec({ cron, timeZone, input = {}, catchUp = 'latest', ...spec }: Partial<ScheduleResource['spec']> & { readonly workflow: string }): ScheduleResource['spec'] {
  return { ...spec, ...(cron === undefined ? {} : { cron: cron.trim(), timeZone: timeZone ?? TIME_ZONE_DEFAULT }), input, catchUp };
}

function subscriptionSpec(spec: SubscriptionResource['spec']): SubscriptionResource['spec'] {
  const bare = (text: string): string => expressionSource(text) ?? text.trim();
  return {
    ...spec,
    ...(spec.where === undefined ? {} : { where: bare(spec.where) }),
    ...(spec.idempotencyKey === undefined ? {} : { idempotencyKey: bare(spec.idempotencyKey) }),
  };
}
