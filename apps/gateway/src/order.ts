/** From a request to the order that goes to a lane's owner: checks, id, organisation. */
import { MillraceError } from '@millrace/errors';
import { parseTraceparent } from '@millrace/telemetry';
import type { StartOrder } from './ports.ts';

/** Largest input of an execution, in UTF-8 bytes. */
export const INPUT_BYTES_MAX = 1024 * 1024;
/** How long an idempotency key may be, in characters. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 1024;
/** How long NAME@VERSION or sha256:HASH may be, in characters. */
export const WORKFLOW_LENGTH_MAX = 256;

/** What an execution gets that was started without an input. */
const NO_INPUT = '{}';

export interface OrderRequest {
  /** Checked already. */
  readonly organisation: string;
  /** NAME, NAME@VERSION or sha256:HASH. */
  readonly workflow: string;
  /** Empty: none, or the one in `workflow`. */
  readonly version: string;
  readonly inputJson: string;
  readonly idempotencyKey: string;
  readonly traceparent: string;
  readonly wait: boolean;
  readonly acceptedAtMs: number;
}

/** Makes the id of a start: the same organisation, workflow name and key give the same, no key a new one. */
export type MakeExecutionId = (organisation: string, workflowName: string, key: string) => string;

/** @throws MillraceError `argument-invalid` or `payload-too-large`. Whether the input is JSON the owner finds out. */
export function orderOf(request: OrderRequest, makeId: MakeExecutionId): StartOrder {
  const { idempotencyKey, inputJson } = request;
  const workflow = request.version === '' ? request.workflow : withVersion(request.workflow, request.version);
  if (workflow === '') throw invalid('`workflow` is missing: NAME, NAME@VERSION or sha256:HASH');
  if (workflow.length > WORKFLOW_LENGTH_MAX) throw invalid(`\`workflow\` is longer than ${WORKFLOW_LENGTH_MAX} characters`);
  if (idempotencyKey.length > IDEMPOTENCY_KEY_LENGTH_MAX) throw invalid(`The idempotency key is longer than ${IDEMPOTENCY_KEY_LENGTH_MAX} characters`);
  // A character has at most three bytes a UTF-16 unit: most inputs need no counting.
  if (inputJson.length * 3 > INPUT_BYTES_MAX && Buffer.byteLength(inputJson) > INPUT_BYTES_MAX) {
    throw new MillraceError('payload-too-large', { message: `The input is larger than ${INPUT_BYTES_MAX} bytes` });
  }
  return {
    organisation: request.organisation,
    execution: makeId(request.organisation, workflowName(workflow), idempotencyKey),
    workflow,
    inputJson: inputJson === '' ? NO_INPUT : inputJson,
    idempotencyKey,
    traceparent: request.traceparent === '' || parseTraceparent(request.traceparent) === undefined ? '' : request.traceparent,
    acceptedAtMs: request.acceptedAtMs,
    wait: request.wait,
  };
}

/** NAME of NAME@VERSION: a key belongs to a workflow, whatever its version. */
function workflowName(workflow: string): string {
  const at = workflow.indexOf('@');
  return at === -1 ? workflow : workflow.slice(0, at);
}

function withVersion(workflow: string, version: string): string {
  if (workflow.includes('@') || workflow.startsWith('sha256:')) throw invalid(`\`version\` is ${version}, but \`workflow\` names one already`);
  return `${workflow}@${version}`;
}

function invalid(message: string): MillraceError {
  return new MillraceError('argument-invalid', { message });
}
