/** `npm test` and `npm run verify`: makes the clone ready, then runs every check. */
import { withDependencies } from './ensure.mjs';
import { handOver } from './hand-over.mjs';

await withDependencies(() => handOver('tools/verify/src/main.ts', process.argv.slice(2)));
