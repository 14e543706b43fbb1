/**
 * `npm run generate` writes libs/contracts/src/generated from protos/; with `--check` it only compares.
 * `--protos DIR` and `--out DIR` name other folders. Exit status 0 in step, 1 not, 2 usage.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { compareContracts } from './compare.ts';
import { generateContracts, GenerationError, readTree } from './generate.ts';

const root = path.resolve(import.meta.dirname, '../../..');

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      protos: { type: 'string', default: path.join(root, 'protos') },
      out: { type: 'string', default: path.join(root, 'libs/contracts/src/generated') },
    },
  });
  if (values.check) {
    const differences = await compareContracts(values.protos, values.out);
    for (const { kind, file } of differences) console.error(`${kind}: ${path.join(values.out, file)}`);
    if (differences.length > 0) console.error('The contracts are not in step with the protos: run `npm run generate` and commit the result.');
    else console.log('contracts are in step with the protos');
    return differences.length === 0 ? 0 : 1;
  }
  await generateContracts(values.protos, values.out);
  console.log(`generated ${(await readTree(values.out)).size} files into ${path.relative(root, values.out)}`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof GenerationError || error instanceof TypeError ? error.message : error);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
