/** `npm run faults -- [--minutes N] [--in-flight N] [--only TEXT] [--json]` */
import { parseArgs } from 'node:util';
import { runFaults } from './run-faults.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '0' }, 'in-flight': { type: 'string', default: '300' }, only: { type: 'string' }, json: { type: 'boolean', default: false } } });
const report = await runFaults({ inFlight: Number(values['in-flight']), forMs: Number(values.minutes) * 60_000, ...(values.only === undefined ? {} : { only: values.only }), report: (line) => process.stderr.write(`${line}\n`) });
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else {
  process.stdout.write(`${report.executions} executions, ${report.arrivals} arrivals, ${report.repeatedAttempts} attempts repeated at faults, ${report.violations.length} violations\n`);
  for (const violation of report.violations.slice(0, 50)) process.stdout.write(`  ${violation}\n`);
}
process.exit(report.violations.length === 0 ? 0 : 1);
