/** `millrace show ID` and `millrace cancel ID`: one execution. */
import { executionDocument } from '@millrace/documents';
import { GATEWAY_OPTIONS, type Arguments, type Command } from './command.ts';
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

export const cancelCommand: Command = {
  name: 'cancel',
  synopsis: 'ID',
  summary: 'Cancel an execution',
  options: GATEWAY_OPTIONS,
  positionals: { least: 1, most: 1 },
  run: (given, terminal) => print(given, terminal, (gateway, execution) => gateway.cancel(execution)),
};
