import { sampleInput } from './sample-input.ts';

test('takes names from templates, paths from expressions, and what the schema requires', () => {
  const document = {
    input: { schema: { document: { type: 'object', properties: { id: { type: 'integer', minimum: 3 }, kind: { enum: ['a', 'b'] } } } } },
    do: [{ a: { call: 'http', with: { endpoint: 'https://a.example/{petId}', body: { name: '${ .user.name }', n: '${ $context.ignored }', list: '${ .items | length }' } } } }],
  };
  expect(sampleInput(document)).toEqual({ petId: 1, user: { name: 'sample' }, items: [], id: 3, kind: 'a' });
});

test('what a loop goes through is a list', () => {
  expect(sampleInput({ do: [{ a: { for: { in: '.pets' }, do: [{ b: { set: { name: '${ .pets }' } } }] } }] })).toEqual({ pets: [] });
});
