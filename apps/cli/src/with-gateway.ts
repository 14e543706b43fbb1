/** Runs the part of a command that needs a gateway, and closes the connection behind it. */
import type { Arguments } from './command.ts';
import { createGatewayClient, type GatewayClient } from './gateway-client.ts';
import { findGateway } from './gateway-target.ts';
import type { Terminal } from './terminal.ts';

export async function withGateway<T>(given: Arguments, terminal: Terminal, work: (gateway: GatewayClient) => Promise<T>, organisation = given.text('org') ?? ''): Promise<T> {
  const gateway = createGatewayClient(await findGateway(given, terminal), organisation);
  try {
    return await work(gateway);
  } finally {
    gateway.close();
  }
}
