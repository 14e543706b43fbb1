/**
 * The work that faults are tried on: executions of keyed HTTP steps, loops and waits, started over gRPC and by
 * webhook, each with its own key, each start sent again until it is answered.
 */
import { credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { ExecutionServiceClient, OrganisationServiceClient, WorkflowServiceClient, type StartExecutionsRequest, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import type { Cluster } from '@millrace/cluster';

/** Between tries of a start or a stream, in milliseconds. */
const RETRY_MS = 200;
const CALL_MS = 5_000;

/** Eight calls of the target: two, three in a loop, one after a wait, two more. */
export function workflowDocument(targetUrl: string): string {
  const call = (name: string, indent: number, path: string): string => {
    const pad = ' '.repeat(indent);
    return `${pad}- ${name}:\n${pad}    call: http\n${pad}    with:\n${pad}      method: post\n${pad}      endpoint: ${targetUrl}/${path}\n${pad}      body: '\${ {n: .n} }'\n${pad}    output:\n${pad}      as: '\${ {n: .n} }'\n`;
  };
  return `document:
  dsl: '1.0.3'
  namespace: faults
  name: faults
  version: 1.0.0
do:
  - shape:
      set: '\${ {n: (.n // .body.n)} }'
  - guarded:
      try:
${call('first', 8, 'first')}${call('second', 8, 'second')}      catch:
        retry:
          delay: { milliseconds: 200 }
          limit:
            attempt:
              count: 50
  - loop:
      for:
        each: item
        in: '\${ [1, 2, 3] }'
      do:
${call('inside', 8, 'inside')}  - pause:
      wait: { milliseconds: 300 }
${call('third', 2, 'third')}${call('fourth', 2, 'fourth')}${call('fifth', 2, 'fifth')}`;
}

/** Steps of one execution. */
export const STEPS_PER_EXECUTION = 8;

export interface Outcome {
  readonly execution: string;
  /** completed, faulted or cancelled. */
  status: string;
  detail: string;
}

export interface Workload {
  /** Applies the workflow and the webhook. */
  prepare(): Promise<void>;
  /** Sends starts until each is accepted; yields the executions' ids by key. */
  start(keys: readonly string[], by: 'grpc' | 'webhook'): Promise<ReadonlyMap<string, string>>;
  /** Waits until all of them have ended, as the public API says. */
  ended(executions: readonly string[], timeoutMs: number): Promise<readonly Outcome[]>;
  close(): void;
}

export function createWorkload(cluster: Cluster, key: string, targetUrl: string): Workload {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${key}`);
  metadata.set('millrace-organisation', 'default');
  const address = cluster.addresses.gatewayGrpc;
  const channel = { 'grpc.max_reconnect_backoff_ms': 500, 'grpc.initial_reconnect_backoff_ms': 100 };
  const executions = new ExecutionServiceClient(address, credentials.createInsecure(), channel);
  const workflows = new WorkflowServiceClient(address, credentials.createInsecure(), channel);
  const organisations = new OrganisationServiceClient(address, credentials.createInsecure(), channel);

  async function startByGrpc(keys: readonly string[]): Promise<Map<string, string>> {
    const started = new Map<string, string>();
    while (started.size < keys.length) {
      const open = keys.filter((each) => !started.has(each));
      await new Promise<void>((settle) => {
        const stream: ClientDuplexStream<StartExecutionsRequest, StartExecutionsResponse> = executions.startExecutions(metadata);
        const done = (): void => {
          stream.cancel();
          settle();
        };
        stream.on('error', () => settle());
        stream.on('end', () => settle());
        stream.on('data', ({ answers }: StartExecutionsResponse) => {
          for (const answer of answers) {
            const startKey = open[answer.number];
            if (startKey !== undefined && answer.status !== 'refused') started.set(startKey, answer.execution);
          }
          if (keys.every((each) => started.has(each))) done();
        });
        stream.write({ starts: open.map((each, number) => ({ number, workflow: 'faults', inputJson: JSON.stringify({ n: each }), idempotencyKey: each, wait: false, acknowledge: true, organisation: '', traceparent: '' })) });
      });
      if (started.size < keys.length) await pause(RETRY_MS);
    }
    return started;
  }

  async function startByWebhook(keys: readonly string[]): Promise<Map<string, string>> {
    const started = new Map<string, string>();
    const one = async (each: string): Promise<void> => {
      for (;;) {
        try {
          const answer = await fetch(`${cluster.addresses.triggerHttp}/v1/hooks/default/faults`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ n: each }), signal: AbortSignal.timeout(CALL_MS) });
          const body = (await answer.json()) as { readonly execution?: string };
          if (answer.status === 202 && body.execution !== undefined) {
            started.set(each, body.execution);
            return;
          }
        } catch {
          // Not accepted as far as we know: the same request again is the same start.
        }
        await pause(RETRY_MS);
      }
    };
    const waiting = [...keys];
    await Promise.all(Array.from({ length: 20 }, async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await one(next);
    }));
    return started;
  }

  async function statusOf(execution: string): Promise<Outcome | undefined> {
    return new Promise((settle) => {
      executions.getExecution({ execution }, metadata, { deadline: Date.now() + CALL_MS }, (error, found) => {
        settle(error !== null || found === undefined ? undefined : { execution, status: found.status, detail: found.error?.detail ?? '' });
      });
    });
  }

  return {
    async prepare() {
      await new Promise<void>((settle, fail) => workflows.applyWorkflow({ document: workflowDocument(targetUrl), fileName: 'faults.yaml', unregistered: false, dryRun: false }, metadata, (error) => (error === null ? settle() : fail(error))));
      const spec = { workflow: 'faults', reply: 'accepted', idempotencyKey: '.body.n' };
      await new Promise<void>((settle, fail) => organisations.applyResource({ kind: 'webhook', name: 'faults', organisation: 'default', specJson: JSON.stringify(spec) }, metadata, (error) => (error === null ? settle() : fail(error))));
    },
    start: (keys, by) => (by === 'grpc' ? startByGrpc(keys) : startByWebhook(keys)),
    async ended(ids, timeoutMs) {
      const outcomes = new Map<string, Outcome>();
      const until = performance.now() + timeoutMs;
      while (outcomes.size < ids.length && performance.now() < until) {
        const open = ids.filter((id) => !outcomes.has(id)).slice(0, 100);
        for (const outcome of await Promise.all(open.map(statusOf))) if (outcome !== undefined && ['completed', 'faulted', 'cancelled'].includes(outcome.status)) outcomes.set(outcome.execution, outcome);
        if (outcomes.size < ids.length) await pause(100);
      }
      return ids.map((id) => outcomes.get(id) ?? { execution: id, status: 'not ended', detail: '' });
    },
    close() {
      for (const client of [executions, workflows, organisations]) client.close();
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((settle) => setTimeout(settle, ms));
}
