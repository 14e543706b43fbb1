/**
 * `grpc.call`: a method of a gRPC service that a proto describes (DSL reference, gRPC Call).
 *
 * A method that streams its answers yields a list of them; one that takes a stream is sent one message. Every call
 * carries `idempotency-key` as metadata, with the same value for every attempt.
 */
import { Metadata, status, type Client, type ServiceError } from '@grpc/grpc-js';
import { traceparentOf } from '@millrace/worker';
import type protobuf from 'protobufjs';
import type { Authenticator } from '../../auth/authenticator.ts';
import { authenticationSchema, readCredentials } from '../../auth/credentials.ts';
import { failure, refused, uncertain } from '../../failure.ts';
import { GRPC_MESSAGES_MAX, OUTPUT_BYTES_MAX } from '../../limits.ts';
import type { ConnectorManifest, JsonObject, OperationCall, Performed } from '../../manifest.ts';
import type { OutboundHttp } from '../../outbound/outbound-http.ts';
import { resourceSchema, type ResourceStore } from '../../resource-store.ts';
import { refusedBeforehand } from '../http/http-exchange.ts';
import { RequestInvalid } from '../http/request-message.ts';
import { DescriptionInvalid } from '../structured-text.ts';
import { DialRefused, GrpcChannels } from './grpc-channels.ts';
import { decodeMessage, encodeMessage } from './proto-json.ts';
import { methodOf, ProtoSchemas } from './proto-schema.ts';

export interface GrpcAccess {
  readonly http: OutboundHttp;
  readonly authenticator: Authenticator;
  readonly resources: ResourceStore;
}

export interface GrpcConnector extends ConnectorManifest {
  close(): void;
}

const argumentsSchema = {
  type: 'object',
  required: ['proto', 'service', 'method'],
  properties: {
    proto: resourceSchema,
    service: { type: 'object', required: ['name', 'host'], properties: { name: { type: 'string' }, host: { type: 'string' }, port: { type: 'integer', minimum: 1, maximum: 65535 } }, additionalProperties: false },
    method: { type: 'string' },
    arguments: { type: 'object' },
    authentication: authenticationSchema,
  },
  additionalProperties: false,
} as const;

const DEFAULT_PORT = 443;

export function grpcConnector(access: GrpcAccess): GrpcConnector {
  const schemas = new ProtoSchemas(access.resources);
  const channels = new GrpcChannels(access.http.guard);
  return {
    id: 'grpc',
    version: '1.0.0',
    title: 'gRPC',
    auth: ['none'],
    operations: {
      call: {
        summary: 'Calls a method of a gRPC service that a proto describes',
        arguments: argumentsSchema,
        output: true as never,
        retryClass: 'keyed',
        timeoutMs: 30_000,
        target: (args) => `host:${hostOf(args)}`,
        action: { kind: 'run', run: (call) => run(access, schemas, channels, call) },
      },
    },
    close: () => channels.close(),
  };
}

function serviceOf(args: JsonObject): { readonly name: string; readonly host: string; readonly port: number } {
  const { name, host, port } = args['service'] as JsonObject;
  return { name: String(name), host: String(host), port: typeof port === 'number' ? port : DEFAULT_PORT };
}

function hostOf(args: JsonObject): string {
  const { host, port } = serviceOf(args);
  return `${host}:${port}`;
}

async function run({ authenticator }: GrpcAccess, schemas: ProtoSchemas, channels: GrpcChannels, call: OperationCall): Promise<Performed> {
  const { arguments: args, secrets, step } = call;
  const service = serviceOf(args);
  try {
    const method = methodOf(await schemas.schemaOf(args['proto'], call), service.name, String(args['method']));
    const { resolvedRequestType, resolvedResponseType } = method.resolve() as protobuf.Method;
    if (resolvedRequestType === null || resolvedResponseType === null) throw new DescriptionInvalid(`the messages of ${service.name}/${method.name} are not described`);
    const request = encodeMessage(resolvedRequestType, args['arguments'] ?? {});
    const credentials = readCredentials(args['authentication'], secrets);
    if (credentials.kind === 'digest') throw new RequestInvalid('digest authentication belongs to HTTP; a gRPC service has no challenge');
    const headers = await authenticator.headers(step.organisation, credentials, secrets);
    const client = await channels.clientFor({ ...service, hasCredentials: credentials.kind !== 'none' });
    const metadata = metadataOf(call, headers);
    return await exchange(client, method, resolvedResponseType, request, metadata, call);
  } catch (error) {
    if (error instanceof DescriptionInvalid) return refused(failure('configuration', 400, error.message));
    if (error instanceof DialRefused) return error.performed;
    const performed = refusedBeforehand(error, 'grpc.call');
    if (performed !== undefined) return performed;
    throw error;
  }
}

