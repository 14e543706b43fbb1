/**
 * `http.request`: one HTTP request, as the DSL's `call: http` means it.
 *
 * Owns sending and the meaning of what comes back. Redirects are never followed: with `redirect` a 3xx answer
 * is an output, without it a failure (DSL reference, HTTP Call).
 *
 * GET, HEAD and OPTIONS are safe by definition, PUT and DELETE idempotent; for POST and PATCH the target has
 * to honour the `Idempotency-Key` header, which every request carries, with the same value for every attempt.
 */
import { authenticationSchema } from '../../auth/credentials.ts';
import type { ConnectorManifest, JsonObject, OperationCall, Performed } from '../../manifest.ts';
import { askForOutput, type HttpAccess } from './http-exchange.ts';
import { requestMessage } from './request-message.ts';

const argumentsSchema = {
  type: 'object',
  required: ['method', 'uri'],
  properties: {
    method: { type: 'string', pattern: '^[A-Za-z]+$' },
    uri: { type: 'string' },
    headers: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean', 'null'] } },
    query: { type: 'object' },
    body: true,
    output: { enum: ['content', 'response', 'raw'] },
    redirect: { type: 'boolean' },
    authentication: authenticationSchema,
  },
  additionalProperties: false,
} as const;

export function httpConnector(access: HttpAccess): ConnectorManifest {
  return {
    id: 'http',
    version: '1.0.0',
    title: 'HTTP',
    auth: ['none', 'basic', 'bearer', 'header'],
    operations: {
      request: {
        summary: 'Sends an HTTP request; every one carries an Idempotency-Key header that stays the same over attempts',
        arguments: argumentsSchema,
        output: true as never,
        retryClass: 'keyed',
        timeoutMs: 30_000,
        target: hostOf,
        action: { kind: 'run', run: (call: OperationCall): Promise<Performed> => askForOutput(access, call, 'http.request', () => requestMessage(call)) },
      },
    },
  };
}

function hostOf(args: JsonObject): string | undefined {
  try {
    return `host:${new URL(String(args['uri'])).host}`;
  } catch {
    return undefined;
  }
}
