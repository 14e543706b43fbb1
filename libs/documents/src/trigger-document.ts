/** Schedules and subscriptions as JSON documents. */
import type { ScheduleView, SubscriptionView } from '@millrace/contracts/gateway/v1/triggers';
import { isoTime, jsonValue, type Json } from './value.ts';

export interface ScheduleDocument {
  readonly name: string;
  readonly organisation: string;
  readonly workflow: string;
  readonly rule: { readonly cron: string; readonly timeZone: string } | { readonly everyMs: number } | { readonly afterMs: number };
  readonly input: Json;
  readonly catchUp: string;
  /** active, paused, or waiting for the end of the last execution. */
  readonly state: string;
  /** The workflow whose document has the schedule; null for a resource. */
  readonly documentOf: string | null;
  readonly lastDueAt: string | null;
  readonly lastExecution: string | null;
  readonly started: number;
  readonly missed: number;
  readonly next: readonly string[];
}

export interface SubscriptionDocument {
  readonly name: string;
  readonly organisation: string;
  readonly type: string;
  readonly source: string | null;
  readonly where: string | null;
  readonly workflow: string | null;
  readonly idempotencyKey: string | null;
  readonly url: string | null;
}

const orNull = (text: string): string | null => (text === '' ? null : text);

export function scheduleDocument(view: ScheduleView): ScheduleDocument {
  const { kind, cron, timeZone, intervalMs } = view;
  return {
    name: view.name,
    organisation: view.organisation,
    workflow: view.workflow,
    rule: kind === 'cron' ? { cron, timeZone } : kind === 'after' ? { afterMs: intervalMs } : { everyMs: intervalMs },
    input: jsonValue(view.inputJson),
    catchUp: view.catchUp,
    state: view.state,
    documentOf: orNull(view.documentOf),
    lastDueAt: isoTime(view.lastDueAtMs),
    lastExecution: orNull(view.lastExecution),
    started: view.started,
    missed: view.missed,
    next: view.nextMs.flatMap((ms) => isoTime(ms) ?? []),
  };
}

export function scheduleListDocument(views: readonly ScheduleView[]): { readonly schedules: readonly ScheduleDocument[] } {
  return { schedules: views.map(scheduleDocument) };
}

export function subscriptionDocument(view: SubscriptionView): SubscriptionDocument {
  const { name, organisation, type, source, where, workflow, idempotencyKey, url } = view;
  return { name, organisation, type, source: orNull(source), where: orNull(where), workflow: orNull(workflow), idempotencyKey: orNull(idempotencyKey), url: orNull(url) };
}

export function subscriptionListDocument(views: readonly SubscriptionView[]): { readonly subscriptions: readonly SubscriptionDocument[] } {
  return { subscriptions: views.map(subscriptionDocument) };
}
