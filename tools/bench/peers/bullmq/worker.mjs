/** One job is one step; it adds the next, and the last one tells the client. Arguments: a plan with the port. */
import { planOf, step } from '../closed-loop.mjs';
import { load } from '../packages.mjs';

const { Queue, Worker } = await load('bullmq');
const { default: Redis } = await load('ioredis');
const { port, concurrency } = planOf();
const connect = () => new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null });

const queue = new Queue('steps', { connection: connect(), defaultJobOptions: { removeOnComplete: true } });
const announce = connect();
const worker = new Worker(
  'steps',
  async ({ data: { flow, left, value } }) => {
    const result = step(value);
    if (left > 1) await queue.add('step', { flow, left: left - 1, value: result });
    else await announce.publish('ended', flow);
    return result;
  },
  { connection: connect(), concurrency },
);
worker.on('error', (error) => process.stderr.write(`${error}\n`));
await worker.waitUntilReady();
process.stdout.write('ready\n');
process.on('SIGTERM', () => process.exit(0));
