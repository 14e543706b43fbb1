/**
 * `npm run bench -- WORK [options]`
 *
 * Starts its own servers and services in a temporary folder, measures, prints, and ends what it started: also when it
 * fails, and at SIGINT and SIGTERM.
 */
import { runBare } from './bare.ts';
import { compare, comparisonTable } from './compare.ts';
import { createEndings, endAtSignals } from './endings.ts';
import { readCommandLine } from './options.ts';
import { profileService, profileText } from './profile.ts';
import { runWork } from './run-work.ts';
import { WORKS } from './works.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const read = readCommandLine(process.argv.slice(2), { ...WORKS, bare: { inFlight: 200 }, compare: { inFlight: 500, named: true }, profile: { inFlight: 500, named: true, takes: ['fsync-delay-ms', 'nats-servers'] } });
if (read.kind === 'refused') {
  for (const problem of read.problems) say(`bench: ${problem}`);
  process.exit(2);
}
const { command, options } = read.line;
const endings = createEndings(say);
endAtSignals(endings);
let status = 0;
try {
  const work = WORKS[command];
  if (command === 'compare') {
    const report = await compare(options, endings);
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, undefined, 2)}\n\n${comparisonTable(report)}`);
  } else if (command === 'bare') {
    const report = await runBare(options, endings);
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, undefined, 2)}\n`);
  } else if (command === 'profile') {
    const report = await profileService(options, endings);
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : profileText(report));
  } else if (work !== undefined) {
    const { report } = await runWork(command, work, options, endings);
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, undefined, 2)}\n`);
  }
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  status = 1;
} finally {
  await endings.all();
}
process.exit(status);
