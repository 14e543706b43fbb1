/** What the gateway needs from outside. */
import type { Approvals, Execution, ExecutionSummary, Span, Trace } from '@millrace/contracts/execution/v1/execution';
import type { ScheduleView, SubscriptionView } from '@millrace/contracts/gateway/v1/triggers';
import type { Lanes, ListDeliveriesResponse, RerunExecutionRequest, RerunExecutionResponse, Workflow } from '@millrace/contracts/gateway/v1/gateway';

/** A start as it goes to the owner of its lane. */
export interface StartOrder {
  readonly organisation: string;
  readonly execution: string;
  /** NAME, NAME@VERSION or sha256:HASH. */
  readonly workflow: string;
  readonly inputJson: string;
  /** Empty: none. */
  readonly idempotencyKey: string;
  /** Empty: none. */
  readonly traceparent: string;
  /** Unix milliseconds. */
  readonly acceptedAtMs: number;
  /** Whether to hear of the end too. */
  readonly wait: boolean;
}

/** An error in the form of the Serverless Workflow DSL. */
export interface Fault {
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly instance: string;
}

export interface ExecutionEnd {
  /** completed, faulted or cancelled. */
  readonly status: string;
  /** Empty unless completed. */
  readonly outputJson: string;
  readonly error: Fault | undefined;
}

export interface LaneOwner {
  readonly address: string;
  readonly epoch: number;
}

/** Who owns the lanes of executions at the moment, as far as is known. */
export interface LaneOwners {
  ownerOf(execution: string): LaneOwner | undefined;
  /** Addresses that own a lane. */
  addresses(): readonly string[];
  onChange(callback: () => void): () => void;
}

/** One stream of starts to one orchestrator. */
export interface OwnerLink {
  /** Never blocks: what does not fit into the stream waits in the link. With `attach` nothing is started. */
  send(number: number, order: StartOrder, attach: boolean): void;
  close(): void;
}

export interface OwnerEvents {
  ready(): void;
  accepted(number: number, existing: boolean): void;
  ended(number: number, end: ExecutionEnd): void;
  refused(number: number, reason: string, message: string): void;
  /** The stream is gone, once; nothing comes after it. Not called after `close`. */
  lost(reason: string): void;
}

export interface OwnerLinks {
  open(address: string, events: OwnerEvents): OwnerLink;
}

/** Which executions a list shows. */
export interface ListQuery {
  /** Empty: any, with a filter alone. */
  readonly organisation: string;
  /** A filter; empty: all. */
  readonly where: string;
  /** What the filter's times count from; 0: now. */
  readonly nowMs: number;
  /** Fails rather than leaves out an orchestrator that does not answer. */
  readonly whole?: true;
  /** Empty: any. */
  readonly status: string;
  /** Empty: any. */
  readonly workflow: string;
  /** Empty: from the newest. */
  readonly cursor: string;
  readonly limit: number;
}

/** What one source (an orchestrator's memory, or the history) has for a list. */
export interface ListPart {
  readonly executions: readonly ExecutionSummary[];
  /** Empty: the source has no more. */
  readonly cursor: string;
}

/** Executions as orchestrators show them. The views are the contract's own: the gateway passes them through. */
export interface ExecutionViews {
  /** @throws MillraceError `execution-unknown`, `lane-unowned`, `service-unavailable`. */
  get(reference: ExecutionReference): Promise<Execution>;
  /** `by` and `reason` stand in the execution's history. */
  operate(reference: ExecutionReference, command: OperatorCommand): Promise<Execution>;
  listApprovals(reference: ExecutionReference): Promise<Approvals>;
  actOnApproval(reference: ExecutionReference, command: ApprovalCommand): Promise<Execution>;
  rerun(reference: ExecutionReference, command: RerunCommand & { readonly by: string }): Promise<RerunExecutionResponse>;
  /** Removes executions that ended before then from the history, or only says how many that would be. */
  remove(order: { readonly organisation: string; readonly executions: readonly string[]; readonly endedBeforeMs: number; readonly dryRun: boolean }): Promise<{ readonly removed: number; readonly bytes: number }>;
  explain(reference: ExecutionReference): Promise<{ readonly status: string; readonly sentence: string }>;
  trace(reference: ExecutionReference): Promise<Trace>;
  /** One part for every source; the history among them. */
  list(query: ListQuery): Promise<readonly ListPart[]>;
  /** Hands over what happens from now on; resolves when `signal` aborts. */
  tail(filter: TailFilter, onEvent: (event: TailEvent) => void, signal: AbortSignal): Promise<void>;
}

export interface ExecutionReference {
  /** Empty: any. */
  readonly organisation: string;
  readonly execution: string;
}

/** What is to be made of an execution. */
export type RerunCommand = Omit<RerunExecutionRequest, 'execution'>;

/** What an operator asks of an execution. */
export interface OperatorCommand {
  readonly act: 'pause' | 'resume' | 'cancel';
  readonly by: string;
  /** Empty: none was given. */
  readonly reason: string;
}

