/** What stands at an endpoint, fetched while a document is made whole (DSL reference, Endpoint, External Resource). */
import type { JsonValue } from '@millrace/engine';
import { expressionSource } from './compile/expression.ts';
import { property, type JsonObject } from './json-value.ts';

/** The text at an address, asked for with these headers. Rejects with a sentence that says why there is none. */
export type FetchText = (uri: string, headers?: Readonly<Record<string, string>>) => Promise<string>;

/** Fetches an endpoint, `at` below it where that is given. Rejects with a sentence, also for credentials that only a run would have. */
export async function fetchResource(endpoint: JsonValue, document: JsonObject, fetchText: FetchText, at: (root: string) => string = (root) => root): Promise<string> {
  const uri = typeof endpoint === 'string' ? endpoint : property(endpoint, 'uri');
  if (typeof uri !== 'string' || expressionSource(uri) !== undefined) throw new Error('its address has to be written out');
  const headers = authorizationOf(property(endpoint, 'authentication'), document);
  return headers === undefined ? fetchText(at(uri)) : fetchText(at(uri), headers);
}

/** Basic and bearer, in place or by name; their values stand in the document, so they are no secrets. */
function authorizationOf(authentication: JsonValue | undefined, document: JsonObject): Readonly<Record<string, string>> | undefined {
  if (authentication === undefined) return undefined;
  const name = property(authentication, 'use');
  const policy = typeof name === 'string' ? property(property(document['use'], 'authentications'), name) : authentication;
  const written = (value: JsonValue | undefined): string => {
    if (typeof value === 'string' && expressionSource(value) === undefined) return value;
    throw new Error('its credentials are not written in the document: secrets and expressions are there only when a workflow runs');
  };
  const basic = property(policy, 'basic');
  if (basic !== undefined) return { authorization: `Basic ${Buffer.from(`${written(property(basic, 'username'))}:${written(property(basic, 'password'))}`).toString('base64')}` };
  const bearer = property(policy, 'bearer');
  if (bearer !== undefined) return { authorization: `Bearer ${written(property(bearer, 'token'))}` };
  throw new Error('only basic and bearer credentials can be used while a document is applied');
}
