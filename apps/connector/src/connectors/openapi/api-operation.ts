/**
 * An operation of an OpenAPI document (2.0, 3.0, 3.1), in one form whatever the version.
 *
 * Owns finding the operation and what its version writes differently. Does not own where arguments go.
 */
import type { JsonObject, JsonValue } from '../../manifest.ts';
import { isObject, objectsIn, textIn, type Description, type References } from '../references.ts';
import { DescriptionInvalid } from '../structured-text.ts';

export type ParameterPlace = 'path' | 'query' | 'header' | 'cookie';
/** How a value that is a list or an object becomes text (OpenAPI 3.1, Style Values; 2.0, collectionFormat). */
export type ParameterStyle = 'simple' | 'label' | 'matrix' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'tabDelimited' | 'deepObject' | 'json';

export interface ApiParameter {
  readonly name: string;
  readonly place: ParameterPlace;
  readonly required: boolean;
  readonly style: ParameterStyle;
  readonly explode: boolean;
}

export interface ApiBody {
  readonly required: boolean;
  readonly contentType: string;
  /** Properties of the body that have a name of their own; nothing where the schema names none. */
  readonly properties: readonly string[];
  /** The name of the argument that is the whole body, besides `body`: a body has one in version 2.0. */
  readonly name: string;
}

