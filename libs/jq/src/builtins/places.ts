// Builtins about places in a value: path, getpath, setpath, delpaths, del, pick, first and last elements, streams.

import { index } from '../access.ts';
import { allocateArray, allocateElement, enter, leave, tick } from '../budget.ts';
import type { Meter } from '../budget.ts';
import { many, one, ROOT_PATH, withWalk } from '../code.ts';
import type { Bare, Code, Emit } from '../code.ts';
import { apply1 } from '../combine.ts';
import { extend, indexCode, pathKeys } from '../compile-access.ts';
import { identityCode } from '../compile-control.ts';
import { literalCode } from '../compile-construct.ts';
import { deletePaths, getPath, pathArray, setPath } from '../edit.ts';
import type { Owned } from '../edit.ts';
import { typeFailure } from '../failure.ts';
import { isArray, isTrue } from '../json-value.ts';
import type { JsonArray, JsonValue } from '../json-value.ts';
import { memberKeys } from '../members.ts';
import { preview } from '../serialize.ts';
import { argument, value1, value2 } from './builtin.ts';
import type { Builtin, BuiltinEntry } from './builtin.ts';

const path: Builtin = (site) => {
  const walk = argument(site, 0).walk();
  return withWalk(
    many((m, env, input, emit) =>
      walk(m, env, ROOT_PATH, input, (place, value) => {
        const keys = pathKeys(m, place, value);
        allocateArray(m, keys.length);
        return emit(keys);
      }),
    ),
  );
};

/** `paths` and `paths(f)`: the places of everything below the input, or of what meets the condition. */
const paths: Builtin = ({ args }) => {
  const [condition] = args;
  const everywhere = (m: Meter, value: JsonValue, place: readonly JsonValue[], found: (place: readonly JsonValue[], value: JsonValue) => boolean): boolean => {
    if (typeof value !== 'object' || value === null) return true;
    enter(m, 2);
    let more = true;
    for (const key of isArray(value) ? value.keys() : memberKeys(m, value)) {
      tick(m);
      const below = index(m, value, key);
      allocateArray(m, place.length + 1);
      const at = [...place, key];
      more = found(at, below) && everywhere(m, below, at, found);
      if (!more) break;
    }
    leave(m, 2);
    return more;
  };
  return withWalk(
    many((m, env, input, emit) =>
      everywhere(m, input, [], (place, value) =>
        condition === undefined ? emit(place) : condition.each(m, env, value, (answer) => !isTrue(answer) || emit(place)),
      ),
    ),
  );
};

const getpath: Builtin = (site) => {
  const keys = argument(site, 0);
  const bare: Bare = apply1(keys, (m, input, at) => {
    tick(m);
    return getPath(m, input, pathArray(at));
  });
  return withWalk(bare, () => (m, env, place, input, emit) =>
    keys.each(m, env, input, (at) => {
      let here = place;
      let value = input;
      for (const key of pathArray(at)) {
        here = extend(m, here, key, value);
        value = value === null ? null : index(m, value, key);
      }
      return emit(here, value);
    }),
  );
};

const setpath: Builtin = value2((m, input, at, value) => setPath(m, input, pathArray(at), value, null), 'b');

function collectPaths(source: Code, m: Meter, env: Parameters<Code['each']>[1], input: JsonValue): JsonValue[] {
  const found: JsonValue[] = [];
  source.walk()(m, env, ROOT_PATH, input, (place, value) => {
    const keys = pathKeys(m, place, value);
    allocateArray(m, keys.length);
    allocateElement(m);
    found.push(keys);
    return true;
  });
  return found;
}

const del: Builtin = (site) => {
  const source = argument(site, 0);
  source.walk();
  return withWalk(one((m, env, input) => deletePaths(m, input, collectPaths(source, m, env, input))));
};

