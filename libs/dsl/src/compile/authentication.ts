/**
 * How calls and resources identify themselves (DSL reference, Authentication): in place, by a name under
 * `use.authentications`, from a secret, or by a connection of the organisation.
 */
import type { JsonValue, Template } from '@millrace/engine';
import { closestName } from '../closest-name.ts';
import { isObject, property } from '../json-value.ts';
import { NAME_PATTERN, NAME_RULE } from '../resource-name.ts';
import type { Compilation } from './compilation.ts';
import { expressionSource } from './expression.ts';
import { checkDeclared } from './secrets.ts';
import { compileTemplate, objectTemplate } from './template.ts';
import { compileUri } from './uri-template.ts';
import type { Visible } from './visible.ts';

export interface Access {
  /** The operation's argument `authentication`. */
  readonly credentials?: Template;
  readonly connection?: string;
  /** The scheme that `$authorization` names. */
  readonly scheme?: string;
}

/** What `use: NAME` may mean besides an authentication of the document. */
export type NamedOutside = 'connection' | 'nothing';

const SCHEMES: Readonly<Record<string, string>> = { basic: 'Basic', bearer: 'Bearer', digest: 'Digest', oauth2: 'Bearer', oidc: 'Bearer' };

/** Compiles the value of `authentication`, if any. */
export function compileAuthentication(compilation: Compilation, authentication: JsonValue | undefined, pointer: string, visible: Visible, outside: NamedOutside = 'connection'): Access {
  if (authentication === undefined) return {};
  const name = property(authentication, 'use');
  if (typeof name !== 'string') return compilePolicy(compilation, authentication, pointer, visible);
  const policies = property(compilation.document.value['use'], 'authentications');
  const policy = property(policies, name);
  if (policy !== undefined) return compilePolicy(compilation, policy, `/use/authentications/${name}`, visible);
  const meant = closestName(name, isObject(policies) ? Object.keys(policies) : []);
  if (outside === 'nothing') {
    compilation.invalid({ pointer: `${pointer}/use` }, `there is no authentication \`${name}\` in \`use.authentications\`, and a connection cannot be used here`, meant === undefined ? 'define it there, or write it here in full' : `did you mean \`${meant}\`?`);
    return {};
  }
  if (meant !== undefined) compilation.warn({ pointer: `${pointer}/use` }, `\`${name}\` is taken for a connection of the organisation`, `if you mean the authentication in \`use\`, write \`${meant}\``);
  return { connection: connectionName(compilation, name, `${pointer}/use`) };
}

function compilePolicy(compilation: Compilation, policy: JsonValue, pointer: string, visible: Visible): Access {
  const [kind = '', settings = null] = isObject(policy) ? (Object.entries(policy)[0] ?? []) : [];
  const scheme = SCHEMES[kind];
  if (scheme === undefined) {
    compilation.unsupported({ pointer: `${pointer}/${kind}` }, `\`${kind}\` authentication`, `use one of ${Object.keys(SCHEMES).map((known) => `\`${known}\``).join(', ')}`);
    return {};
  }
  const place = `${pointer}/${kind}`;
  const secret = property(settings, 'use');
  if (typeof secret === 'string') {
    checkDeclared(compilation, secret, `${place}/use`);
    return { scheme, credentials: { kind: 'literal', value: { kind, secret } } };
  }
  const members = isObject(settings) ? Object.entries(settings) : [];
  return { scheme, credentials: objectTemplate([['kind', { kind: 'literal', value: kind }], ...members.map(([name, value]) => [name, compileMember(compilation, name, value, `${place}/${name}`, visible)] as const)]) };
}

/** Addresses may be URI templates; everything else is a value. */
function compileMember(compilation: Compilation, name: string, value: JsonValue, pointer: string, visible: Visible): Template {
  if (name === 'authority' && typeof value === 'string') return compileUri(compilation, value, pointer, visible);
  if (name !== 'endpoints' || !isObject(value)) return compileTemplate(compilation, value, pointer, visible);
  return objectTemplate(Object.entries(value).map(([member, uri]) => [member, compileUri(compilation, String(uri), `${pointer}/${member}`, visible)] as const));
}

export function connectionName(compilation: Compilation, name: JsonValue, pointer: string): string {
  if (typeof name === 'string' && expressionSource(name) !== undefined) {
    compilation.unsupported({ pointer, side: 'value' }, 'a connection named by an expression', 'write the name of a connection of the organisation');
  } else if (typeof name !== 'string' || !NAME_PATTERN.test(name)) {
    compilation.invalid({ pointer }, `a connection's name must be ${NAME_RULE}`, 'write the name of a connection of the organisation');
  }
  return String(name);
}