function metadataOf({ step }: OperationCall, headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  metadata.set('idempotency-key', `${step.execution}/${step.run}/${step.activation}`);
  metadata.set('millrace-attempt', String(step.attempt));
  metadata.set('traceparent', traceparentOf(step));
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

/** Too many messages, or too large ones together. */
class AnswerTooLarge extends Error {}

async function exchange(client: Client, method: protobuf.Method, answerType: protobuf.Type, request: Buffer, metadata: Metadata, call: OperationCall): Promise<Performed> {
  const what = `${method.parent?.fullName.slice(1) ?? ''}/${method.name} of ${hostOf(call.arguments)}`;
  try {
    const messages = (await answers(client, method, request, metadata, call)).map((bytes) => decodeMessage(answerType, bytes));
    return { kind: 'output', value: method.responseStream === true ? messages : (messages[0] ?? null) };
  } catch (error) {
    if (call.signal.aborted) throw error;
    if (error instanceof AnswerTooLarge) return uncertain(failure('communication', 502, `${what}: ${error.message}`), 'up');
    return failed(error, what);
  }
}

/** The bytes of every message that comes back. */
function answers(client: Client, method: protobuf.Method, request: Buffer, metadata: Metadata, { signal, timeoutMs }: OperationCall): Promise<readonly Buffer[]> {
  const path = `/${method.parent?.fullName.slice(1) ?? ''}/${method.name}`;
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    let size = 0;
    // A stream of one message is the same on the wire as no stream, so that one form of call serves all four.
    const running = client.makeServerStreamRequest(path, same, same, request, metadata, { deadline: Date.now() + timeoutMs });
    const cancel = (): void => running.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    running.on('data', (bytes: Buffer) => {
      received.push(bytes);
      size += bytes.length;
      if (received.length <= GRPC_MESSAGES_MAX && size <= OUTPUT_BYTES_MAX) return;
      reject(new AnswerTooLarge(`more than ${GRPC_MESSAGES_MAX} messages or ${OUTPUT_BYTES_MAX} bytes came back`));
      running.cancel();
    });
    const done = (end: () => void): void => {
      signal.removeEventListener('abort', cancel);
      end();
    };
    running.on('error', (error) => done(() => reject(error)));
    running.on('end', () => done(() => resolve(received)));
  });
}

/** HTTP's nearest status of each of gRPC's (google.rpc.Code). */
const HTTP_STATUS: Readonly<Partial<Record<status, number>>> = {
  [status.CANCELLED]: 499,
  [status.INVALID_ARGUMENT]: 400,
  [status.DEADLINE_EXCEEDED]: 504,
  [status.NOT_FOUND]: 404,
  [status.ALREADY_EXISTS]: 409,
  [status.PERMISSION_DENIED]: 403,
  [status.UNAUTHENTICATED]: 401,
  [status.RESOURCE_EXHAUSTED]: 429,
  [status.FAILED_PRECONDITION]: 400,
  [status.ABORTED]: 409,
  [status.OUT_OF_RANGE]: 400,
  [status.UNIMPLEMENTED]: 501,
  [status.UNAVAILABLE]: 503,
};

function failed(error: unknown, what: string): Performed {
  const { code, details } = error as Partial<ServiceError>;
  if (code === undefined) return uncertain(failure('communication', 502, `${what} answered with something else than the proto says: ${error instanceof Error ? error.message : ''}`), 'up');
  const httpStatus = HTTP_STATUS[code] ?? 500;
  return uncertain(failure('communication', httpStatus, `${what} answered ${status[code]}: ${details ?? ''}`, status[code]), httpStatus >= 500 && code !== status.UNIMPLEMENTED ? 'down' : 'up');
}
