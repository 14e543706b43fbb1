/** `npm run hostile -- [--only TEXT] [--seconds N] [--rate N] [--slack MS] [--json]` */
import { parseArgs } from 'node:util';
import { lineOf, runHostile } from './run-hostile.ts';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, seconds: { type: 'string', default: '10' }, rate: { type: 'string', default: '60' }, slack: { type: 'string', default: '0' }, json: { type: 'boolean', default: false } } });
const rows = await runHostile({
  seconds: Number(values.seconds),
  rate: Number(values.rate),
  slackMs: Number(values.slack),
  wanted: ({ name }) => name.toLowerCase().includes(values.only.toLowerCase()),
  report: (line) => process.stderr.write(`${line}\n`),
});
if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
else {
  process.stdout.write('bounds input                                          quiet / meanwhile                  growth  how it ended\n');
  for (const row of rows) {
    process.stdout.write(`${lineOf(row)}\n`);
    for (const broken of row.broken) process.stdout.write(`       ${broken}\n`);
  }
}
process.exit(rows.length > 0 && rows.every(({ broken }) => broken.length === 0) ? 0 : 1);
