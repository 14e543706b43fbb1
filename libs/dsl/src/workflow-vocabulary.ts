/**
 * What the DSL's schema means by its definitions, in words, and how to tell which of several a value is.
 */
import type { JsonValue } from '@millrace/engine';
import { closestName } from './closest-name.ts';
import { lastSegmentOf } from './json-pointer.ts';
import { isList, isObject, property, type JsonObject } from './json-value.ts';
import type { Finding, Vocabulary } from './scalar-findings.ts';
import { kindsOf, TASK_KINDS } from './task-kinds.ts';

const EXPECTATIONS: Readonly<Record<string, string>> = {
  runtimeExpression: 'an expression, such as `${ .order.id }`',
  uriTemplate: 'a URI, such as `https://example.com/pets/{petId}`',
  endpoint: 'a URI, such as `https://example.com/pets/{petId}`, an expression `${ … }`, or an object with `uri`',
  EndpointUri: 'a URI, such as `https://example.com/pets/{petId}`, or an expression `${ … }`',
  duration: 'a duration: an ISO 8601 text such as `PT30S`, an object such as `{ seconds: 30 }`, or an expression `${ … }`',
  WorkflowDSL: 'a version of the DSL, such as `1.0.3`',
  WorkflowVersion: 'a semantic version, such as `1.0.0`',
  WorkflowName: 'made of letters, digits and dashes, at most 63, with a letter or digit at both ends',
  WorkflowNamespace: 'made of letters, digits and dashes, at most 63, with a letter or digit at both ends',
};

/** Properties that belong to another kind of task than the one that is there; the reader is told which. */
const PARTS_OF: Readonly<Record<string, string>> = { catch: 'try', with: 'call', while: 'for', foreach: 'listen', cases: 'switch' };

/** The vocabulary of the DSL's schema. */
export function workflowVocabulary(schema: JsonObject): Vocabulary {
  const definitions = property(schema, '$defs');
  const callVariants = property(property(definitions, 'callTask'), 'oneOf');
  return {
    expectation: (name) => EXPECTATIONS[name],
    choose: (definition, value, pointer) => (definition === 'task' ? chooseTask(definitions, callVariants, value, pointer) : undefined),
  };
}

function chooseTask(definitions: JsonValue | undefined, callVariants: JsonValue | undefined, value: JsonValue, pointer: string): ReturnType<NonNullable<Vocabulary['choose']>> {
  if (!isObject(value)) return undefined;
  const kinds = kindsOf(value);
  const [kind, other] = kinds;
  if (kind === 'call' && other === undefined && isList(callVariants)) {
    const variant = callVariants.find((candidate) => calledBy(candidate) === value['call']) ?? callVariants.find((candidate) => calledBy(candidate) === undefined);
    return { kind: 'schema', schema: variant ?? true };
  }
  if (kind !== undefined && other === undefined) return { kind: 'schema', schema: property(definitions, `${kind}Task`) ?? true };
  const name = lastSegmentOf(pointer) ?? '';
  if (kind === undefined) {
    const keys = Object.keys(value);
    const misspelt = keys.map((key) => [key, closestName(key, TASK_KINDS)] as const).find(([, meant]) => meant !== undefined);
    const part = keys.find((key) => Object.hasOwn(PARTS_OF, key));
    const suggestion = misspelt ? `\`${misspelt[0]}\` is probably meant to be \`${misspelt[1]}\`` : part ? `\`${part}\` belongs to a task with \`${PARTS_OF[part]}\`` : undefined;
    return { kind: 'finding', finding: taskFinding(pointer, `\`${name}\` is no task that the DSL knows: it needs one of ${TASK_KINDS.map((known) => `\`${known}\``).join(', ')}`, suggestion) };
  }
  return { kind: 'finding', finding: taskFinding(pointer, `\`${name}\` is several tasks at once: ${kinds.map((known) => `\`${known}\``).join(' and ')}`, 'make each a task of its own, with its own name') };
}

function taskFinding(pointer: string, message: string, suggestion: string | undefined): Finding {
  return { pointer, side: 'key', message, weight: 50, ...(suggestion === undefined ? {} : { suggestion }) };
}

/** The value of `call` that a variant of the call task is for; nothing for the one that takes any other. */
function calledBy(variant: JsonValue): JsonValue | undefined {
  const parts = property(variant, 'allOf');
  if (!isList(parts)) return undefined;
  return parts.map((part) => property(property(property(part, 'properties'), 'call'), 'const')).find((name) => name !== undefined);
}
