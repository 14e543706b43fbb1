/** Adds the first job of each flow, and counts the flow when its last job has told so. */
import { randomUUID } from 'node:crypto';
import { closedLoop, INPUT, planOf, STEPS } from '../closed-loop.mjs';
import { load } from '../packages.mjs';

const { Queue } = await load('bullmq');
const { default: Redis } = await load('ioredis');
const plan = planOf();
const connect = () => new Redis({ host: '127.0.0.1', port: plan.port, maxRetriesPerRequest: null });

const queue = new Queue('steps', { connection: connect(), defaultJobOptions: { removeOnComplete: true } });
const waiting = new Map();
const told = connect();
told.on('message', (_channel, flow) => {
  waiting.get(flow)?.();
  waiting.delete(flow);
});
await told.subscribe('ended');

await closedLoop((work) => new Promise((settle, fail) => {
  const flow = randomUUID();
  waiting.set(flow, settle);
  queue.add('step', { flow, left: STEPS[work], value: INPUT }).catch(fail);
}), plan);
process.exit(0);
