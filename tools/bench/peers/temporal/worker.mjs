/** Temporal's worker, with the settings at which it was fastest on two cores. */
import { planOf, step } from '../closed-loop.mjs';
import { load } from '../packages.mjs';

const { DefaultLogger, NativeConnection, Runtime, Worker } = await load('@temporalio/worker');
const { address, workflows } = planOf();
const CONCURRENCY = 400;
const POLLS = 10;

Runtime.install({ logger: new DefaultLogger('ERROR') });
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  namespace: 'default',
  taskQueue: 'steps',
  workflowsPath: workflows,
  activities: { perform: async (value) => step(value) },
  maxConcurrentActivityTaskExecutions: CONCURRENCY,
  maxConcurrentWorkflowTaskExecutions: CONCURRENCY,
  maxConcurrentActivityTaskPolls: POLLS,
  maxConcurrentWorkflowTaskPolls: POLLS,
  maxCachedWorkflows: 5_000,
  workflowThreadPoolSize: 1,
  shutdownGraceTime: 0,
});
process.on('SIGTERM', () => worker.shutdown());
process.stdout.write('ready\n');
await worker.run();
