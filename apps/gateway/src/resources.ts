/**
 * Applying resources, limits and keys: who may, and which service keeps what.
 *
 * Owns organisations and keys themselves; limits, connections, secrets, webhooks, schedules and subscriptions go to the services that own them.
 */
import type { ConnectionResource, LimitsResource, ScheduleResource, SecretResource, SubscriptionResource, WebhookResource } from '@millrace/dsl';
import { statedDurationMs } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { makeKey } from './api-key.ts';
import type { StoredKey } from './key-ring.ts';
import { organisationWithin, requireOperator, type Caller } from './principal.ts';
import type { ConnectionSpec, Organisation, OrganisationLimits, Outcome, ResourceOwners, ScheduleSpec, SubscriptionSpec, WebhookSpec } from './ports.ts';
import { readResource, type ResourceProposal } from './read-resource.ts';

/** Characters of a key's description. */
export const DESCRIPTION_LENGTH_MAX = 256;

/** The connector service keeps secrets of workflows as connections of this connector, under a name that no connection can have. */
const SECRET_CONNECTOR = 'secret';

/** What an organisation may use at once; 0 means no limit of its own. */
export type LimitsSpec = Omit<OrganisationLimits, 'organisation'>;

export interface AppliedResource {
  readonly kind: string;
  readonly name: string;
  readonly organisation: string;
  readonly outcome: Outcome;
}

/** Records that are made once and kept. */
export interface RecordKeeper<T> {
  /** False when there is one of that id. @throws MillraceError `store-failed`, `bus-failed`. */
  create(record: T): Promise<boolean>;
}

export interface ResourcesOptions {
  readonly owners: ResourceOwners;
  readonly organisations: RecordKeeper<Organisation>;
  readonly keys: RecordKeeper<StoredKey>;
  readonly isKnown: (organisation: string) => boolean;
  readonly now: () => number;
}

export interface Resources {
  apply(caller: Caller, proposal: ResourceProposal): Promise<AppliedResource>;
  putLimits(caller: Caller, organisation: string, limits: LimitsSpec): Promise<OrganisationLimits>;
  /** The new key, which is not kept. An empty organisation makes an operator's. */
  createKey(caller: Caller, organisation: string, description: string): Promise<{ readonly id: string; readonly key: string }>;
}

export function createResources(options: ResourcesOptions): Resources {
  const { owners, organisations, keys, isKnown, now } = options;

  async function applyOrganisation(caller: Caller, name: string): Promise<Outcome> {
    requireOperator(caller, 'Creating an organisation');
    return (await organisations.create({ id: name, createdAtMs: now() })) ? 'created' : 'unchanged';
  }

  async function handOver(caller: Caller, organisation: string, resource: LimitsResource | ConnectionResource | SecretResource | WebhookResource | ScheduleResource | SubscriptionResource): Promise<Outcome> {
    const { name } = resource;
    switch (resource.kind) {
      case 'limits': {
        requireOperator(caller, 'Setting limits');
        const { concurrency = 0, startsPerSecond = 0, weight = 0 } = resource.spec;
        return (await owners.putLimits({ organisation, concurrency, startsPerSecond, weight })).outcome;
      }
      case 'connection':
        return owners.putConnection(organisation, name, connectionSpec(resource.spec));
      case 'secret':
        return owners.putConnection(organisation, `${SECRET_CONNECTOR}.${name}`, { connector: SECRET_CONNECTOR, baseUrl: '', authJson: '', secrets: { value: JSON.stringify(resource.spec.value) } });
      case 'webhook':
        return owners.putWebhook(organisation, name, webhookSpec(resource.spec));
      case 'schedule':
        return owners.putSchedule(organisation, name, scheduleSpec(resource.spec));
      case 'subscription':
        return owners.putSubscription(organisation, name, subscriptionSpec(resource.spec));
    }
  }

  return {
    async apply(caller, proposal) {
      const resource = readResource(proposal);
      const { kind, name } = resource;
      if (resource.kind === 'organisation') return { kind, name, organisation: name, outcome: await applyOrganisation(caller, name) };
      const organisation = organisationWithin(caller, resource.organisation ?? '', isKnown);
      return { kind, name, organisation, outcome: await handOver(caller, organisation, resource) };
    },
    async putLimits(caller, named, limits) {
      requireOperator(caller, 'Setting limits');
      const organisation = organisationWithin(caller, named, isKnown);
      return (await owners.putLimits({ organisation, ...limits })).limits;
    },
    async createKey(caller, named, description) {
      requireOperator(caller, 'Making a key');
      if (named !== '' && !isKnown(named)) throw new MillraceError('organisation-unknown', { message: `There is no organisation ${named}; apply one of \`kind: organisation\` first` });
      if (description.length > DESCRIPTION_LENGTH_MAX) throw new MillraceError('argument-invalid', { message: `The description is longer than ${DESCRIPTION_LENGTH_MAX} characters` });
      const { id, key, hash } = makeKey();
      await keys.create({ id, hash, organisation: named, description, createdAtMs: now() });
      return { id, key };
    },
  };
}

function connectionSpec(spec: ConnectionResource['spec']): ConnectionSpec {
  return { connector: spec.connector, baseUrl: spec.baseUrl ?? '', authJson: JSON.stringify(spec.auth), secrets: spec.secrets };
}

function webhookSpec(spec: WebhookResource['spec']): WebhookSpec {
  return {
    workflow: spec.workflow,
    reply: spec.reply,
    signatureScheme: spec.signature?.scheme ?? '',
    signatureSecret: spec.signature?.secret ?? '',
    idempotencyKey: spec.idempotencyKey ?? '',
  };
}

function scheduleSpec({ workflow, cron, timeZone, every, after, input, catchUp, paused }: ScheduleResource['spec']): ScheduleSpec {
  const interval = every ?? after;
  return {
    workflow,
    kind: cron !== undefined ? 'cron' : every !== undefined ? 'every' : 'after',
    cron: cron ?? '',
    timeZone: timeZone ?? '',
    intervalMs: interval === undefined ? 0 : (statedDurationMs(interval) ?? 0),
    inputJson: JSON.stringify(input),
    catchUp,
    paused,
  };
}

function subscriptionSpec({ type, source = '', where = '', workflow, idempotencyKey = '' }: SubscriptionResource['spec']): SubscriptionSpec {
  return { type, source, where, workflow, idempotencyKey, url: '', secret: '' };
}