/** What a person does with an approval. */
export interface ApprovalCommand {
  /** approve, reject or delegate. */
  readonly act: string;
  /** Empty: the only one that waits. */
  readonly task: string;
  readonly by: string;
  /** Empty: none was given. */
  readonly reason: string;
  /** Empty, but for a delegation. */
  readonly to: string;
  /** What a link was signed for. */
  readonly signed: { readonly activation: number; readonly delegations: number } | undefined;
}

export interface TailFilter {
  readonly organisation: string;
  readonly execution: string;
  readonly workflow: string;
}

export interface TailEvent {
  readonly organisation: string;
  readonly execution: string;
  readonly workflow: string;
  readonly atMs: number;
  readonly kind: string;
  readonly reference: string;
  readonly detail: string;
}

export interface DefinitionProposal {
  readonly organisation: string;
  /** YAML or JSON. */
  readonly document: string;
  readonly fileName: string;
  readonly unregistered: boolean;
  readonly dryRun: boolean;
  readonly draft: boolean;
}

export interface Definitions {
  /** @throws MillraceError `workflow-unknown`. */
  publish(organisation: string, name: string, version: string): Promise<Workflow>;
  /** The document of NAME@VERSION or NAME@RANGE. @throws MillraceError `workflow-unknown`. */
  get(organisation: string, workflow: string): Promise<{ readonly version: string; readonly documentJson: string }>;
  apply(proposal: DefinitionProposal): Promise<Workflow>;
  list(organisation: string): Promise<readonly Workflow[]>;
}

export interface DeliveryQuery {
  readonly organisation: string;
  readonly state: string;
  readonly execution: string;
  readonly cursor: string;
  readonly limit: number;
}

export interface Deliveries {
  list(query: DeliveryQuery): Promise<ListDeliveriesResponse>;
  /** Spans of the deliveries an execution asked for. */
  spans(reference: ExecutionReference): Promise<readonly Span[]>;
}

export interface OrganisationLimits {
  readonly organisation: string;
  readonly concurrency: number;
  readonly startsPerSecond: number;
  readonly weight: number;
}

export interface WebhookSpec {
  readonly workflow: string;
  readonly reply: string;
  readonly signatureScheme: string;
  readonly signatureSecret: string;
  readonly idempotencyKey: string;
}

export interface ConnectionSpec {
  readonly connector: string;
  readonly baseUrl: string;
  readonly authJson: string;
  readonly secrets: Readonly<Record<string, string>>;
}

export interface ScheduleSpec {
  readonly workflow: string;
  /** cron, every or after. */
  readonly kind: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly intervalMs: number;
  readonly inputJson: string;
  readonly catchUp: string;
  /** Undefined: as it is. */
  readonly paused: boolean | undefined;
}

export interface SubscriptionSpec {
  readonly type: string;
  readonly source: string;
  readonly where: string;
  readonly workflow: string;
  readonly idempotencyKey: string;
  readonly url: string;
  readonly secret: string;
}

/** What the trigger keeps and takes, besides webhooks. The views are the contract's own. */
export interface Triggers {
  /** Resolves once the events, JSON texts that were checked, are durable. @throws MillraceError `bus-failed`, `log-budget-exceeded`, `limit-exceeded`, `service-unavailable`. */
  publish(organisation: string, events: readonly string[]): Promise<void>;
  listSchedules(organisation: string): Promise<readonly ScheduleView[]>;
  /** @throws MillraceError `resource-unknown`, as those below. */
  getSchedule(organisation: string, name: string): Promise<ScheduleView>;
  setPaused(organisation: string, name: string, paused: boolean): Promise<ScheduleView>;
  removeSchedule(organisation: string, name: string): Promise<void>;
  listSubscriptions(organisation: string): Promise<readonly SubscriptionView[]>;
  removeSubscription(organisation: string, name: string): Promise<void>;
}

export type Outcome = 'created' | 'changed' | 'unchanged';

/** Resources that other services keep. */
export interface ResourceOwners {
  putLimits(limits: OrganisationLimits): Promise<{ readonly limits: OrganisationLimits; readonly outcome: Outcome }>;
  putConnection(organisation: string, name: string, spec: ConnectionSpec): Promise<Outcome>;
  putWebhook(organisation: string, name: string, spec: WebhookSpec): Promise<Outcome>;
  putSchedule(organisation: string, name: string, spec: ScheduleSpec): Promise<Outcome>;
  putSubscription(organisation: string, name: string, spec: SubscriptionSpec): Promise<Outcome>;
}

export interface Organisation {
  readonly id: string;
  readonly createdAtMs: number;
}

/** Lanes of the installation, for operators. The view is the contract's own. */
export interface LaneMaps {
  /** @throws MillraceError `service-unavailable`. */
  get(): Promise<Lanes>;
  /** @throws MillraceError `argument-invalid` for fewer lanes than there are; `service-unavailable`. */
  scale(lanes: number): Promise<Lanes>;
}
