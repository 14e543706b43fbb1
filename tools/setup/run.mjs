/** `node tools/setup/run.mjs FILE [ARGS…]`: makes the clone ready, then runs a TypeScript file on the pinned Node. */
import { withDependencies } from './ensure.mjs';
import { handOver } from './hand-over.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('Usage: node tools/setup/run.mjs FILE [ARGS…]');
  process.exitCode = 2;
} else {
  await withDependencies(() => handOver(file, args));
}
