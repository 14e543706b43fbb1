/** The gateway as a client has it: calls that are made again until they are answered. */
import { credentials, Metadata, status, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { ExecutionServiceClient, OrganisationServiceClient, WorkflowServiceClient, type StartExecutionsRequest, type StartExecutionsResponse, type StreamedAnswer, type StreamedStart } from '@millrace/contracts/gateway/v1/gateway';
import type { ReadEnd } from '../evidence.ts';

/** Between tries, in milliseconds. */
export const RETRY_MS = 200;
export const CALL_MS = 5_000;
/** After so long the same starts are sent over another stream, in milliseconds. */
const STREAM_MS = 30_000;
const ENDED: ReadonlySet<string> = new Set(['completed', 'faulted', 'cancelled']);

export interface GatewayClient {
  applyOrganisation(name: string): Promise<void>;
  applyWorkflow(organisation: string, document: string): Promise<void>;
  applyResource(organisation: string, kind: string, name: string, spec: unknown): Promise<void>;
  /** Sends these once, over one stream; resolves when `answered` says so, or the stream has ended. */
  startOnce(starts: readonly StreamedStart[], onAnswer: (answer: StreamedAnswer) => void, answered: () => boolean): Promise<void>;
  /** Asks once; the status that was answered, undefined when there was no answer. */
  cancelOnce(organisation: string, execution: string): Promise<string | undefined>;
  /** Its end, undefined when it has not ended or nobody answers. */
  endOf(organisation: string, execution: string): Promise<ReadEnd | undefined>;
  close(): void;
}

export function connectGateway(address: string, key: string): GatewayClient {
  const metadataOf = (organisation: string): Metadata => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${key}`);
    metadata.set('millrace-organisation', organisation);
    return metadata;
  };
  const channel = { 'grpc.max_reconnect_backoff_ms': 500, 'grpc.initial_reconnect_backoff_ms': 100 };
  const executions = new ExecutionServiceClient(address, credentials.createInsecure(), channel);
  const workflows = new WorkflowServiceClient(address, credentials.createInsecure(), channel);
  const organisations = new OrganisationServiceClient(address, credentials.createInsecure(), channel);

  const applyResource: GatewayClient['applyResource'] = (organisation, kind, name, spec) =>
    untilAnswered((done) => organisations.applyResource({ kind, name, organisation: kind === 'organisation' ? '' : organisation, specJson: JSON.stringify(spec) }, metadataOf(organisation), { deadline: Date.now() + CALL_MS }, done));

  return {
    applyResource,
    applyOrganisation: (name) => applyResource('default', 'organisation', name, {}),
    applyWorkflow: (organisation, document) => untilAnswered((done) => workflows.applyWorkflow({ document, fileName: 'faults.yaml', unregistered: false, dryRun: false, draft: false }, metadataOf(organisation), { deadline: Date.now() + CALL_MS }, done)),
    startOnce: (starts, onAnswer, answered) =>
      new Promise((settle) => {
        const stream: ClientDuplexStream<StartExecutionsRequest, StartExecutionsResponse> = executions.startExecutions(metadataOf('default'));
        const late = setTimeout(() => stream.cancel(), STREAM_MS);
        const over = (): void => {
          clearTimeout(late);
          settle();
        };
        stream.on('error', over);
        stream.on('end', over);
        stream.on('data', ({ answers }: StartExecutionsResponse) => {
          for (const answer of answers) onAnswer(answer);
          if (!answered()) return;
          stream.cancel();
          over();
        });
        stream.write({ starts: [...starts] });
      }),
    cancelOnce: (organisation, execution) =>
      new Promise((settle) => {
        executions.cancelExecution({ execution, reason: '' }, metadataOf(organisation), { deadline: Date.now() + CALL_MS }, (error, found) => settle(error === null ? found?.status : undefined));
      }),
    endOf: (organisation, execution) =>
      new Promise((settle) => {
        executions.getExecution({ execution }, metadataOf(organisation), { deadline: Date.now() + CALL_MS }, (error, found) => {
          const ended = error === null && found !== undefined && ENDED.has(found.status);
          settle(ended ? { execution, status: found.status, outputJson: found.outputJson, detail: found.error?.detail ?? '' } : undefined);
        });
      }),
    close() {
      for (const client of [executions, workflows, organisations]) client.close();
    },
  };
}

/** How often a preparing call is made before its error is the caller's. */
const PREPARE_TRIES = 20;
const PASSING: ReadonlySet<number> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.RESOURCE_EXHAUSTED, status.ABORTED]);

async function untilAnswered(call: (done: (error: ServiceError | null) => void) => void): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await new Promise<void>((settle, fail) => call((error) => (error === null ? settle() : fail(error))));
      return;
    } catch (error) {
      if (tries === PREPARE_TRIES || !PASSING.has((error as ServiceError).code)) throw error;
    }
    await pause(RETRY_MS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((settle) => setTimeout(settle, ms));
}
