/** Says which servers would be used on this machine; with `--fetch`, fetches those that are not here yet. Exit status 0 when both can be had. */
import { parseArgs } from 'node:util';
import { describeServer, findServers, serverBinary } from './binaries.ts';

const { values } = parseArgs({ options: { fetch: { type: 'boolean', default: false } } });
const log = (line: string): void => console.log(line);

for (const found of Object.values(await findServers())) {
  if (found.kind === 'fetchable' && values.fetch) {
    await serverBinary(found.server, { log }).catch((error: unknown) => {
      console.error((error as Error).message);
      process.exitCode = 1;
    });
    continue;
  }
  log(describeServer(found));
  if (found.kind === 'missing') process.exitCode = 1;
}
