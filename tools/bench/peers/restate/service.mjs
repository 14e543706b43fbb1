/**
 * Restate's side that runs steps: `chain` has the workflows, `step` the service that they call; both in one process,
 * or each in its own. Arguments: which (`chain` or `step`), the port.
 */
import { createServer } from 'node:http2';
import { step } from '../closed-loop.mjs';
import { load } from '../packages.mjs';

const [what, port] = process.argv.slice(2);
const restate = await load('@restatedev/restate-sdk');

const stepService = restate.service({ name: 'Step', handlers: { perform: async (_context, value) => step(value) } });

const chainService = restate.service({
  name: 'Chain',
  handlers: {
    inHandler: async (context, { steps, value }) => {
      let current = value;
      for (let index = 0; index < steps; index++) {
        const given = current;
        current = await context.run(`step${index}`, async () => step(given));
      }
      return current;
    },
    inService: async (context, { steps, value }) => {
      const client = context.serviceClient(stepService);
      let current = value;
      for (let index = 0; index < steps; index++) current = await client.perform(current);
      return current;
    },
  },
});

const handler = restate.createEndpointHandler({ services: [what === 'step' ? stepService : chainService], logger: () => undefined });
createServer(handler).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
