/** The gRPC service of schedules. */
import type { Schedule, SchedulesServer, ScheduleStatus } from '@millrace/contracts/trigger/v1/schedules';
import { readCron, EVERY_MS_MIN, type CatchUp } from '@millrace/dsl';
import type { JsonValue } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { unary } from '@millrace/rpc';
import { upcoming, type ScheduleRule } from '../schedules/schedule-machine.ts';
import type { ScheduleRecord, ScheduleSpec } from '../schedules/schedule.ts';
import { isWebhookName } from '../webhook.ts';
import type { ScheduleStore } from './schedule-store.ts';

/** Next due times that a status shows. */
export const NEXT_SHOWN = 5;
const CATCH_UPS: readonly string[] = ['latest', 'all', 'none'];

/** @param changed something may be due earlier than was known. */
export function createSchedulesService(store: ScheduleStore, changed: () => void): SchedulesServer {
  return {
    put: unary(async (request) => {
      const { organisation, name } = request;
      if (!isWebhookName(organisation) || !isWebhookName(name)) throw invalid([`${organisation}/${name} is not a name`]);
      const { record, outcome } = await store.put({ organisation, name }, specOf(request), { nowMs: Date.now(), ...(request.paused === undefined ? {} : { paused: request.paused }) });
      changed();
      return statusOf(record, outcome);
    }),
    get: unary(async ({ organisation, name }) => statusOf(found(await store.find(organisation, name), name))),
    list: unary(async ({ organisation }) => ({ schedules: (await store.list(organisation)).map((record) => statusOf(record)) })),
    setPaused: unary(async ({ organisation, name, paused }) => {
      const record = found(await store.setPaused(organisation, name, paused, Date.now()), name);
      changed();
      return statusOf(record);
    }),
    remove: unary(async ({ organisation, name }) => {
      if (!isWebhookName(name)) {
        found(await store.find(organisation, name), name);
        throw new MillraceError('argument-invalid', { message: `${name} is the schedule of a workflow's document: apply a version without \`schedule\`, or pause it` });
      }
      return { found: await store.remove(organisation, name) };
    }),
  };
}

function found(record: ScheduleRecord | undefined, name: string): ScheduleRecord {
  if (record === undefined) throw new MillraceError('resource-unknown', { message: `There is no schedule ${name}` });
  return record;
}

function specOf(request: Schedule): ScheduleSpec {
  const problems: string[] = [];
  const { kind, cron, timeZone, intervalMs, workflow, catchUp } = request;
  const rule: ScheduleRule | undefined = kind === 'cron' ? { kind, cron, timeZone } : kind === 'every' ? { kind, everyMs: intervalMs } : kind === 'after' ? { kind, afterMs: intervalMs } : undefined;
  if (rule === undefined) problems.push(`kind ${JSON.stringify(kind)} is none of cron, every and after`);
  if (rule?.kind === 'cron') {
    const read = readCron(cron, timeZone);
    if (read.kind === 'refused') problems.push(read.problem);
  }
  if (rule?.kind === 'every' && !(rule.everyMs >= EVERY_MS_MIN)) problems.push(`the interval is less than ${EVERY_MS_MIN} ms`);
  if (rule?.kind === 'after' && !(rule.afterMs >= 0)) problems.push('the interval is negative');
  if (workflow === '') problems.push('there is no workflow');
  if (!CATCH_UPS.includes(catchUp)) problems.push(`catchUp ${JSON.stringify(catchUp)} is none of ${CATCH_UPS.join(', ')}`);
  let input: JsonValue = {};
  try {
    input = JSON.parse(request.inputJson) as JsonValue;
  } catch (error) {
    problems.push(`the input is not JSON: ${(error as Error).message}`);
  }
  if (problems.length > 0 || rule === undefined) throw invalid(problems);
  return { workflow, rule, input, catchUp: catchUp as CatchUp };
}

function statusOf(record: ScheduleRecord, outcome = ''): ScheduleStatus {
  const { rule } = record;
  return {
    schedule: {
      organisation: record.organisation,
      name: record.name,
      workflow: record.workflow,
      kind: rule.kind,
      cron: rule.kind === 'cron' ? rule.cron : '',
      timeZone: rule.kind === 'cron' ? rule.timeZone : '',
      intervalMs: rule.kind === 'every' ? rule.everyMs : rule.kind === 'after' ? rule.afterMs : 0,
      inputJson: JSON.stringify(record.input),
      catchUp: record.catchUp,
      paused: record.paused,
    },
    revision: record.revision,
    documentOf: record.documentOf?.workflow ?? '',
    dueAtMs: record.dueMs ?? 0,
    lastDueAtMs: record.lastDueMs ?? 0,
    lastExecution: record.lastExecution ?? '',
    waitsFor: record.waitsFor ?? '',
    started: record.started,
    missed: record.missed,
    nextMs: [...upcoming(rule, record.dueMs, NEXT_SHOWN)],
    outcome,
  };
}

function invalid(problems: readonly string[]): MillraceError {
  return new MillraceError('resource-invalid', { message: `The schedule is not valid: ${problems.join('; ')}`, details: { problems } });
}
