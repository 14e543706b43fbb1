/** `millrace retry`, `restart` and `fork`: an execution made from another. */
import { randomUUID } from 'node:crypto';
import { rerunDocument, type RerunDocument } from '@millrace/documents';
import { GATEWAY_OPTIONS, UsageError, type Arguments, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { isBulk, runBulk, WHERE_OPTIONS } from './jobs.ts';
import { readInputJson } from './run-input.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { textTable } from './text-table.ts';
import { withGateway } from './with-gateway.ts';

const OPTIONS = {
  'dry-run': { type: 'flag', help: 'only say what would become of each side effect' },
  reason: { type: 'text', value: 'TEXT', help: 'why; it stands in the history of the new execution' },
  key: { type: 'text', value: 'KEY', help: 'the same key makes one execution' },
  ...GATEWAY_OPTIONS,
} as const;

async function rerun(given: Arguments, terminal: Terminal, act: string): Promise<number> {
  const request = {
    execution: given.positionals[0] ?? '',
    act,
    from: given.text('from') ?? given.positionals[1] ?? '',
    workflow: given.text('workflow') ?? '',
    inputJson: await readInputJson(given.text('input'), terminal),
    idempotencyKey: given.text('key') ?? randomUUID(),
    reason: given.text('reason') ?? '',
    dryRun: given.flag('dry-run'),
  };
  const document = rerunDocument(await withGateway(given, terminal, (gateway) => gateway.rerun(request)));
  if (given.json) writeJson(terminal, document);
  else terminal.write(rerunText(document, act));
  return EXIT.ok;
}

/** The list first: it is what an operator has to agree with. */
export function rerunText({ execution, existing, workflow, version, effects }: RerunDocument, act: string): string {
  const rows = effects.map((each) => [each.reference, each.iterations.join('.'), each.operation, each.outcome, each.because]);
  const table = rows.length === 0 ? 'No side effects.\n' : textTable(['task', 'iteration', 'operation', 'outcome', 'because'], rows, ['left', 'right', 'left', 'left', 'left']);
  const of = `${workflow}@${version}`;
  return `${table}${execution === null ? `Nothing was started (${act} of ${of}).` : `${execution}  ${existing ? 'had been made before' : 'started'}  ${of}`}\n`;
}

export const retryCommand: Command = {
  name: 'retry',
  synopsis: 'ID [--dry-run] | --where FILTER',
  summary: 'Run an execution that did not complete again, from the task that failed',
  options: { ...OPTIONS, ...WHERE_OPTIONS },
  positionals: { least: 0, most: 1 },
  async run(given, terminal) {
    if (!isBulk(given, 'retry')) return rerun(given, terminal, 'retry');
    if (given.flag('dry-run') || given.text('key') !== undefined) throw new UsageError('--dry-run and --key are for one execution; see what a filter means with `millrace list --where`');
    return runBulk(given, terminal, 'retry');
  },
};

export const rerunFromCommand: Command = {
  name: 'rerun',
  synopsis: 'ID TASK [--dry-run]',
  summary: 'Run an execution that has ended again, from a chosen task on',
  options: OPTIONS,
  positionals: { least: 2, most: 2 },
  run: (given, terminal) => rerun(given, terminal, 'restart'),
};

export const forkCommand: Command = {
  name: 'fork',
  synopsis: 'ID [--input JSON|@FILE|-] [--workflow NAME@VERSION] [--dry-run]',
  summary: 'Run an execution again with other input or another version',
  options: {
    input: { type: 'text', value: 'JSON|@FILE|-', help: 'its input; the same without it' },
    workflow: { type: 'text', value: 'NAME[@VERSION]', help: 'its workflow; the same version without it' },
    from: { type: 'text', value: 'TASK', help: 'take over only what was done before this task' },
    ...OPTIONS,
  },
  positionals: { least: 1, most: 1 },
  run: (given, terminal) => rerun(given, terminal, 'fork'),
};
