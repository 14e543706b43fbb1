/**
 * Secrets in a workflow: what `use.secrets` declares, and the handles that stand for them.
 *
 * S1 An expression sees a handle, never a value: `$secrets.NAME` is a text that only the worker replaces, when it
 *    makes a call (DSL, Runtime expression arguments). A member of a secret has a handle of its own.
 * S2 Which handles a call may open is stated with its arguments: those of its own document, and no other.
 */
import type { JsonValue, Template } from '@millrace/engine';
import { contentHash } from '../canonical-json.ts';
import { closestName } from '../closest-name.ts';
import { isList, isObject, property, type JsonObject } from '../json-value.ts';
import type { Compilation } from './compilation.ts';

/** The argument that carries S2; the worker takes it out. */
const SECRETS_ARGUMENT = '$secrets';
/** Hexadecimal digits of a program's hash that seal its handles. */
const SEAL_DIGITS = 32;
const PATH = /\$secrets((?:\s*(?:\.\s*[A-Za-z_]\w*|\.?\s*\[\s*"[^"\\]*"\s*\]|\.\s*"[^"\\]*"))+)/g;
const SEGMENT = /\.\s*([A-Za-z_]\w*)|"([^"\\]*)"/g;
const HANDLE_NAME = /^[A-Za-z0-9_-]+$/;

/** Names under `use.secrets`. */
export function declaredSecrets(document: JsonObject): readonly string[] {
  const names = property(document['use'], 'secrets');
  return isList(names) ? names.map(String) : [];
}

/** Reports a secret that is named and not declared. */
export function checkDeclared(compilation: Compilation, name: string, pointer: string): void {
  const declared = declaredSecrets(compilation.document.value);
  if (declared.includes(name)) return;
  const meant = closestName(name, declared);
  compilation.invalid({ pointer }, `the secret \`${name}\` is not declared in \`use.secrets\``, meant === undefined ? `add it: \`use: { secrets: [ ${name} ] }\`` : `did you mean \`${meant}\`?`);
}

/** Paths below `$secrets` that a source mentions. */
export function secretPaths(source: string): readonly (readonly string[])[] {
  return Array.from(source.matchAll(PATH), ([, path = '']) => Array.from(path.matchAll(SEGMENT), ([, plain, quoted]) => plain ?? quoted ?? ''));
}

/** Checks the secrets that an expression mentions. */
export function checkSecretPaths(compilation: Compilation, source: string, pointer: string): void {
  for (const path of secretPaths(source)) {
    const unnameable = path.find((segment) => !HANDLE_NAME.test(segment));
    if (unnameable !== undefined) compilation.invalid({ pointer }, `\`${unnameable}\` cannot be reached under \`$secrets\``, 'names there are made of letters, digits, - and _');
    else checkDeclared(compilation, path[0] ?? '', pointer);
  }
}

/** The handles by name, with members where the paths go deeper (S1). */
export function withMembers(handles: JsonValue, paths: readonly (readonly string[])[]): JsonValue {
  if (!isObject(handles)) return handles;
  const result: Record<string, JsonValue> = { ...handles };
  for (const [name = '', ...members] of paths) {
    const handle = handles[name];
    if (members.length === 0 || typeof handle !== 'string') continue;
    result[name] = joined(result[name] ?? {}, handle, members, []);
  }
  return result;
}

function joined(value: JsonValue, handle: string, [member, ...rest]: readonly string[], above: readonly string[]): JsonValue {
  if (member === undefined) return isObject(value) ? value : `${handle.slice(0, -1)}${above.map((each) => `.${each}`).join('')}~`;
  const known = isObject(value) ? value : {};
  return { ...known, [member]: joined(known[member] ?? '', handle, rest, [...above, member]) };
}

/** S2, for a document whose expressions mention `$secrets`. */
export function secretsArgument(compilation: Compilation): readonly (readonly [string, Template])[] {
  const { value } = compilation.document;
  const names = declaredSecrets(value);
  if (names.length === 0 || !JSON.stringify(value).includes('$secrets')) return [];
  return [[SECRETS_ARGUMENT, { kind: 'literal', value: { seal: contentHash(value).slice(0, SEAL_DIGITS), names } }]];
}
