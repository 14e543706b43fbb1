/**
 * What notification needs from outside, in its own terms.
 */
import type { Delivery, DeliveryState, MessageTemplate, Recipient, RenderedMessage, SmtpAnswer } from '@millrace/delivery';
import type { TraceContext } from '@millrace/telemetry';

/** A delivery with what was asked for. Times are milliseconds since the Unix epoch. */
export interface DeliveryRecord {
  /** `<organisation>/<hash of the key>`: one for each (organisation, key). */
  readonly id: string;
  readonly organisation: string;
  readonly key: string;
  readonly channel: 'email';
  readonly recipient: Recipient;
  readonly execution?: string;
  /** The context that the request came with. */
  readonly trace?: TraceContext;
  /** With its angle brackets; the same for every attempt. */
  readonly messageId: string;
  readonly requestedAtMs: number;
  /** Dropped once `message` is there. */
  readonly source?: MessageSource;
  readonly message?: RenderedMessage;
  readonly delivery: Delivery;
}

/** What a message is rendered from, or why it can never be. */
export type MessageSource =
  | { readonly kind: 'template'; readonly template: MessageTemplate | string; readonly data: unknown }
  | { readonly kind: 'invalid'; readonly detail: string };

/** A change decided by the core, to be stored if nobody was faster. */
export interface Change {
  readonly id: string;
  readonly from: Delivery;
  readonly to: Delivery;
  /** Set with the change to `queued`. */
  readonly message?: RenderedMessage;
}

export interface DeliveryPage {
  readonly records: readonly DeliveryRecord[];
  /** Empty at the end. */
  readonly cursor: string;
}

export interface DeliveryQuery {
  readonly organisation: string;
  readonly state?: DeliveryState;
  readonly execution?: string;
  /** As a page gave it. */
  readonly cursor?: string;
  readonly limit: number;
}

/**
 * The store of deliveries. Every method rejects with MillraceError `store-failed` when the database is away.
 * What resolves is kept by a majority, on disk.
 */
export interface DeliveryStore {
  /** Stores what is new; a record whose id is known already is counted as a repeat and otherwise left alone. */
  accept(records: readonly DeliveryRecord[]): Promise<{ readonly stored: readonly DeliveryRecord[]; readonly repeated: number }>;
  /** Makes each change whose `from.revision` still stands; gives the ids of those made by this call. */
  advance(changes: readonly Change[]): Promise<ReadonlySet<string>>;
  /** Deliveries in these states whose due time has come, the longest due first. */
  due(states: readonly DeliveryState[], nowMs: number, limit: number): Promise<readonly DeliveryRecord[]>;
  /** The earliest due time among these states. */
  nextDueMs(states: readonly DeliveryState[]): Promise<number | undefined>;
  find(id: string): Promise<DeliveryRecord | undefined>;
  /** Newest first, without source and bodies. */
  list(query: DeliveryQuery): Promise<DeliveryPage>;
  /** Oldest first, without source and bodies. */
  ofExecution(organisation: string, execution: string, limit: number): Promise<readonly DeliveryRecord[]>;
}

/** A message ready for the wire. */
export interface OutgoingMail {
  readonly deliveryId: string;
  readonly messageId: string;
  readonly recipient: Recipient;
  readonly message: RenderedMessage;
  /** For the Date header, which like the Message-ID stays the same in every attempt. */
  readonly dateMs: number;
}

export interface SendResult {
  readonly answer: SmtpAnswer;
  /** False when no connection had taken the message up yet: it only waited. */
  readonly begun: boolean;
  /** False when the server could not be reached or did not let us in: the next message would fare alike. */
  readonly serverUsable: boolean;
}

/** One way out. */
export interface MailTransport {
  /**
   * Never rejects; the signal ends the attempt, and the answer says what is known then.
   * `onBegun` is called when a connection takes the message up.
   */
  send(mail: OutgoingMail, signal: AbortSignal, onBegun: () => void): Promise<SendResult>;
  /** Messages that can be on the wire side by side; further ones wait for a connection. */
  readonly concurrency: number;
  close(): void;
}

/** The ways out, by organisation; today all have the same. */
export interface MailTransports {
  /** Undefined when no mail server is configured for it. */
  of(organisation: string): MailTransport | undefined;
  close(): void;
}

/** A request as it came from the bus. */
export interface IncomingRequest {
  readonly text: string;
  /** The organisation that the subject names. */
  readonly organisation: string;
  /** It is stored: it need not come again. */
  acknowledge(): void;
  /** More time is needed; nobody else shall get it yet. */
  extend(): void;
  /** Somebody else may be able to, or a later release. */
  returnAfter(delayMs: number): void;
  /** It can never be stored: it becomes a dead letter. */
  discard(reason: string): void;
}
