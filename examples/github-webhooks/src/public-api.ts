/** The gateway's REST API, as far as the example uses it. */
import type { ExecutionDocument, ExecutionListDocument, ExecutionSummaryDocument, TraceDocument } from '@millrace/documents';

const PAGE_ENTRIES = 500;
const ANSWER_TIMEOUT_MS = 30_000;

export interface PublicApi {
  /** All executions of a workflow. */
  list(organisation: string, workflow: string): Promise<readonly ExecutionSummaryDocument[]>;
  get(organisation: string, execution: string): Promise<ExecutionDocument>;
  trace(organisation: string, execution: string): Promise<TraceDocument>;
  /** The execution's id; the same key gives the same. */
  start(organisation: string, workflow: string, input: unknown, idempotencyKey: string): Promise<string>;
}

export function createPublicApi(gateway: string, key: string): PublicApi {
  async function call<T>(organisation: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${gateway}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, 'millrace-organisation': organisation, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
    return JSON.parse(text) as T;
  }
  return {
    async list(organisation, workflow) {
      const found: ExecutionSummaryDocument[] = [];
      let cursor: string | null = '';
      do {
        const query = new URLSearchParams({ workflow, limit: String(PAGE_ENTRIES), ...(cursor === '' ? {} : { cursor }) });
        const page: ExecutionListDocument = await call(organisation, `/v1/executions?${query.toString()}`);
        found.push(...page.executions);
        cursor = page.cursor;
      } while (cursor !== null);
      return found;
    },
    get: (organisation, execution) => call(organisation, `/v1/executions/${execution}`),
    trace: (organisation, execution) => call(organisation, `/v1/executions/${execution}/trace`),
    async start(organisation, workflow, input, idempotencyKey) {
      return (await call<{ readonly execution: string }>(organisation, '/v1/executions', { workflow, input, idempotencyKey })).execution;
    },
  };
}
