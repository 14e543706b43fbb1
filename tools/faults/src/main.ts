/** `npm run faults -- [--list] [--only TEXT] [--minutes N] [--in-flight N] [--json]` */
import { parseArgs } from 'node:util';
import { missingFor } from './bed/fault-bed.ts';
import { FAULTS } from './faults/fault-list.ts';
import { runFaults } from './run-faults.ts';
import { summaryOf, tableOf } from './fault-text.ts';

const { values } = parseArgs({
  options: { list: { type: 'boolean', default: false }, only: { type: 'string', default: '' }, minutes: { type: 'string' }, 'in-flight': { type: 'string', default: '300' }, json: { type: 'boolean', default: false } },
});
const wanted = ({ name, bed }: (typeof FAULTS)[number]): boolean => `${bed}: ${name}`.toLowerCase().includes(values.only.toLowerCase());
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const numberOf = (option: string, text: string): number => {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  process.stderr.write(`--${option} must be a number above 0, not ${text}\n`);
  process.exit(2);
};
const inFlight = numberOf('in-flight', values['in-flight']);
const minutes = values.minutes === undefined ? undefined : numberOf('minutes', values.minutes);

if (!FAULTS.some(wanted)) {
  process.stderr.write(`No fault has ${JSON.stringify(values.only)} in its name; --list shows them all\n`);
  process.exit(2);
}
if (values.list) {
  const lacking = new Map<string, string | undefined>();
  for (const fault of FAULTS.filter(wanted)) {
    if (!lacking.has(fault.bed)) lacking.set(fault.bed, await missingFor(fault.bed));
    const missing = lacking.get(fault.bed);
    print(`${fault.bed}: ${fault.name}${fault.inTests ? '' : ' (by command alone)'}${missing === undefined ? '' : ` (skipped here: ${missing})`}`);
  }
  process.exit(0);
}
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort();
    process.stderr.write('Stopping after the fault in hand; once more stops at once\n');
  });
}
const report = await runFaults({ inFlight, wanted, ...(minutes === undefined ? {} : { forMs: minutes * 60_000 }), signal: interrupted.signal, report: (line) => process.stderr.write(`${line}\n`) });
if (values.json) print(JSON.stringify(report));
else {
  for (const line of tableOf(report)) print(line);
  for (const violation of report.violations.slice(0, 50)) print(`  ${violation}`);
  print(summaryOf(report));
}
process.exit(report.violations.length === 0 ? 0 : 1);