export interface ApiOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** Where the interface is, without a slash at the end. */
  readonly server: string;
  readonly parameters: readonly ApiParameter[];
  readonly body: ApiBody | undefined;
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;
/** Content types that are asked for first, when a body may be one of several. */
const PREFERRED = [/^application\/json\b/i, /\+json\b/i, /^application\/x-www-form-urlencoded\b/i, /^multipart\/form-data\b/i, /^text\//i];

/** @throws DescriptionInvalid, ResourceFailed */
export async function apiOperation(description: Description, id: string, references: References): Promise<ApiOperation> {
  const { root } = description;
  const version = textIn(root['openapi']) ?? textIn(root['swagger']) ?? '';
  if (!/^(2\.0|3\.[01])/.test(version)) throw new DescriptionInvalid(`${description.resource.url.href} is no OpenAPI document of version 2.0, 3.0 or 3.1`);
  const known: string[] = [];
  for (const [path, item] of Object.entries(isObject(root['paths']) ? root['paths'] : {})) {
    const { value: pathItem, within } = await references.follow(item, description);
    for (const method of METHODS) {
      const operation = pathItem[method];
      if (!isObject(operation)) continue;
      const found = textIn(operation['operationId']);
      if (found !== undefined) known.push(found);
      if (found !== id) continue;
      const parameters = await parametersOf([...objectsIn(pathItem['parameters']), ...objectsIn(operation['parameters'])], within, references);
      return version.startsWith('2')
        ? { id, method, path, server: serverOf2(root, operation, description), parameters: parameters.flatMap(parameterOf2), body: bodyOf2(root, operation, parameters) }
        : { id, method, path, server: serverOf3([operation, pathItem, root], description), parameters: parameters.flatMap(parameterOf3), body: await bodyOf3(operation['requestBody'], within, references) };
    }
  }
  throw new DescriptionInvalid(`${description.resource.url.href} has no operation ${id}; it has ${known.length === 0 ? 'none with an operationId' : known.slice(0, 20).join(', ')}`);
}

/** Those of the operation come after those of its path, and take their place. */
async function parametersOf(list: readonly JsonValue[], within: Description, references: References): Promise<readonly JsonObject[]> {
  const byPlace = new Map<string, JsonObject>();
  for (const each of list) {
    const { value } = await references.follow(each, within);
    byPlace.set(`${textIn(value['in']) ?? ''} ${textIn(value['name']) ?? ''}`, value);
  }
  return [...byPlace.values()];
}

/** Headers that OpenAPI 3 leaves to other parts of the document. */
const LEFT_OUT = /^(accept|content-type|authorization)$/i;

function parameterOf3(parameter: JsonObject): readonly ApiParameter[] {
  const name = textIn(parameter['name']) ?? '';
  const place = parameter['in'] as ParameterPlace;
  if (place === 'header' && LEFT_OUT.test(name)) return [];
  const style = isObject(parameter['content']) ? 'json' : ((textIn(parameter['style']) ?? (place === 'path' || place === 'header' ? 'simple' : 'form')) as ParameterStyle);
  return [{ name, place, required: parameter['required'] === true || place === 'path', style, explode: typeof parameter['explode'] === 'boolean' ? parameter['explode'] : style === 'form' || style === 'deepObject' }];
}

const COLLECTION_STYLES: Readonly<Record<string, ParameterStyle>> = { ssv: 'spaceDelimited', tsv: 'tabDelimited', pipes: 'pipeDelimited' };

function parameterOf2(parameter: JsonObject): readonly ApiParameter[] {
  const name = textIn(parameter['name']) ?? '';
  const place = parameter['in'];
  if (place !== 'path' && place !== 'query' && place !== 'header') return [];
  const format = textIn(parameter['collectionFormat']) ?? 'csv';
  return [{ name, place, required: parameter['required'] === true || place === 'path', style: COLLECTION_STYLES[format] ?? (place === 'query' ? 'form' : 'simple'), explode: format === 'multi' }];
}

function bodyOf2(root: JsonObject, operation: JsonObject, parameters: readonly JsonObject[]): ApiBody | undefined {
  const whole = parameters.find((parameter) => parameter['in'] === 'body');
  const fields = parameters.filter((parameter) => parameter['in'] === 'formData');
  const consumes = objectsIn(operation['consumes'] ?? root['consumes']).flatMap((each) => textIn(each) ?? []);
  if (whole !== undefined) {
    return { required: whole['required'] === true, contentType: preferred(consumes) ?? 'application/json', properties: propertiesOf(whole['schema']), name: textIn(whole['name']) ?? 'body' };
  }
  if (fields.length === 0) return undefined;
  const hasFile = fields.some((field) => field['type'] === 'file');
  return {
    required: fields.some((field) => field['required'] === true),
    contentType: hasFile ? 'multipart/form-data' : (consumes.find((type) => /form/.test(type)) ?? 'application/x-www-form-urlencoded'),
    properties: fields.flatMap((field) => textIn(field['name']) ?? []),
    name: 'body',
  };
}

async function bodyOf3(value: JsonValue | undefined, within: Description, references: References): Promise<ApiBody | undefined> {
  if (value === undefined) return undefined;
  const { value: body, within: place } = await references.follow(value, within);
  const content = isObject(body['content']) ? body['content'] : {};
  const contentType = preferred(Object.keys(content)) ?? 'application/json';
  const media = content[contentType];
  const schema = isObject(media) && isObject(media['schema']) ? (await references.follow(media['schema'], place)).value : undefined;
  return { required: body['required'] === true, contentType, properties: propertiesOf(schema), name: 'body' };
}

function propertiesOf(schema: JsonValue | undefined): readonly string[] {
  return isObject(schema) && isObject(schema['properties']) ? Object.keys(schema['properties']) : [];
}

function preferred(types: readonly string[]): string | undefined {
  for (const pattern of PREFERRED) {
    const found = types.find((type) => pattern.test(type));
    if (found !== undefined) return found;
  }
  return types.find((type) => !type.includes('*'));
}

/** The first server, its variables at their defaults; a relative one starts at the document (OpenAPI 3.1, Server Object). */
function serverOf3(owners: readonly JsonObject[], { resource }: Description): string {
  const server = owners.map((owner) => objectsIn(owner['servers'])[0]).find((found) => found !== undefined);
  const stated = isObject(server) ? server : {};
  const variables = isObject(stated['variables']) ? stated['variables'] : {};
  const url = (textIn(stated['url']) ?? '/').replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const variable = variables[name];
    return isObject(variable) ? String(variable['default'] ?? '') : '';
  });
  return absolute(url, resource.url);
}

function serverOf2(root: JsonObject, operation: JsonObject, { resource }: Description): string {
  const schemes = objectsIn(operation['schemes'] ?? root['schemes']).flatMap((each) => textIn(each) ?? []);
  const scheme = schemes.includes('https') ? 'https' : schemes.includes('http') ? 'http' : resource.url.protocol.replace(/:$/, '');
  return absolute(`${scheme}://${textIn(root['host']) ?? resource.url.host}${textIn(root['basePath']) ?? ''}`, resource.url);
}

function absolute(url: string, base: URL): string {
  if (!URL.canParse(url, base.href)) throw new DescriptionInvalid(`${base.href} names the server ${url.slice(0, 200)}, which is no address`);
  return new URL(url, base).href.replace(/\/+$/, '');
}
