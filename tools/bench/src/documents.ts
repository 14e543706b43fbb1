/** The workflows of the benchmarks. */

/** About 200 bytes of JSON. */
export const PAYLOAD = { a: 0, text: 'x'.repeat(180) };

/** Steps of one execution of `fan-out`, `loop`. */
export const BRANCHES = 100;
export const ITEMS = 1_000;

/** An execution of so many echo steps in sequence, each with its input built by a jq expression. */
export function chain(steps: number, name = `chain-${steps}`): string {
  return document(name, Array.from({ length: steps }, (_, index) => echo(`step${index + 1}`)).join(''));
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

/** Echo steps over what a webhook brought. */
export function hooked(steps = 1): string {
  const first = `  - step:
      call: millrace.echo:1.0.0@default
      with:
        a: '\${ .body.a + 1 }'
        text: '\${ .body.text }'
`;
  return document('hooked', first + Array.from({ length: steps - 1 }, (_, index) => echo(`step${index + 2}`)).join(''));
}

/** Echo steps and a wait between them, so that executions are in flight for long. */
export function lasting(): string {
  return document('lasting', `${echo('before')}  - pause:
      wait: { seconds: 20 }
${echo('after')}`);
}

/** Waits for a day: an execution that is only there. */
export function sleeping(): string {
  return document('sleeping', `  - pause:
      wait: { days: 1 }
`);
}

/** One fork of a hundred branches, each one echo step. */
export function fanOut(): string {
  const branch = (number: number): string => `          - branch${number}:
              call: millrace.echo:1.0.0@default
              with:
                a: '\${ .a + ${number} }'
                text: '\${ .text }'
`;
  return document('fan-out', `  - spread:
      fork:
        branches:
${Array.from({ length: BRANCHES }, (_, index) => branch(index + 1)).join('')}  - gather:
      set: { branches: '\${ length }' }
`);
}

/** A loop over a thousand items, one echo step each. */
export function loop(): string {
  return document('loop', `  - each:
      for: { each: item, in: '\${ [range(0; ${ITEMS})] }' }
      do:
        - step:
            call: millrace.echo:1.0.0@default
            with:
              a: '\${ .a + $item }'
              text: '\${ .text }'
`);
}

/** Ten steps, each a JavaScript that reads about 200 bytes of JSON and prints as many. */
export function scripts(): string {
  const step = (number: number): string => `  - step${number}:
      run:
        script:
          language: js
          arguments: [ '\${ tojson }' ]
          code: |
            const input = JSON.parse(process.argv[2]);
            console.log(JSON.stringify({ a: input.a + 1, text: input.text }));
      output: { as: '\${ fromjson }' }
`;
  return document('script-10', Array.from({ length: 10 }, (_, index) => step(index + 1)).join(''));
}

/** One mail to a recipient that the input names. */
export function notifying(): string {
  return document('notifying', `  - tell:
      call: millrace.notify:1.0.0@default
      with:
        recipient: '\${ .to }'
        template: plain
        data: { subject: '\${ .subject }', text: '\${ .text }' }
        key: '\${ .key }'
`);
}

/** An execution that waits for as long as its input says. */
export function resting(): string {
  return document('resting', "  - rest:\n      wait: '${ .rest }'\n");
}

/** Echo steps with a heavy payload and expressions that cost much: what a noisy neighbour sends. */
export function heavy(): string {
  const step = (number: number): string => `  - step${number}:
      call: millrace.echo:1.0.0@default
      with:
        a: '\${ [range(0; 300)] | map(. * 2) | add }'
        text: '\${ .text }'
`;
  return document('heavy', Array.from({ length: 10 }, (_, index) => step(index + 1)).join(''));
}

function echo(name: string): string {
  return `  - ${name}:
      call: millrace.echo:1.0.0@default
      with:
        a: '\${ .a + 1 }'
        text: '\${ .text }'
`;
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
