/** The cheap round of `npm run hostile`: what ends wrongly, fails others, grows or dies; latency with room for a busy machine. */
import { HOSTILE_INPUTS } from './hostile-inputs.ts';
import { runHostile } from './run-hostile.ts';

/** What a busy machine may add to the latency of others, in milliseconds: the bound itself is for the command. */
const SLACK_MS = 1_000;

test('hostile inputs end in clear errors or within their limits, and hold up, fail and end nobody else', async () => {
  const rows = await runHostile({ seconds: 2, rate: 20, slackMs: SLACK_MS, wanted: ({ inTests }) => inTests });
  expect(rows.map(({ name }) => name)).toEqual(HOSTILE_INPUTS.filter(({ inTests }) => inTests).map(({ name }) => name));
  expect(rows.flatMap(({ name, broken }) => broken.map((each) => `${name}: ${each}`))).toEqual([]);
}, 300_000);
