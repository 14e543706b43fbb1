/** Calls the workflows through Restate's ingress, over kept connections, and checks what comes back. */
import { closedLoop, INPUT, planOf, STEPS } from '../closed-loop.mjs';
import { load } from '../packages.mjs';

const { Pool } = await load('undici');
const plan = planOf();
const pool = new Pool(plan.address, { connections: plan.inFlight, pipelining: 1, headersTimeout: 120_000, bodyTimeout: 120_000 });

await closedLoop(async (work) => {
  const response = await pool.request({ path: `/Chain/${plan.handler}`, method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ steps: STEPS[work], value: INPUT }) });
  const text = await response.body.text();
  if (response.statusCode !== 200 || JSON.parse(text).a !== STEPS[work]) throw new Error(`${response.statusCode} ${text.slice(0, 200)}`);
}, plan);
process.exit(0);
