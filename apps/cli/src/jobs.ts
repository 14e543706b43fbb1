/** `millrace job`, and jobs that `cancel`, `pause`, `resume` and `retry` make of a filter. */
import { jobDocument, type JobDocument } from '@millrace/documents';
import { setTimeout as delay } from 'node:timers/promises';
import { GATEWAY_OPTIONS, UsageError, type Arguments, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { textTable } from './text-table.ts';
import { withGateway } from './with-gateway.ts';

/** Between looks at a job that is waited for, in milliseconds. */
const LOOK_MS = 300;

/** Of the commands that take a filter in place of an id. */
export const WHERE_OPTIONS = {
  where: { type: 'text', value: 'FILTER', help: 'all executions that it means, as a job, in place of ID' },
  detach: { type: 'flag', help: 'with --where: do not wait for the job' },
} as const;

/** Whether a filter was given; an id and a filter together are wrong. */
export function isBulk(given: Arguments, name: string): boolean {
  const where = given.text('where');
  if ((where === undefined) === (given.positionals.length === 0)) throw new UsageError(`${name} needs ID, or --where FILTER`);
  return where !== undefined;
}

/** Makes a job and follows it to its end; Ctrl-C leaves it running. */
export async function runBulk(given: Arguments, terminal: Terminal, act: string, keep = 0): Promise<number> {
  const document = await withGateway(given, terminal, async (gateway) => {
    let job = jobDocument(await gateway.createJob({ act, where: given.text('where') ?? '', reason: given.text('reason') ?? '', keep }));
    if (!given.json) terminal.write(`job ${job.job}\n`);
    for (let line = ''; job.state === 'running' && !given.flag('detach') && !terminal.interrupted.aborted; ) {
      await delay(LOOK_MS, undefined, { signal: terminal.interrupted }).catch(() => undefined);
      job = jobDocument(await gateway.job(job.job));
      if (!given.json && progressText(job) !== line) terminal.write(`${(line = progressText(job))}\n`);
    }
    return job;
  });
  if (given.json) writeJson(terminal, document);
  return document.failed > 0 ? EXIT.failed : EXIT.ok;
}

function progressText({ act, state, done, skipped, failed, note, bytes }: JobDocument): string {
  const freed = act === 'remove' || act === 'measure' ? ` (${(bytes / 1024 ** 2).toFixed(1)} MiB)` : '';
  return `${state}: ${done} ${act === 'measure' ? 'would be removed' : 'done'}${freed}, ${skipped} too late, ${failed} failed${note === null ? '' : ` (${note})`}`;
}

export const retentionCommand: Command = {
  name: 'retention',
  synopsis: 'apply --where FILTER [--keep N] [--dry-run]',
  summary: 'Delete ended executions that a filter means, with all they have, and say how much that frees',
  options: {
    where: { type: 'text', value: 'FILTER', help: 'such as "workflow = orders and ended < 30d ago"' },
    keep: { type: 'text', value: 'N', help: 'the newest N that the filter means stay' },
    'dry-run': { type: 'flag', help: 'only say what would be deleted' },
    detach: { type: 'flag', help: 'do not wait for the job' },
    reason: { type: 'text', value: 'TEXT', help: 'why; it stands in the job' },
    ...GATEWAY_OPTIONS,
  },
  positionals: { least: 1, most: 1 },
  async run(given, terminal) {
    if (given.positionals[0] !== 'apply' || given.text('where') === undefined) throw new UsageError('there is retention apply --where FILTER');
    const keep = Number(given.text('keep') ?? 0);
    if (!Number.isInteger(keep) || keep < 0 || keep > 2 ** 31) throw new UsageError(`--keep is a whole number, not ${given.text('keep')}`);
    return runBulk(given, terminal, given.flag('dry-run') ? 'measure' : 'remove', keep);
  },
};

export const jobCommand: Command = {
  name: 'job',
  synopsis: '[list] | show ID | cancel ID',
  summary: 'List jobs, or show or cancel one',
  options: GATEWAY_OPTIONS,
  positionals: { least: 0, most: 2 },
  async run(given, terminal) {
    const [verb = 'list', id] = given.positionals;
    if (verb === 'list' && id === undefined) {
      const jobs = (await withGateway(given, terminal, (gateway) => gateway.jobs())).map(jobDocument);
      if (given.json) writeJson(terminal, { jobs });
      else terminal.write(textTable(['job', 'act', 'state', 'done', 'too late', 'failed', 'where'], jobs.map((each) => [each.job, each.act, each.state, String(each.done), String(each.skipped), String(each.failed), each.where]), ['left', 'left', 'left', 'right', 'right', 'right', 'left']));
      return EXIT.ok;
    }
    if ((verb !== 'show' && verb !== 'cancel') || id === undefined) throw new UsageError('there is job list, job show ID and job cancel ID');
    const document = jobDocument(await withGateway(given, terminal, (gateway) => (verb === 'show' ? gateway.job(id) : gateway.cancelJob(id))));
    if (given.json) writeJson(terminal, document);
    else terminal.write(jobText(document));
    return EXIT.ok;
  },
};

function jobText(job: JobDocument): string {
  const lines = [
    ['job', job.job],
    ['act', `${job.act} where ${job.where}`],
    ['by', `${job.by}${job.reason === null ? '' : ` (${job.reason})`}, ${job.createdAt}`],
    ['state', progressText(job)],
    ...job.failures.map(({ execution, message }) => ['failed', `${execution}  ${message}`]),
  ];
  return lines.map(([name = '', value = '']) => `${name.padEnd(8)}${value}\n`).join('');
}
