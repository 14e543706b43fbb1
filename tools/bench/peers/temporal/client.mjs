/** Starts workflows and waits for their results, over several connections so that none of them is the limit. */
import { randomUUID } from 'node:crypto';
import { closedLoop, INPUT, planOf, STEPS } from '../closed-loop.mjs';
import { load } from '../packages.mjs';

const { Client, Connection } = await load('@temporalio/client');
const CONNECTIONS = 4;
const plan = planOf();
const clients = await Promise.all(
  Array.from({ length: CONNECTIONS }, async () => new Client({ connection: await Connection.connect({ address: plan.address, channelArgs: { 'grpc.use_local_subchannel_pool': 1 } }), namespace: 'default' })),
);
let next = 0;
await closedLoop(async (work) => {
  const result = await clients[next++ % CONNECTIONS].workflow.execute('chain', { taskQueue: 'steps', workflowId: randomUUID(), args: [INPUT, STEPS[work]] });
  if (result.a !== STEPS[work]) throw new Error(`expected ${STEPS[work]} steps, got ${result.a}`);
}, plan);
process.exit(0);
