import fc from 'fast-check';
import type { JsonValue } from '@millrace/engine';
import { canonicalJson, contentHash } from './canonical-json.ts';
import { isList, isObject } from './json-value.ts';

/** The same value, its properties written in the opposite order. */
function reversed(value: JsonValue): JsonValue {
  if (isList(value)) return value.map(reversed);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, inner]) => [name, reversed(inner)]));
}

describe('canonical JSON', () => {
  test('orders properties by their code units and leaves no space', () => {
    expect(canonicalJson({ b: [1, { z: null, a: 'ü' }], a: true, 'é': 1.5, B: -0 })).toBe('{"B":0,"a":true,"b":[1,{"a":"ü","z":null}],"é":1.5}');
  });

  test('C1: does not depend on the order in which properties were written', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = value as JsonValue;
        expect(canonicalJson(reversed(json))).toBe(canonicalJson(json));
        expect(JSON.parse(canonicalJson(json))).toEqual(JSON.parse(JSON.stringify(json)));
      }),
    );
  });

  test('its hash is SHA-256 in lower-case hexadecimal', () => {
    expect(contentHash({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  });
});
