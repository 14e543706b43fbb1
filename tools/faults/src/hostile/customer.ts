/** A hostile customer: an organisation of its own that applies and starts over every public way in. */
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ExecutionServiceClient, OrganisationServiceClient, WorkflowServiceClient } from '@millrace/contracts/gateway/v1/gateway';
import type { Cluster } from '@millrace/cluster';

/** How long one throw is followed, in milliseconds; what runs on is cancelled then. */
const FOLLOW_MS = 8_000;
/** How long a refusal may take, in milliseconds. */
const ANSWER_MS = 30_000;

/** How a throw ended, for people: `faulted …`, `completed`, `cut off, still running`, or the reason of a refusal. */
export interface Ending {
  readonly text: string;
}

export interface Customer {
  readonly targetUrl: string;
  /** Applies a workflow whose `do` is given as YAML lines. */
  apply(name: string, tasks: string): Promise<void>;
  /** Applies a document and yields what was said to it. */
  tryApply(document: string): Promise<Ending>;
  start(workflow: string, inputJson: string): Promise<Ending>;
  startByRest(workflow: string, inputJson: string): Promise<Ending>;
  hook(name: string, body: string): Promise<Ending>;
  close(): void;
}

const ORGANISATION = 'hostile';

export async function createCustomer(cluster: Cluster, key: string, targetUrl: string): Promise<Customer> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${key}`);
  metadata.set('millrace-organisation', ORGANISATION);
  const address = cluster.addresses.gatewayGrpc;
  // Nothing that the customer does is limited on its own side.
  const channel = { 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 };
  const executions = new ExecutionServiceClient(address, credentials.createInsecure(), channel);
  const workflows = new WorkflowServiceClient(address, credentials.createInsecure(), channel);
  const organisations = new OrganisationServiceClient(address, credentials.createInsecure(), channel);
  const options = () => ({ deadline: Date.now() + ANSWER_MS });
  const founder = metadata.clone();
  founder.set('millrace-organisation', 'default');
  await unary((done) => organisations.applyResource({ kind: 'organisation', name: ORGANISATION, organisation: '', specJson: '{}' }, founder, options(), done));
  await applyDocument('echoes', "  - echo:\n      set: { size: '${ . | length }' }\n");
  await unary((done) => organisations.applyResource({ kind: 'webhook', name: 'echoes', organisation: ORGANISATION, specJson: JSON.stringify({ workflow: 'echoes', reply: 'accepted' }) }, metadata, options(), done));

  function applyDocument(name: string, tasks: string): Promise<unknown> {
    const document = `document: { dsl: '1.0.3', namespace: hostile, name: ${name}, version: 1.0.0 }\ndo:\n${tasks}`;
    return unary((done) => workflows.applyWorkflow({ document, fileName: `${name}.yaml`, unregistered: false, dryRun: false, draft: false }, metadata, options(), done));
  }

  async function follow(execution: string, status: string, detail: string): Promise<Ending> {
    if (status === 'completed' || status === 'faulted' || status === 'cancelled') return { text: `${status} ${detail}`.trim() };
    await unary((done) => executions.cancelExecution({ execution, reason: '' }, metadata, options(), done)).catch(() => undefined);
    return { text: 'cut off, still running' };
  }

  async function over(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<{ readonly status: number; readonly text: string }> {
    try {
      const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body, signal: AbortSignal.timeout(ANSWER_MS) });
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      // A server that has said no need not read the rest.
      return { status: 0, text: `connection was ended: ${error instanceof Error ? String(error.cause ?? error.message) : ''}` };
    }
  }

  return {
    targetUrl,
    apply: async (name, tasks) => void (await applyDocument(name, tasks)),
    tryApply: (document) => unary((done) => workflows.applyWorkflow({ document, fileName: 'hostile.yaml', unregistered: true, dryRun: false, draft: false }, metadata, options(), done)).then(() => ({ text: 'completed' }), endingOf),
    start: (workflow, inputJson) =>
      unary<{ readonly execution: string; readonly status: string; readonly error?: { readonly type: string; readonly detail: string } | undefined }>((done) => executions.startExecution({ workflow, version: '', inputJson, idempotencyKey: '', waitMs: FOLLOW_MS }, metadata, options(), done)).then(
        ({ execution, status, error }) => follow(execution, status, error === undefined ? '' : `${error.type} ${error.detail}`),
        endingOf,
      ),
    async startByRest(workflow, inputJson) {
      const { status, text } = await over(`${cluster.addresses.gatewayHttp}/v1/executions`, { authorization: `Bearer ${key}`, 'millrace-organisation': ORGANISATION, prefer: 'wait=5' }, `{"workflow":${JSON.stringify(workflow)},"input":${inputJson}}`);
      return { text: status < 300 && status > 0 ? `completed ${status}` : `${status} ${text}` };
    },
    async hook(name, body) {
      const { status, text } = await over(`${cluster.addresses.triggerHttp}/v1/hooks/${ORGANISATION}/${name}`, {}, body);
      return { text: status === 202 ? 'completed 202' : `${status} ${text}` };
    },
    close() {
      for (const client of [executions, workflows, organisations]) client.close();
    },
  };
}

function unary<Answer>(call: (done: (error: ServiceError | null, answer: Answer) => void) => unknown): Promise<Answer> {
  return new Promise((settle, fail) => call((error, answer) => (error === null ? settle(answer) : fail(error))));
}

function endingOf(error: unknown): Ending {
  const failure = error as Partial<ServiceError>;
  return { text: `${String(failure.metadata?.get('millrace-reason')[0] ?? '')} ${failure.message ?? String(error)}`.trim() };
}
