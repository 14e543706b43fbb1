/** The OpenAPI 3.1 document, made from the table of routes (https://spec.openapis.org/oas/v3.1.1). */
import { DOCUMENT_TYPES, EVENT_TYPES, ROUTES, bodySchema, type Route } from './routes.ts';
import { SCHEMAS, reference, type Schema } from './schemas.ts';

export function openApiDocument(version: string): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of ROUTES) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version,
      description: 'Automation that must not stop. The gRPC API `millrace.gateway.v1` has the same operations, starts and tails executions by stream too.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key, `mr_…`.' } },
    },
    security: [{ key: [] }],
  };
}

function operationOf(route: Route): Schema {
  const answers = Object.entries(route.answers).map(([status, { description, schema }]) => [
    status,
    { description, content: { 'application/json': schema === undefined ? {} : { schema: reference(schema) } } },
  ]);
  return {
    operationId: route.operation,
    summary: route.summary,
    ...(route.secured === false ? { security: [] } : {}),
    parameters: [...pathParameters(route), ...(route.secured === false ? [] : [ORGANISATION_HEADER]), ...(route.query ?? []).map((parameter) => ({ ...parameter, in: 'query', required: false }))],
    ...requestBody(route),
    responses: {
      ...Object.fromEntries(answers),
      default: { description: 'A problem', content: { 'application/problem+json': { schema: reference('Problem') } } },
    },
  };
}

const ORGANISATION_HEADER: Schema = {
  name: 'Millrace-Organisation',
  in: 'header',
  required: false,
  description: 'The organisation an operator key acts for; `default` without it.',
  schema: { type: 'string' },
};

function pathParameters(route: Route): readonly Schema[] {
  return [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function requestBody(route: Route): Schema {
  if (route.body === undefined) return {};
  const schema = bodySchema(route);
  const content =
    schema === undefined ? Object.fromEntries((route.body === 'events' ? EVENT_TYPES : DOCUMENT_TYPES).map((type) => [type, {}])) : { 'application/json': { schema } };
  return { requestBody: { required: true, content } };
}
