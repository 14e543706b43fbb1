/**
 * Functions that a document calls by an address or from a catalog, fetched into it (DSL, Custom Function, Catalogs).
 *
 * Owns finding them and where they are. Does not own fetching: whoever has the document does that, once, before the
 * document is applied; so a definition is whole and never changes with what stands at an address.
 *
 * B1 A function that was fetched stands under `use.functions` by the very name that it is called by.
 * B2 A document that calls nothing from elsewhere comes back as it is.
 */
import { parse } from 'yaml';
import type { JsonValue } from '@millrace/engine';
import { childPointer } from './json-pointer.ts';
import { isObject, property, type JsonObject } from './json-value.ts';
import { fetchResource, type FetchText } from './fetch-resource.ts';
import { FETCHED_FUNCTIONS_MAX } from './limits.ts';
import type { Problem } from './problem.ts';
import { problemAt, type WorkflowDocument } from './source-document.ts';
import { taskListsOf } from './task-lists.ts';

export type BundleResult =
  | { readonly kind: 'bundled'; readonly document: WorkflowDocument }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

/** A call of a function that is not in the document. */
interface OutsideCall {
  readonly called: string;
  readonly pointer: string;
}

const CATALOGUED = /^([^:@/]+):([^:@/]+)@([^@/]+)$/;

/** Fetches what the document calls from elsewhere, also what fetched functions call. */
export async function bundleFunctions(document: WorkflowDocument, fetchText: FetchText): Promise<BundleResult> {
  let bundled = document;
  for (let fetched = 0; ; fetched += 1) {
    const call = outsideCalls(bundled.value)[0];
    if (call === undefined) return { kind: 'bundled', document: bundled };
    const refuse = (message: string, suggestion?: string): BundleResult => ({ kind: 'refused', problems: [problemAt(document, { pointer: `${call.pointer}/call` }, 'workflow-invalid', message, suggestion)] });
    if (fetched >= FETCHED_FUNCTIONS_MAX) return refuse(`the document calls more than ${FETCHED_FUNCTIONS_MAX} functions from elsewhere`);
    const place = placeOf(call.called, bundled.value);
    if (place === undefined) return refuse(`the catalog of \`${call.called}\` cannot be read`, 'give it an `endpoint` under `use.catalogs`');
    const { uri } = place;
    try {
      const definition: unknown = parse(await fetchResource(place.endpoint, bundled.value, fetchText, () => uri), { logLevel: 'error' });
      if (!isObject(definition as JsonObject)) return refuse(`what stands at ${uri} is no function: it is no object`);
      bundled = withFunction(bundled, call.called, definition as JsonObject);
    } catch (error) {
      return refuse(`the function at ${uri} cannot be had: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
    }
  }
}

function withFunction(document: WorkflowDocument, name: string, definition: JsonObject): WorkflowDocument {
  const use = property(document.value, 'use');
  const functions = property(use, 'functions');
  const value = { ...document.value, use: { ...(isObject(use) ? use : {}), functions: { ...(isObject(functions) ? functions : {}), [name]: definition } } };
  return { ...document, value };
}

function outsideCalls(value: JsonObject): readonly OutsideCall[] {
  const functions = property(value['use'], 'functions');
  const defined = isObject(functions) ? functions : {};
  const tasks = [
    ...taskListsOf(value).flatMap(({ tasks: list }) => list.map(({ definition, pointer }) => ({ definition, pointer }))),
    ...Object.entries(defined).map(([name, definition]) => ({ definition, pointer: childPointer('/use/functions', name) })),
  ];
  return tasks.flatMap(({ definition, pointer }) => {
    const called = property(definition, 'call');
    if (typeof called !== 'string' || Object.hasOwn(defined, called)) return [];
    return /^https?:\/\//i.test(called) || isFromCatalog(called, value) ? [{ called, pointer }] : [];
  });
}

/** The default catalog is Millrace's own, unless the document names another. */
function isFromCatalog(called: string, value: JsonObject): boolean {
  const catalog = CATALOGUED.exec(called)?.[3];
  if (catalog === undefined) return false;
  const catalogs = property(value['use'], 'catalogs');
  return catalog !== 'default' || (isObject(catalogs) && Object.hasOwn(catalogs, 'default'));
}

/** `ROOT/functions/NAME/VERSION/function.yaml`, the structure that catalogs have. */
function placeOf(called: string, value: JsonObject): { readonly uri: string; readonly endpoint: JsonValue } | undefined {
  const match = CATALOGUED.exec(called);
  if (match === null) return { uri: rawAddress(called), endpoint: called };
  const [, name = '', version = '', catalog = ''] = match;
  const endpoint = property(property(property(value['use'], 'catalogs'), catalog), 'endpoint');
  const root = typeof endpoint === 'string' ? endpoint : property(endpoint, 'uri');
  return typeof root === 'string' && endpoint !== undefined ? { endpoint, uri: `${rawAddress(root).replace(/\/+$/, '')}/functions/${name}/${version}/function.yaml` } : undefined;
}

/** A repository at GitHub is named by its page; its files are elsewhere. */
function rawAddress(uri: string): string {
  const match = /^https:\/\/github\.com\/([^/]+)\/([^/]+?)(?:\.git)?(?:\/(?:tree|blob)\/([^/]+)(\/.*)?)?\/?$/.exec(uri);
  if (match === null) return uri;
  const [, owner = '', repository = '', branch = 'main', path = ''] = match;
  return `https://raw.githubusercontent.com/${owner}/${repository}/${branch}${path}`;
}
