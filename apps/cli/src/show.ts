/** One execution: `millrace show`, `explain`, `pause`, `resume` and `cancel`. */
import { executionDocument, explanationDocument } from '@millrace/documents';
import { GATEWAY_OPTIONS, type Arguments, type Command } from './command.ts';
import { isBulk, runBulk, WHERE_OPTIONS } from './jobs.ts';
import { executionText } from './execution-text.ts';
import { EXIT } from './exit-status.ts';
import type { GatewayClient } from './gateway-client.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

type Ask = (gateway: GatewayClient, execution: string) => ReturnType<GatewayClient['get']>;

async function print(given: Arguments, terminal: Terminal, ask: Ask): Promise<number> {
  const document = executionDocument(await withGateway(given, terminal, (gateway) => ask(gateway, given.positionals[0] ?? '')));
  if (given.json) writeJson(terminal, document);
  else terminal.write(executionText(document));
  return EXIT.ok;
}

export const showCommand: Command = {
  name: 'show',
  synopsis: 'ID',
  summary: 'Show an execution with its tasks',
  options: GATEWAY_OPTIONS,
  positionals: { least: 1, most: 1 },
  run: (given, terminal) => print(given, terminal, (gateway, execution) => gateway.get(execution)),
};

const OPERATE_OPTIONS = { reason: { type: 'text', value: 'TEXT', help: 'why; it stands in the history of the execution' }, ...WHERE_OPTIONS, ...GATEWAY_OPTIONS } as const;

function operateCommand(act: 'pause' | 'resume' | 'cancel', summary: string): Command {
  return {
    name: act,
    synopsis: 'ID | --where FILTER',
    summary,
    options: OPERATE_OPTIONS,
    positionals: { least: 0, most: 1 },
    run: (given, terminal) => isBulk(given, act) ? runBulk(given, terminal, act) : print(given, terminal, (gateway, execution) => gateway.operate(execution, act, given.text('reason') ?? '')),
  };
}

export const cancelCommand = operateCommand('cancel', 'Cancel an execution');
export const pauseCommand = operateCommand('pause', 'Dispatch nothing new of an execution until it is resumed');
export const resumeCommand = operateCommand('resume', 'Let a paused execution go on');

export const explainCommand: Command = {
  name: 'explain',
  synopsis: 'ID',
  summary: 'Say in one sentence why an execution is not moving',
  options: GATEWAY_OPTIONS,
  positionals: { least: 1, most: 1 },
  async run(given, terminal) {
    const document = explanationDocument(await withGateway(given, terminal, (gateway) => gateway.explain(given.positionals[0] ?? '')));
    if (given.json) writeJson(terminal, document);
    else terminal.write(`${document.sentence}\n`);
    return EXIT.ok;
  },
};
