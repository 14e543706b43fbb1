import fc from 'fast-check';
import { decodeLaneInputs, encodeLaneInputs, type LaneInput } from './lane-input.ts';
import type { JsonValue } from './program.ts';

const text = fc.string({ maxLength: 20 });
const input = fc.oneof(
  fc.record({ kind: fc.constant('cancel' as const), organisation: text, execution: text }),
  fc.record(
    { kind: fc.constant('start' as const), organisation: text, execution: text, workflow: text, input: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue), key: text, traceparent: text, acceptedAtMs: fc.nat(), acceptedBy: text, replyTo: text },
    { requiredKeys: ['kind', 'organisation', 'execution', 'workflow', 'input', 'acceptedAtMs', 'acceptedBy'] },
  ),
) as fc.Arbitrary<LaneInput>;

test('inputs are read as they were written', () => {
  fc.assert(fc.property(fc.array(input, { maxLength: 5 }), (inputs) => expect(decodeLaneInputs(encodeLaneInputs(inputs))).toEqual(inputs)));
});

test.each(['{"v":2,"inputs":[]}', '{"inputs":[]}', '{"v":1}', '[]', 'no json'])('%s is refused and never skipped', (message) => {
  expect(() => decodeLaneInputs(message)).toThrow();
});
