/**
 * Secrets in the arguments of a step: handles are replaced by values here, at the last moment before a call.
 *
 * Owns the form of a handle (`~secret.SEAL.NAME[.MEMBER…]~`, made by the engine for `$secrets`) and what one step
 * has seen of secrets. Does not own secrets themselves.
 *
 * H1 A handle is replaced only when its seal is that of the step's own program and the document declares the
 *    secret: who writes such a text from outside does not know the seal.
 * H2 A handle in what an operation brings back is broken, so that none can be planted for a later step.
 * H3 Every value that took a handle's place is known to `texts`, so that it can be taken out of what leaves the
 *    worker; of a policy from a secret its credentials are, and names of users and clients are not.
 */
import { MillraceError } from '@millrace/errors';
import type { JsonObject, JsonValue } from './manifest.ts';
import type { ConnectionSource } from './ports.ts';

/** The argument by which a program says which handles are its own; taken out before the operation sees them. */
export const SECRETS_ARGUMENT = '$secrets';
const HANDLE = /~secret\.([0-9a-f]{32})((?:\.[A-Za-z0-9_-]+)+)~/g;
const MARK = '~secret.';

/** A secret that is not there, or that the document does not declare; a sentence for the failure's detail. */
export class SecretRefused extends Error {}

/** What one step may open, and what it has opened. */
export interface StepSecrets {
  /** The secret's value; whoever uses it hides what must not leave. @throws SecretRefused */
  open(name: string): JsonValue;
  /** A text that must not leave the worker: a part of a secret, or a credential made on the way, such as a token. */
  hide(text: string): void;
  /** H3. */
  readonly texts: readonly string[];
}

export function stepSecrets(source: Pick<ConnectionSource, 'secret'>, organisation: string): StepSecrets {
  const texts: string[] = [];
  const opened = new Map<string, JsonValue>();
  const hide = (text: string): void => void (texts.includes(text) || texts.push(text));
  return {
    texts,
    hide,
    open: (name) => {
      const known = opened.get(name);
      if (known !== undefined) return known;
      let value: JsonValue | undefined;
      try {
        value = source.secret(organisation, name);
      } catch (error) {
        if (error instanceof MillraceError) throw new SecretRefused(error.message);
        throw error;
      }
      if (value === undefined) throw new SecretRefused(`there is no secret ${name} in organisation ${organisation}; apply one of \`kind: secret\` first`);
      opened.set(name, value);
      return value;
    },
  };
}

/** The arguments with every handle replaced (H1). @throws SecretRefused */
export function openHandles(args: JsonObject, secrets: Pick<StepSecrets, 'open' | 'hide'>): JsonObject {
  const { [SECRETS_ARGUMENT]: declared, ...rest } = args;
  if (declared === undefined) return args;
  const { seal, names } = declared as { readonly seal?: unknown; readonly names?: unknown };
  const own: Own = { seal: String(seal), names: Array.isArray(names) ? names.map(String) : [], secrets };
  return opened(rest, own) as JsonObject;
}

interface Own {
  readonly seal: string;
  readonly names: readonly string[];
  readonly secrets: Pick<StepSecrets, 'open' | 'hide'>;
}

function opened(value: JsonValue, own: Own): JsonValue {
  if (typeof value === 'string') return value.includes(MARK) ? openedText(value, own) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => opened(item, own));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, opened(member, own)]));
}

/** A text that is one handle becomes the value, whatever it is; within a longer text it becomes text. */
function openedText(text: string, own: Own): JsonValue {
  const found = [...text.matchAll(HANDLE)];
  const [first] = found;
  if (found.length === 1 && first?.[0] === text) return valueOf(first[1] ?? '', first[2] ?? '', own) ?? text;
  return text.replace(HANDLE, (whole, seal: string, path: string) => {
    const value = valueOf(seal, path, own);
    if (value === undefined) return whole;
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}

function valueOf(seal: string, path: string, own: Own): JsonValue | undefined {
  if (seal !== own.seal) return undefined;
  const [name = '', ...members] = path.slice(1).split('.');
  if (!own.names.includes(name)) throw new SecretRefused(`the workflow does not declare the secret ${name}; add it to \`use.secrets\``);
  let value = own.secrets.open(name);
  for (const member of members) {
    const inner: JsonValue | undefined = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject)[member] : undefined;
    if (inner === undefined) throw new SecretRefused(`the secret ${name} has no ${members.join('.')}`);
    value = inner;
  }
  for (const text of textsOf(value)) own.secrets.hide(text);
  return value;
}

/** H2. */
export function breakHandles(json: string): string {
  return json.includes(MARK) ? json.replaceAll(MARK, '~secret ') : json;
}

/** Every text and number within a secret. */
function textsOf(value: JsonValue): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value as JsonObject).flatMap(textsOf);
}
