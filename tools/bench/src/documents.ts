/** The workflows of the benchmarks. */

/** About 200 bytes of JSON. */
export const PAYLOAD = { a: 0, text: 'x'.repeat(180) };

/** An execution of so many echo steps in sequence, each with its input built by a jq expression. */
export function chain(steps: number): string {
  const tasks = Array.from(
    { length: steps },
    (_, index) => `  - step${index + 1}:
      call: millrace.echo:1.0.0@default
      with:
        a: \${ .a + 1 }
        text: \${ .text }
`,
  );
  return `document:
  dsl: '1.0.3'
  namespace: bench
  name: chain-${steps}
  version: 1.0.0
do:
${tasks.join('')}`;
}
