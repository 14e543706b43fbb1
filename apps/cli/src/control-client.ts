/** Asks the supervisor of a cluster that runs for a change, and passes on what it says meanwhile. */
import { readFileSync } from 'node:fs';
import { isRunning, readClusterState } from '@millrace/cluster';
import { MillraceError, REASONS, type Reason } from '@millrace/errors';
import { controlFile, type ControlAddress, type ControlEvent, type ControlRequest } from './control-server.ts';

/** @throws MillraceError `service-unavailable` when nothing is up on the folder; what the supervisor failed of. */
export async function askSupervisor(dataDir: string, request: ControlRequest, report: (line: string) => void, signal: AbortSignal): Promise<void> {
  const { port, token } = addressOf(dataDir);
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(request), signal }).catch((error: unknown) => {
    throw new MillraceError('service-unavailable', { message: `The supervisor of ${dataDir} does not answer; see \`millrace status\``, cause: error });
  });
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line) as ControlEvent;
      if (event.kind === 'done') return;
      if (event.kind === 'failed') throw new MillraceError(event.reason in REASONS ? (event.reason as Reason) : 'internal', { message: event.message });
      report(event.line);
    }
  }
  throw new MillraceError('service-unavailable', { message: `The supervisor of ${dataDir} ended before it was done; see \`millrace status\`` });
}

function addressOf(dataDir: string): ControlAddress {
  const state = readClusterState(dataDir);
  if (state === undefined || !isRunning(state.supervisor)) throw new MillraceError('service-unavailable', { message: `No Millrace is up on ${dataDir}; start one with \`millrace up\`` });
  try {
    return JSON.parse(readFileSync(controlFile(dataDir), 'utf8')) as ControlAddress;
  } catch (error) {
    throw new MillraceError('service-unavailable', { message: `Millrace on ${dataDir} is starting or stopping; try again in a moment`, cause: error });
  }
}
