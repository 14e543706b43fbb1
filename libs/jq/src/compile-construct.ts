// Making values: arrays, objects, strings with interpolations, formats.

import { allocateArray, allocateElement, allocateObject, allocateString, tick } from './budget.ts';
import type { Meter } from './budget.ts';
import { many, maybe, one, withWalk } from './code.ts';
import type { Bare, Code, Env } from './code.ts';
import { typeFailure } from './failure.ts';
import { isInheritedKey, setMember, typeName } from './json-value.ts';
import type { JsonValue, OpenObject } from './json-value.ts';
import { formatOf } from './builtins/formats.ts';
import type { Format } from './builtins/formats.ts';
import { preview } from './serialize.ts';
import { constantOf } from './scope.ts';
import type { Compilation, Scope } from './scope.ts';
import { refuse } from './source-position.ts';
import type { NodeOf } from './syntax.ts';

export function literalCode(value: JsonValue): Code {
  return withWalk(one(() => value, value));
}

export function compileArray(c: Compilation, node: NodeOf<'array'>, scope: Scope): Code {
  if (node.body === null) return literalCode([]);
  const items = node.body.kind === 'comma' ? node.body.items.map((item) => c.compile(item, scope)) : [c.compile(node.body, scope)];
  const constants = items.map(constantOf);
  if (constants.every((value) => value !== undefined)) return literalCode(constants as JsonValue[]);
  const runs = items.map((item) => (item.multiplicity === 'one' ? item.run : null));
  if (runs.every((run) => run !== null)) {
    return withWalk(
      one((m, env, input) => {
        allocateArray(m, runs.length);
        const array: JsonValue[] = [];
        for (let i = 0; i < runs.length; i++) array.push((runs[i] as (typeof runs)[0])(m, env, input));
        return array;
      }),
    );
  }
  return withWalk(
    one((m, env, input) => {
      allocateArray(m, 0);
      const array: JsonValue[] = [];
      const push = (value: JsonValue): boolean => {
        allocateElement(m);
        array.push(value);
        return true;
      };
      for (const item of items) item.each(m, env, input, push);
      return array;
    }),
  );
}

export function compileObject(c: Compilation, node: NodeOf<'object'>, scope: Scope): Code {
  const entries = node.entries.map((entry) => ({ key: c.compile(entry.key, scope), value: c.compile(entry.value, scope) }));
  const names = entries.map((entry) => constantOf(entry.key));
  entries.forEach((_, i) => {
    const name = names[i];
    const entry = node.entries[i];
    if (name !== undefined && typeof name !== 'string' && entry !== undefined) refuse(`a key has to be a string, not ${typeName(name)}`, entry.key);
  });
  const constants = entries.map((entry) => constantOf(entry.value));
  if (constants.every((value) => value !== undefined) && names.every((name) => name !== undefined)) {
    const object: OpenObject = {};
    names.forEach((name, i) => setMember(object, name as string, constants[i] as JsonValue));
    return literalCode(object);
  }
  return withWalk(objectValue(entries, names));
}

interface MemberCode {
  readonly key: Code;
  readonly value: Code;
}

function objectValue(entries: readonly MemberCode[], names: readonly (JsonValue | undefined)[]): Bare {
  const runs = entries.map(({ value }) => (value.multiplicity === 'one' ? value.run : null));
  if (runs.every((run) => run !== null) && names.every((name): name is string => typeof name === 'string' && !isInheritedKey(name))) {
    const count = runs.length;
    return one((m, env, input) => {
      allocateObject(m, count);
      const object: OpenObject = {};
      for (let i = 0; i < count; i++) object[names[i] as string] = (runs[i] as (typeof runs)[0])(m, env, input);
      return object;
    });
  }
  if (entries.every(({ key, value }) => key.multiplicity === 'one' && value.multiplicity === 'one')) return one((m, env, input) => buildSingle(entries, m, env, input) as JsonValue);
  if (entries.every(({ key, value }) => key.multiplicity !== 'many' && value.multiplicity !== 'many')) return maybe((m, env, input) => buildSingle(entries, m, env, input));
  return many((m, env, input, emit) => {
    const values: JsonValue[] = [];
    const fill = (at: number): boolean => {
      const entry = entries[at];
      if (entry === undefined) return emit(assemble(m, values));
      return entry.key.each(m, env, input, (key) =>
        entry.value.each(m, env, input, (value) => {
          values[2 * at] = key;
          values[2 * at + 1] = value;
          return fill(at + 1);
        }),
      );
    };
    return fill(0);
  });
}

function buildSingle(entries: readonly MemberCode[], m: Meter, env: Env, input: JsonValue): JsonValue | undefined {
  allocateObject(m, entries.length);
  const object: OpenObject = {};
  for (const { key, value } of entries) {
    if (key.multiplicity === 'many' || value.multiplicity === 'many') return undefined;
    const name = key.run(m, env, input);
    if (name === undefined) return undefined;
    const made = value.run(m, env, input);
    if (made === undefined) return undefined;
    setMember(object, memberName(name), made);
  }
  return object;
}

function assemble(m: Meter, values: readonly JsonValue[]): JsonValue {
  allocateObject(m, values.length >> 1);
  const object: OpenObject = {};
  for (let i = 0; i < values.length; i += 2) setMember(object, memberName(values[i] as JsonValue), values[i + 1] as JsonValue);
  return object;
}

function memberName(key: JsonValue): string {
  if (typeof key !== 'string') throw typeFailure((m) => `Object keys must be strings, not ${preview(m, key)}`);
  return key;
}

export function compileString(c: Compilation, node: NodeOf<'string'>, scope: Scope): Code {
  const format = findFormat(node.format ?? '@text', node);
  const parts = node.parts.map((part) => (typeof part === 'string' ? part : c.compile(part, scope)));
  if (parts.every((part) => typeof part === 'string' || part.multiplicity === 'one')) {
    return withWalk(
      one((m, env, input) => {
        tick(m);
        let text = '';
        for (const part of parts) {
          const piece = typeof part === 'string' ? part : part.multiplicity === 'one' ? format(m, part.run(m, env, input)) : '';
          allocateString(m, piece.length);
          text += piece;
        }
        return text;
      }),
    );
  }
  return withWalk(
    many((m, env, input, emit) => {
      const fill = (at: number, after: string): boolean => {
        const part = parts[at];
        if (part === undefined) {
          allocateString(m, after.length);
          return emit(after);
        }
        if (typeof part === 'string') return fill(at - 1, part + after);
        return part.each(m, env, input, (value) => {
          const piece = format(m, value);
          allocateString(m, piece.length);
          return fill(at - 1, piece + after);
        });
      };
      return fill(parts.length - 1, '');
    }),
  );
}

export function compileFormat(node: NodeOf<'format'>): Code {
  const format = findFormat(node.format, node);
  return withWalk(one((m, _env, input) => format(m, input)));
}

function findFormat(name: string, node: NodeOf<'format'> | NodeOf<'string'>): Format {
  return formatOf(name) ?? refuse(`"${name}" is not a format`, node);
}
