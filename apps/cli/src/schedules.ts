/** `millrace schedules` and `millrace subscriptions`: what starts workflows by itself. Applying them is `millrace apply`. */
import { scheduleDocument, scheduleListDocument, subscriptionListDocument, type ScheduleDocument } from '@millrace/documents';
import { GATEWAY_OPTIONS, UsageError, type Arguments, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import type { GatewayClient } from './gateway-client.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { textTable } from './text-table.ts';
import { withGateway } from './with-gateway.ts';

export const schedulesCommand: Command = {
  name: 'schedules',
  synopsis: '[show|pause|resume|remove NAME]',
  summary: 'List schedules with their next times, or show, pause, resume or remove one',
  options: GATEWAY_OPTIONS,
  positionals: { least: 0, most: 2 },
  async run(given, terminal) {
    const [verb = 'list', name] = given.positionals;
    if (verb === 'list' && name === undefined) return listSchedules(given, terminal);
    if (name === undefined) throw new UsageError(`schedules ${verb} needs the NAME of a schedule`);
    if (verb === 'remove') return remove(given, terminal, name, (gateway) => gateway.removeSchedule(name));
    const view = await withGateway(given, terminal, (gateway) => {
      if (verb === 'show') return gateway.schedule(name);
      if (verb === 'pause' || verb === 'resume') return gateway.setSchedulePaused(name, verb === 'pause');
      throw new UsageError(`there is show, pause, resume and remove, not schedules ${verb}`);
    });
    const document = scheduleDocument(view);
    if (given.json) writeJson(terminal, document);
    else terminal.write(scheduleText(document));
    return EXIT.ok;
  },
};

export const subscriptionsCommand: Command = {
  name: 'subscriptions',
  synopsis: '[remove NAME]',
  summary: 'List what becomes of events, or remove a subscription',
  options: GATEWAY_OPTIONS,
  positionals: { least: 0, most: 2 },
  async run(given, terminal) {
    const [verb = 'list', name] = given.positionals;
    if (verb === 'remove' && name !== undefined) return remove(given, terminal, name, (gateway) => gateway.removeSubscription(name));
    if (verb !== 'list' || name !== undefined) throw new UsageError('there is subscriptions, and subscriptions remove NAME');
    const document = subscriptionListDocument(await withGateway(given, terminal, (gateway) => gateway.subscriptions()));
    if (given.json) writeJson(terminal, document);
    else terminal.write(textTable(['name', 'type', 'source', 'goes to'], document.subscriptions.map((each) => [each.name, each.type, each.source ?? '-', each.workflow ?? each.url ?? '-'])));
    return EXIT.ok;
  },
};

async function listSchedules(given: Arguments, terminal: Terminal): Promise<number> {
  const document = scheduleListDocument(await withGateway(given, terminal, (gateway) => gateway.schedules()));
  if (given.json) writeJson(terminal, document);
  else terminal.write(textTable(['name', 'workflow', 'when', 'state', 'next', 'started', 'missed'], document.schedules.map(rowOf), ['left', 'left', 'left', 'left', 'left', 'right', 'right']));
  return EXIT.ok;
}

async function remove(given: Arguments, terminal: Terminal, name: string, ask: (gateway: GatewayClient) => Promise<void>): Promise<number> {
  await withGateway(given, terminal, ask);
  if (given.json) writeJson(terminal, { name });
  else terminal.write(`removed ${name}\n`);
  return EXIT.ok;
}

function rowOf(schedule: ScheduleDocument): readonly string[] {
  return [schedule.name, schedule.workflow, ruleText(schedule.rule), schedule.state, schedule.next[0] ?? '-', String(schedule.started), String(schedule.missed)];
}

function ruleText(rule: ScheduleDocument['rule']): string {
  if ('cron' in rule) return `${rule.cron} (${rule.timeZone})`;
  return 'everyMs' in rule ? `every ${rule.everyMs / 1_000} s` : `${rule.afterMs / 1_000} s after the last`;
}

function scheduleText(schedule: ScheduleDocument): string {
  const lines = [
    ['schedule', schedule.name],
    ['workflow', schedule.workflow],
    ['when', ruleText(schedule.rule)],
    ['state', schedule.state],
    ['missed times', `${schedule.catchUp}; ${schedule.missed} so far`],
    ['started', `${schedule.started}${schedule.lastExecution === null ? '' : `, last ${schedule.lastExecution} for ${schedule.lastDueAt}`}`],
    ...schedule.next.map((time, index) => [index === 0 ? 'next' : '', time]),
  ];
  return lines.map(([name = '', value = '']) => `${name.padEnd(14)}${value}\n`).join('');
}
