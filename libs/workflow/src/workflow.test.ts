import { compileWorkflow, workflowOfValue } from '@millrace/dsl';
import { workflowUnderTest } from '@millrace/workflow-testing';
import { attempt, emit, forEach, http, jq, listen, raise, runWorkflow, set, switchOn, workflow, type WorkflowDocument } from './index.ts';

interface Order {
  readonly item: number;
  readonly customer: { readonly name: string; readonly 'e-mail': string };
  readonly lines: readonly { readonly price: number; readonly count: number }[];
}

const orders = workflow<Order>({ namespace: 'shop', name: 'orders', version: '1.0.0' })
  .task('stock', ({ input }) => http<{ count: number }>({ method: 'get', endpoint: 'https://stock.example.com/items/{item}' }).as((found) => ({ item: input.item, mail: input.customer['e-mail'], stock: found.count })))
  .task('enough', switchOn<{ mail: string; stock: number }>({ none: { when: '.stock == 0', then: 'sold' }, some: { then: 'total' } }))
  .task('sold', raise({ type: 'https://shop.example.com/errors/sold', status: 410 }))
  .task('total', ({ workflowInput }) => set({ total: jq<number>`[${workflowInput.lines}[] | .price * .count] | add`, first: workflowInput.lines[0]!.price }).exportAs((output) => ({ total: output.total })))
  .task('pay', ({ input, context }) =>
    attempt((tasks) => tasks.task('charge', http<{ id: string }>({ method: 'post', endpoint: 'https://bank.example.com/charges', body: { amount: input.total, again: context.total } })), { errors: { with: { status: 503 } } }, (tasks, { error }) =>
      tasks.task('note', set({ id: error.title })),
    ),
  )
  .as((output) => ({ charge: output.id }))
  .build();

test('a builder makes the document, and the document alone', () => {
  expect(orders).toEqual({
    document: { dsl: '1.0.3', namespace: 'shop', name: 'orders', version: '1.0.0' },
    do: [
      { stock: { call: 'http', with: { method: 'get', endpoint: 'https://stock.example.com/items/{item}' }, output: { as: { item: '${ $input.item }', mail: '${ $input.customer["e-mail"] }', stock: '${ .count }' } } } },
      { enough: { switch: [{ none: { when: '.stock == 0', then: 'sold' } }, { some: { then: 'total' } }] } },
      { sold: { raise: { error: { type: 'https://shop.example.com/errors/sold', status: 410 } } } },
      { total: { set: { total: '${ [$workflow.input.lines[] | .price * .count] | add }', first: '${ $workflow.input.lines[0].price }' }, export: { as: { total: '${ .total }' } } } },
      {
        pay: {
          try: [{ charge: { call: 'http', with: { method: 'post', endpoint: 'https://bank.example.com/charges', body: { amount: '${ .total }', again: '${ $context.total }' } } } }],
          catch: { errors: { with: { status: 503 } }, do: [{ note: { set: { id: '${ $error.title }' } } }] },
        },
      },
    ],
    output: { as: { charge: '${ .id }' } },
  });
});

test('what is built runs, and its types are those of its input and output', () => {
  const order: Order = { item: 7, customer: { name: 'Ada', 'e-mail': 'ada@example.com' }, lines: [{ price: 2, count: 3 }, { price: 4, count: 1 }] };
  const run = workflowUnderTest(orders).run({ input: order, mocks: { stock: { output: { count: 1 } }, charge: { output: { id: 'ch_1' } } } });
  const charge: string | undefined = run.output?.charge;
  expect(charge).toBe('ch_1');
  expect(run.path).toEqual(['stock', 'enough', 'total', 'charge']);
  expect(run.calls.at(-1)?.arguments).toMatchObject({ body: { amount: 10, again: 10 } });
});

test('types refuse what is not there', () => {
  const document: WorkflowDocument<{ n: number }, { m: number }> = workflow<{ n: number }>({ namespace: 't', name: 't', version: '1.0.0' })
    .task('a', ({ input }) => set({ m: input.n }))
    .build();
  // @ts-expect-error there is no `x` in the input
  workflow<{ n: number }>({ namespace: 't', name: 't', version: '1.0.0' }).task('a', ({ input }) => set({ m: input.x }));
  // @ts-expect-error a workflow has a version
  workflow({ namespace: 't', name: 't' });
  // @ts-expect-error the input is of another type
  workflowUnderTest(document).run({ input: { n: 'one' } });
  expect(workflowUnderTest(document).run({ input: { n: 1 } }).output).toEqual({ m: 1 });
});

test('loops, events and workflows know their variables', () => {
  const document = workflow<{ ids: readonly number[] }>({ namespace: 't', name: 't', version: '1.0.0' })
    .task('each', ({ input }) => forEach({ in: input.ids, each: 'id', at: 'i' }, (tasks, { each, at }) => tasks.task('child', runWorkflow({ namespace: 't', name: 'child', version: '1.0.0', input: { id: each, at } }))))
    .task('wait', listen<{ by: string }>({ one: { with: { type: 'done' } } }).timeout({ hours: 1 }))
    .task('tell', ({ input }) => emit({ source: 'https://t', type: 'told', data: { by: input[0]!.by } }).if(jq`$context == null`))
    .build();
  const result = compileWorkflow(workflowOfValue(JSON.parse(JSON.stringify(document))));
  expect(result).toMatchObject({ kind: 'compiled' });
  expect(document.do[0]).toEqual({ each: { for: { each: 'id', in: '${ .ids }', at: 'i' }, do: [{ child: { run: { workflow: { namespace: 't', name: 'child', version: '1.0.0', input: { id: '${ $id }', at: '${ $i }' } } } } }] } });
});
