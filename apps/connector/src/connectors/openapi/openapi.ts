/**
 * `openapi.call`: an operation that an OpenAPI document describes (DSL reference, OpenAPI Call).
 *
 * The document is fetched as an external resource and kept; the request goes to the first server that it names, or
 * to the base URL of a connection of connector `http`. Like every request it carries an `Idempotency-Key`.
 */
import { authenticationSchema } from '../../auth/credentials.ts';
import { failure, refused } from '../../failure.ts';
import type { ConnectorManifest, JsonObject, OperationCall, Performed } from '../../manifest.ts';
import { resourceSchema, type ResourceStore } from '../../resource-store.ts';
import { askForOutput, type HttpAccess } from '../http/http-exchange.ts';
import { callCredentials, ownHeaders, RequestInvalid, type HttpRequestMessage } from '../http/request-message.ts';
import { descriptionOf, isObject, References } from '../references.ts';
import { DescriptionInvalid } from '../structured-text.ts';
import { apiOperation } from './api-operation.ts';
import { placeArguments } from './api-request.ts';

export interface OpenApiAccess extends HttpAccess {
  readonly resources: ResourceStore;
}

const argumentsSchema = {
  type: 'object',
  required: ['document', 'operationId'],
  properties: {
    document: resourceSchema,
    operationId: { type: 'string' },
    parameters: { type: 'object' },
    output: { enum: ['content', 'response', 'raw'] },
    redirect: { type: 'boolean' },
    authentication: authenticationSchema,
  },
  additionalProperties: false,
} as const;

export function openApiConnector(access: OpenApiAccess): ConnectorManifest {
  return {
    id: 'openapi',
    version: '1.0.0',
    title: 'OpenAPI',
    auth: ['none'],
    borrows: ['http'],
    operations: {
      call: {
        summary: 'Calls an operation that an OpenAPI document describes, by its operationId',
        arguments: argumentsSchema,
        output: true as never,
        retryClass: 'keyed',
        timeoutMs: 30_000,
        target: (args) => `document:${String((args['document'] as JsonObject)['uri'])}`,
        action: { kind: 'run', run: (call) => run(access, call) },
      },
    },
  };
}

async function run(access: OpenApiAccess, call: OperationCall): Promise<Performed> {
  try {
    return await askForOutput(access, call, 'openapi.call', () => messageOf(access, call));
  } catch (error) {
    if (error instanceof DescriptionInvalid) return refused(failure('configuration', 400, error.message));
    throw error;
  }
}

async function messageOf({ resources }: OpenApiAccess, call: OperationCall): Promise<HttpRequestMessage> {
  const { arguments: args, connection } = call;
  const description = descriptionOf(await resources.get(args['document'], call));
  const described = await apiOperation(description, String(args['operationId']), new References(resources, args['document'], call));
  const operation = connection === undefined || connection.baseUrl === '' ? described : { ...described, server: connection.baseUrl.replace(/\/+$/, '') };
  const parameters = isObject(args['parameters']) ? args['parameters'] : {};
  const { body, headers, method, url } = placeArguments(operation, parameters);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new RequestInvalid(`the server of ${operation.id} has the scheme ${url.protocol}; only http: and https: are called`);
  return { method, url, headers, ownHeaders: ownHeaders(call, headers), body, credentials: callCredentials(call) };
}
