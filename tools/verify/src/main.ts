/**
 * `npm run verify [-- --quick] [--strict] [--only TEXT]`: runs the checks one after the other and says what failed.
 * The last line is `N passed, N failed`. Exit status 0 only when nothing failed.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { checksOf } from './checks.ts';
import { failed, sectionLine, strict, totalLine, type Outcome, type Section } from './tally.ts';

const root = path.resolve(import.meta.dirname, '../../..');
/** Most of a failing check's output that is shown, in characters; the end matters most. */
const OUTPUT_CHARS_MAX = 12_000;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: process.env['CI'] === 'true' },
    only: { type: 'string' },
  },
});

// The checks run in process groups of their own; leaving through `exit` ends them too.
for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
  process.once(signal, () => process.exit(status));
}

const sections: Section[] = [];
for (const check of checksOf(root)) {
  if ((values.quick && check.slow === true) || (values.only !== undefined && !check.name.includes(values.only))) continue;
  const start = performance.now();
  const outcome = await check.run().catch((error: unknown): Outcome => failed('the check itself broke', String((error as Error).stack ?? error)));
  const section = { name: check.name, outcome: values.strict ? strict(outcome) : outcome, ms: performance.now() - start };
  sections.push(section);
  print(section);
}

const broken = sections.filter(({ outcome }) => outcome.failed.length > 0);
if (broken.length > 0) console.log('\nFailed:');
for (const { name, outcome } of broken) for (const line of outcome.failed) console.log(`  ${name}: ${line}`);
console.log(`\n${totalLine(sections)}`);
process.exitCode = broken.length === 0 ? 0 : 1;

function print(section: Section): void {
  const { failed: wrong, skipped, output } = section.outcome;
  console.log(sectionLine(section));
  for (const name of skipped) console.log(`        skipped: ${name}`);
  if (wrong.length > 0 && output !== '') console.log(output.slice(-OUTPUT_CHARS_MAX).replace(/^/gm, '        '));
}
