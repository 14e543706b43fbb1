/**
 * Every reason a failure can have. `docs/errors.md` explains each to users; a check keeps both in step.
 */
import type { Code, Retry } from './error.ts';

const never: Retry = { kind: 'never' };
const backoff: Retry = { kind: 'backoff' };

interface Entry {
  readonly code: Code;
  readonly retry: Retry;
  /** One sentence, used when the place of failure has nothing better to say. */
  readonly summary: string;
}

const entry = (code: Code, retry: Retry, summary: string): Entry => ({ code, retry, summary });

/** Stable keys; they appear in problem documents, gRPC error details, logs and metrics. */
export const REASONS = {
  'argument-invalid': entry('invalid-argument', never, 'An argument is not valid'),
  'key-missing': entry('unauthenticated', never, 'No API key was sent; send `Authorization: Bearer KEY`'),
  'key-invalid': entry('unauthenticated', never, 'The API key is not known or was revoked'),
  'organisation-denied': entry('permission-denied', never, 'The API key is not valid for that organisation'),
  'organisation-unknown': entry('not-found', never, 'There is no organisation of that name; apply one of `kind: organisation` first'),
  'workflow-invalid': entry('invalid-argument', never, 'The workflow document is not valid'),
  'workflow-unsupported': entry('unimplemented', never, 'The workflow document uses something this release does not run'),
  'workflow-unknown': entry('not-found', never, 'There is no workflow of that name and version; apply it first'),
  'workflow-version-exists': entry('already-exists', never, 'That version was applied with other content; raise `document.version`'),
  'execution-unknown': entry('not-found', never, 'There is no execution of that id'),
  'execution-ended': entry('failed-precondition', never, 'The execution has ended'),
  'approval-unknown': entry('not-found', never, 'The execution waits for no such approval'),
  'approval-decided': entry('failed-precondition', never, 'The approval has been decided'),
  'approval-link-void': entry('permission-denied', never, 'The link is not valid, has expired, or the approval was delegated'),
  'execution-running': entry('failed-precondition', never, 'The execution has not ended'),
  'task-unknown': entry('not-found', never, 'The execution has not reached a task of that reference'),
  'idempotency-conflict': entry('already-exists', never, 'The same idempotency key was used with another input'),
  'resource-invalid': entry('invalid-argument', never, 'The resource is not valid'),
  'resource-unknown': entry('not-found', never, 'There is no resource of that kind and name'),
  'webhook-unknown': entry('not-found', never, 'There is no webhook of that organisation and name'),
  'signature-invalid': entry('unauthenticated', never, 'The signature of the request does not match its body'),
  'payload-too-large': entry('resource-exhausted', never, 'The payload is larger than the limit'),
  'authority-elsewhere': entry('failed-precondition', backoff, 'Another instance of the throttle is the authority over leases'),
  'lease-expired': entry('aborted', backoff, 'The leases of this owner have expired; it must say anew what it holds'),
  'limit-exceeded': entry('resource-exhausted', backoff, 'A limit of the organisation was reached'),
  'log-budget-exceeded': entry('resource-exhausted', backoff, 'New starts are refused while the log is over its disk budget'),
  'format-not-agreed': entry('failed-precondition', backoff, 'The workflow needs a newer record format than all orchestrators can read'),
  'format-unreadable': entry('failed-precondition', never, 'The orchestrators have agreed on a record format that this release cannot read'),
  'lane-displaced': entry('unavailable', backoff, 'The lane has moved to another owner'),
  'lane-unowned': entry('unavailable', backoff, 'No orchestrator owns the lane at the moment'),
  'service-unavailable': entry('unavailable', backoff, 'The service cannot be reached'),
  'service-draining': entry('unavailable', backoff, 'The service is stopping'),
  'deadline-exceeded': entry('deadline-exceeded', backoff, 'The deadline has passed'),
  'connection-unknown': entry('not-found', never, 'There is no connection of that name'),
  'operation-unknown': entry('not-found', never, 'There is no operation of that name and version'),
  'configuration-invalid': entry('invalid-argument', never, 'The configuration is not valid'),
  'server-missing': entry('failed-precondition', never, 'A server that is needed could not be found or fetched'),
  'durability-insufficient': entry('failed-precondition', never, 'A server does not write durably'),
  'store-failed': entry('unavailable', backoff, 'The database did not do what it was asked'),
  'revision-conflict': entry('aborted', backoff, 'The entry was changed by somebody else; read it again'),
  'bus-failed': entry('unavailable', backoff, 'The message bus did not do what it was asked'),
  'delivery-failed': entry('unavailable', backoff, 'The message could not be delivered'),
  'internal': entry('internal', never, 'Something broke that should not have; the log has the details'),
} as const satisfies Record<string, Entry>;

/** A key of the catalogue. */
export type Reason = keyof typeof REASONS;