/** `pick(f)`: only what lies at the places, the containers around it kept. */
const pick: Builtin = (site) => {
  const source = argument(site, 0);
  source.walk();
  return withWalk(
    one((m, env, input) => {
      const owned: Owned = new Set<object>();
      let picked: JsonValue = null;
      for (const place of collectPaths(source, m, env, input)) picked = setPath(m, picked, place as JsonArray, getPath(m, input, place as JsonArray), owned);
      return picked;
    }),
  );
};

function toStream(m: Meter, value: JsonValue, place: readonly JsonValue[], emit: Emit): boolean {
  tick(m);
  const isLeaf = typeof value !== 'object' || value === null || (isArray(value) ? value.length : memberKeys(m, value).length) === 0;
  if (isLeaf) {
    allocateArray(m, 2);
    return emit([place, value]);
  }
  enter(m, 2);
  let last: readonly JsonValue[] = place;
  let more = true;
  for (const key of isArray(value) ? value.keys() : memberKeys(m, value)) {
    allocateArray(m, place.length + 1);
    last = [...place, key];
    more = toStream(m, index(m, value, key), last, emit);
    if (!more) break;
  }
  leave(m, 2);
  if (!more) return false;
  allocateArray(m, 1);
  return emit([last]);
}

/** Rebuilds values from stream events: [path, leaf] and the closing [path]. */
const fromStream: Builtin = (site) => {
  const source = argument(site, 0);
  return withWalk(
    many((m, env, input, emit) => {
      let value: JsonValue = null;
      let owned: Owned = new Set<object>();
      return source.each(m, env, input, (event) => {
        tick(m);
        if (!isArray(event)) throw typeFailure((m) => `${preview(m, event)} is not a stream event: it has to be an array`);
        const place = pathArray(event[0] ?? null);
        if (event.length > 1) value = setPath(m, value, place, event[1] as JsonValue, owned);
        const isComplete = event.length > 1 ? place.length === 0 : place.length === 1;
        if (!isComplete) return true;
        const complete = value;
        value = null;
        owned = new Set<object>();
        return emit(complete);
      });
    }),
  );
};

/** `truncate_stream(f)`: events of the stream with as many leading keys removed as the input says. */
const truncateStream: Builtin = ({ args }) => {
  const [first, second] = args as readonly [Code, Code | undefined];
  const depth = second === undefined ? identityCode() : first;
  const source = second ?? first;
  return withWalk(
    many((m, env, input, emit) =>
      depth.each(m, env, input, (n) => {
        if (typeof n !== 'number') throw typeFailure((m) => `${preview(m, n)} is not a depth: truncate_stream takes a number`);
        return source.each(m, env, second === undefined ? null : input, (event) => {
          tick(m);
          if (!isArray(event)) throw typeFailure((m) => `${preview(m, event)} is not a stream event: it has to be an array`);
          const place = pathArray(event[0] ?? null);
          if (place.length <= n) return true;
          allocateArray(m, place.length);
          return emit([place.slice(n), ...event.slice(1)]);
        });
      }),
    ),
  );
};

/** `first`, `last` and `nth(n)` without a source are elements of the input, and places in it. */
function elementAt(position: number): Builtin {
  return () => indexCode(identityCode(), literalCode(position));
}

export const PLACES: readonly BuiltinEntry[] = [
  ['path/1', path],
  ['paths/0', paths],
  ['paths/1', paths],
  ['getpath/1', getpath],
  ['setpath/2', setpath],
  ['delpaths/1', value1(deletePaths)],
  ['del/1', del],
  ['pick/1', pick],
  ['tostream/0', () => withWalk(many((m, _env, input, emit) => toStream(m, input, [], emit)))],
  ['fromstream/1', fromStream],
  ['truncate_stream/1', truncateStream],
  ['truncate_stream/2', truncateStream],
  ['first/0', elementAt(0)],
  ['last/0', elementAt(-1)],
  ['nth/1', (site) => indexCode(identityCode(), argument(site, 0))],
];
