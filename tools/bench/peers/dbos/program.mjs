/** DBOS is a library: workflows, steps and client are one process, which this is. */
import { closedLoop, INPUT, planOf, step, STEPS } from '../closed-loop.mjs';
import { load } from '../packages.mjs';

const { DBOS } = await load('@dbos-inc/dbos-sdk');
const plan = planOf();

const chain = DBOS.registerWorkflow(
  async (value, steps) => {
    let current = value;
    for (let index = 0; index < steps; index++) {
      const given = current;
      current = await DBOS.runStep(async () => step(given), { name: `step${index}` });
    }
    return current;
  },
  { name: 'chain' },
);
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: plan.database, systemDatabasePoolSize: 20, runAdminServer: false, logLevel: 'error' });
await DBOS.launch();
await closedLoop(async (work) => {
  const handle = await DBOS.startWorkflow(chain)(INPUT, STEPS[work]);
  const result = await handle.getResult();
  if (result.a !== STEPS[work]) throw new Error(`expected ${STEPS[work]} steps, got ${result.a}`);
}, plan);
process.exit(0);
