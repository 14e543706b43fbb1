/**
 * Which gateway a command speaks to, and with which key.
 *
 * `MILLRACE_GATEWAY` and `MILLRACE_KEY` come first, then what `millrace up` wrote into the data folder.
 */
import { MillraceError } from '@millrace/errors';
import { isRunning, readClusterState } from '@millrace/cluster';
import type { Arguments } from './command.ts';
import { dataFolderOf, readKey } from './data-folder.ts';
import type { Terminal } from './terminal.ts';

export interface GatewayTarget {
  /** `host:port` of the gRPC API. */
  readonly address: string;
  readonly key: string;
}

/** How long a gateway may take to say where its gRPC API is, in milliseconds. */
const ANSWER_TIMEOUT_MS = 5_000;

/** @throws MillraceError `service-unavailable` when no gateway is known, `key-missing` when no key is. */
export async function findGateway(given: Arguments, terminal: Terminal): Promise<GatewayTarget> {
  const folder = dataFolderOf(given, terminal);
  const named = terminal.environment['MILLRACE_GATEWAY'] ?? '';
  const state = named === '' ? readClusterState(folder) : undefined;
  const address = named === '' ? state?.addresses.gatewayGrpc : await grpcAddress(named);
  if (address === undefined || (state !== undefined && !isRunning(state.supervisor) && !state.processes.some((each) => each.name === 'gateway' && isRunning(each)))) {
    throw new MillraceError('service-unavailable', { message: `No Millrace is up on ${folder}; start one with \`millrace up\`, or name a gateway in MILLRACE_GATEWAY` });
  }
  const key = terminal.environment['MILLRACE_KEY'] ?? (await readKey(folder)) ?? '';
  if (key === '') throw new MillraceError('key-missing', { message: `There is no API key in ${folder}; set MILLRACE_KEY` });
  return { address, key };
}

/** `host:port` of what MILLRACE_GATEWAY says: that itself, or what the gateway of an HTTP address answers. */
async function grpcAddress(named: string): Promise<string> {
  const written = named.replace(/^grpc:\/\//, '').replace(/\/+$/, '');
  if (/^[^/:\s]+:\d+$/.test(written) || /^\[[0-9a-f:]+\]:\d+$/i.test(written)) return written;
  if (!/^https?:\/\//.test(written)) throw new MillraceError('argument-invalid', { message: `MILLRACE_GATEWAY is ${named}; it takes host:port of the gRPC API, or the http:// address of the REST API` });
  try {
    const answer = await fetch(`${written}/.well-known/millrace`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const { grpc } = (await answer.json()) as { readonly grpc?: unknown };
    if (answer.ok && typeof grpc === 'string') return grpc;
  } catch (error) {
    throw new MillraceError('service-unavailable', { message: `There is no gateway at ${written} (MILLRACE_GATEWAY): ${(error as Error).message}`, cause: error });
  }
  throw new MillraceError('service-unavailable', { message: `What is at ${written} (MILLRACE_GATEWAY) does not say where its gRPC API is; name that as host:port` });
}
