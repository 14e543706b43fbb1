/** `npm start`: makes the clone ready, then runs the example on real input. */
import { withDependencies } from './ensure.mjs';
import { handOver } from './hand-over.mjs';

await withDependencies(() => handOver('examples/github-webhooks/src/main.ts', process.argv.slice(2)));
