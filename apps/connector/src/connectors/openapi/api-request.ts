/**
 * Arguments of an OpenAPI operation, placed: path, query, headers, cookies and body.
 *
 * - An argument that is null is left out; one that the operation does not know is refused rather than lost.
 * - What is no parameter is a property of the body; the argument `body` (in 2.0 also the body's own name) is all of it.
 */
import { randomUUID } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../manifest.ts';
import { appendQuery, encodeBody, RequestInvalid } from '../http/request-message.ts';
import { isObject } from '../references.ts';
import type { ApiBody, ApiOperation, ApiParameter } from './api-operation.ts';

export interface PlacedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

/** @throws RequestInvalid */
export function placeArguments(operation: ApiOperation, given: JsonObject): PlacedRequest {
  const args = new Map(Object.entries(given).filter(([, value]) => value !== null));
  const missing = operation.parameters.filter(({ name, required }) => required && !args.has(name)).map(({ name }) => name);
  if (missing.length > 0) throw new RequestInvalid(`/parameters has no ${missing.join(', ')}, which ${operation.id} needs`);
  const valueOf = ({ name }: ApiParameter): JsonValue => args.get(name) ?? null;
  const at = (place: ApiParameter['place']): readonly ApiParameter[] => operation.parameters.filter((parameter) => parameter.place === place && args.has(parameter.name));

  const url = addressOf(operation, at('path'), valueOf);
  for (const parameter of at('query')) addToQuery(url, parameter, valueOf(parameter));
  const headers: Record<string, string> = {};
  for (const parameter of at('header')) headers[parameter.name.toLowerCase()] = joined(valueOf(parameter), ',', parameter.explode);
  const cookies = at('cookie').map((parameter) => `${parameter.name}=${encodeURIComponent(joined(valueOf(parameter), ',', false))}`);
  if (cookies.length > 0) headers['cookie'] = cookies.join('; ');

  const placed = new Set(operation.parameters.map(({ name }) => name));
  const rest = Object.fromEntries([...args].filter(([name]) => !placed.has(name)));
  const body = bodyOf(operation, rest, headers);
  return { method: operation.method.toUpperCase(), url, headers, body };
}

function addressOf({ path, server }: ApiOperation, parameters: readonly ApiParameter[], valueOf: (parameter: ApiParameter) => JsonValue): URL {
  const filled = path.replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const parameter = parameters.find((each) => each.name === name);
    return parameter === undefined ? '' : inPath(parameter, valueOf(parameter));
  });
  return new URL(`${server}${filled.startsWith('/') ? '' : '/'}${filled}`);
}

function inPath({ explode, name, style }: ApiParameter, value: JsonValue): string {
  const encoded = encodedParts(value);
  switch (style) {
    case 'label':
      return `.${joined(encoded, explode ? '.' : ',', explode)}`;
    case 'matrix':
      if (explode && Array.isArray(encoded)) return encoded.map((each) => `;${name}=${String(each)}`).join('');
      if (explode && isObject(encoded)) return Object.entries(encoded).map(([key, each]) => `;${key}=${String(each)}`).join('');
      return `;${name}=${joined(encoded, ',', false)}`;
    case 'json':
      return encodeURIComponent(JSON.stringify(value));
    default:
      return joined(encoded, ',', explode);
  }
}

const DELIMITERS: Readonly<Partial<Record<ApiParameter['style'], string>>> = { spaceDelimited: ' ', pipeDelimited: '|', tabDelimited: '\t' };

function addToQuery(url: URL, { explode, name, style }: ApiParameter, value: JsonValue): void {
  const add = (key: string, each: JsonValue): void => url.searchParams.append(key, textOf(each));
  if (style === 'json') return add(name, JSON.stringify(value));
  if (style === 'deepObject' && isObject(value)) {
    for (const [key, each] of Object.entries(value)) if (each !== null) add(`${name}[${key}]`, each);
    return;
  }
  const delimiter = DELIMITERS[style];
  if (delimiter !== undefined && Array.isArray(value)) return add(name, value.map(textOf).join(delimiter));
  if (explode && isObject(value)) {
    for (const [key, each] of Object.entries(value)) if (each !== null) add(key, each);
    return;
  }
  if (explode) return appendQuery(url, name, value);
  add(name, joined(value, ',', false));
}

/** The properties that no parameter took, or the whole body. */
function bodyOf({ body, id }: ApiOperation, rest: JsonObject, headers: Record<string, string>): string | undefined {
  const names = Object.keys(rest);
  if (body === undefined) {
    if (names.length > 0) throw new RequestInvalid(`/parameters/${names[0] ?? ''} is no parameter of ${id}`);
    return undefined;
  }
  const whole = [body.name, 'body'].find((name) => Object.hasOwn(rest, name) && !body.properties.includes(name));
  const others = names.filter((name) => name !== whole);
  if (whole !== undefined && others.length > 0) throw new RequestInvalid(`/parameters/${others[0] ?? ''} is no parameter of ${id}, and the body is given as a whole`);
  const unknown = whole === undefined && body.properties.length > 0 && names.every((name) => !body.properties.includes(name)) ? names[0] : undefined;
  if (unknown !== undefined) throw new RequestInvalid(`/parameters/${unknown} is neither a parameter of ${id} nor a property of its body`);
  if (names.length === 0) {
    if (body.required) throw new RequestInvalid(`/parameters has no body, which ${id} needs: its properties, or \`body\` as a whole`);
    return undefined;
  }
  return encoded(body, whole === undefined ? rest : (rest[whole] ?? null), headers);
}

function encoded({ contentType }: ApiBody, value: JsonValue, headers: Record<string, string>): string | undefined {
  if (/^multipart\/form-data/i.test(contentType) && isObject(value)) {
    const boundary = `millrace-${randomUUID()}`;
    headers['content-type'] = `multipart/form-data; boundary=${boundary}`;
    const parts = Object.entries(value).flatMap(([name, each]) => (each === null ? [] : [partOf(name, each)]));
    return `${parts.map((part) => `--${boundary}\r\n${part}`).join('')}--${boundary}--\r\n`;
  }
  headers['content-type'] ??= contentType;
  if (/json/i.test(contentType)) return JSON.stringify(value);
  return encodeBody(value, headers);
}

function partOf(name: string, value: JsonValue): string {
  const quoted = name.replace(/["\r\n]/g, (each) => encodeURIComponent(each));
  const type = typeof value === 'object' ? 'Content-Type: application/json\r\n' : '';
  return `Content-Disposition: form-data; name="${quoted}"\r\n${type}\r\n${textOf(value)}\r\n`;
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** A list by its items, an object by its members: `a,1,b,2`, or `a=1,b=2` when exploded. */
function joined(value: JsonValue, delimiter: string, explode: boolean): string {
  if (Array.isArray(value)) return value.map(textOf).join(delimiter);
  if (isObject(value)) return Object.entries(value).map(([key, each]) => `${key}${explode ? '=' : ','}${textOf(each)}`).join(delimiter);
  return textOf(value);
}

function encodedParts(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((each: JsonValue) => encodeURIComponent(textOf(each)));
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [encodeURIComponent(key), encodeURIComponent(textOf(each))]));
  return encodeURIComponent(textOf(value));
}
