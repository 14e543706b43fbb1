/** The workflows of the benchmarks. */

/** About 200 bytes of JSON. */
export const PAYLOAD = { a: 0, text: 'x'.repeat(180) };

/** An execution of so many echo steps in sequence, each with its input built by a jq expression. */
export function chain(steps: number): string {
  const step = (number: number): string => `  - step${number}:
      call: millrace.echo:1.0.0@default
      with:
        a: '\${ .a + 1 }'
        text: '\${ .text }'
`;
  return document(`chain-${steps}`, Array.from({ length: steps }, (_, index) => step(index + 1)).join(''));
}

/** Ten `call: http` steps to a target. */
export function httpChain(targetUrl: string): string {
  const step = (number: number): string => `  - step${number}:
      call: http
      with:
        method: post
        endpoint: ${targetUrl}/step
        body: '\${ {a: .a, text: .text} }'
`;
  return document('http-10', Array.from({ length: 10 }, (_, index) => step(index + 1)).join(''));
}

/** One echo step over what a webhook brought. */
export function hooked(): string {
  return document('hooked', `  - step:
      call: millrace.echo:1.0.0@default
      with:
        a: '\${ .body.a + 1 }'
        text: '\${ .body.text }'
`);
}

/** Echo steps and a wait between them, so that executions are in flight for long. */
export function lasting(): string {
  const step = (name: string): string => `  - ${name}:
      call: millrace.echo:1.0.0@default
      with:
        a: '\${ .a + 1 }'
        text: '\${ .text }'
`;
  return document('lasting', `${step('before')}  - pause:
      wait: { seconds: 20 }
${step('after')}`);
}

function document(name: string, tasks: string): string {
  return `document:
  dsl: '1.0.3'
  namespace: bench
  name: ${name}
  version: 1.0.0
do:
${tasks}`;
}
