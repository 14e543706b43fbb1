/** Checks of what the REST API takes and answers against its own OpenAPI document. */
import { Ajv2020 } from 'ajv/dist/2020.js';

interface Api {
  readonly ajv: Ajv2020;
  readonly paths: Record<string, Record<string, OpenApiOperation>>;
}

/** By address. */
const apis = new Map<string, Promise<Api>>();

interface OpenApiOperation {
  readonly requestBody?: { readonly content: Record<string, { readonly schema?: object }> };
  readonly responses: Record<string, { readonly content: Record<string, { readonly schema?: object }> }>;
}

async function readDocument(http: string): Promise<Api> {
  const document = (await (await fetch(`${http}/openapi.json`)).json()) as { paths: Record<string, Record<string, OpenApiOperation>> };
  const ajv = new Ajv2020({ strict: false, formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ } });
  ajv.addSchema(document, 'api');
  return { ajv, paths: document.paths };
}

/** What of a request and its answer is not as the OpenAPI document of the API at `http` says; empty when all is. */
export async function findingsAgainstDocument(http: string, { method, target, body }: { readonly method: string; readonly target: string; readonly body: unknown }, answer: Response, document: unknown): Promise<readonly unknown[]> {
  const read = apis.get(http) ?? readDocument(http);
  apis.set(http, read);
  const { ajv, paths } = await read;
  const [pathname = ''] = target.split('?');
  const found = Object.keys(paths).find((each) => new RegExp(`^${each.replaceAll(/\{\w+\}/g, '[^/:]+')}$`).test(pathname));
  const operation = found === undefined ? undefined : paths[found]?.[method.toLowerCase()];
  const check = (schema: object | undefined, value: unknown): readonly unknown[] => {
    if (schema === undefined) return [];
    const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')) as object);
    return validate(value) ? [] : (validate.errors ?? []);
  };
  if (answer.status >= 400 || operation === undefined) {
    const type = answer.headers.get('content-type') ?? '';
    return [...(type.includes('application/problem+json') ? [] : [`the content type is ${type}`]), ...check({ $ref: 'api#/components/schemas/Problem' }, document)];
  }
  const answers = operation.responses[String(answer.status)];
  return [
    ...(body === undefined ? [] : check(operation.requestBody?.content['application/json']?.schema, body)),
    ...(answers === undefined ? [`${answer.status} is no answer of ${method} ${found}`] : check(answers.content['application/json']?.schema, document)),
  ];
}
