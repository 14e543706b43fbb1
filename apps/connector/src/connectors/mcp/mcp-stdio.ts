/**
 * MCP over the standard streams of a process that is started for one call (MCP, Transports, stdio).
 *
 * M1 Only commands that the operator has allowed are started; the process gets the environment that the workflow
 *    states, `PATH`, and nothing of this process's own.
 * M2 A process never outlives its call: it is asked to end, and killed when it does not.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { MCP_CLOSE_MS, MCP_ERROR_CHARACTERS_MAX, OUTPUT_BYTES_MAX } from '../../limits.ts';
import type { JsonObject, JsonValue } from '../../manifest.ts';
import { isAnswerTo, McpFailed, type McpTransport } from './mcp-session.ts';

export interface McpCommand {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Starts the process. It is killed when the signal is aborted. */
export function mcpOverStdio({ command, arguments: args, environment }: McpCommand, path: string, signal: AbortSignal): McpTransport {
  const child = spawn(command, [...args], { env: { PATH: path, ...environment }, stdio: ['pipe', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-MCP_ERROR_CHARACTERS_MAX)));
  const waiting = new Map<JsonValue, { readonly resolve: (answer: JsonObject) => void; readonly reject: (error: Error) => void }>();
  let ended: Error | undefined;
  const failAll = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  const gone = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failAll(new McpFailed(`${command} could not be run: ${(error as NodeJS.ErrnoException).code ?? error.name}`));
      resolve();
    });
    child.once('close', (code, killedBy) => {
      const last = complaint.trim().split('\n').at(-1) ?? '';
      failAll(new McpFailed(`${command} ended with ${killedBy ?? code ?? 'nothing'} before it answered${last === '' ? '' : `: ${last}`}`));
      resolve();
    });
  });
  child.stdin.on('error', () => undefined);
  let size = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > OUTPUT_BYTES_MAX * 2) failAll(new McpFailed(`${command} wrote more than ${OUTPUT_BYTES_MAX * 2} bytes`));
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = jsonOf(line);
    for (const [id, { resolve }] of waiting) {
      if (!isAnswerTo(message, id)) continue;
      waiting.delete(id);
      resolve(message);
    }
  });
  const send = (message: JsonObject): void => void child.stdin.write(`${JSON.stringify(message)}\n`);
  return {
    request: (message) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        waiting.set(message['id'] ?? null, { resolve, reject });
        send(message);
      }),
    notify: (message) => {
      send(message);
      return Promise.resolve();
    },
    close: async () => {
      child.stdin.end();
      const terminate = setTimeout(() => child.kill('SIGTERM'), MCP_CLOSE_MS);
      const kill = setTimeout(() => child.kill('SIGKILL'), 2 * MCP_CLOSE_MS);
      await gone;
      clearTimeout(terminate);
      clearTimeout(kill);
    },
  };
}

/** Servers may write other things to their output though they should not: those are passed over. */
function jsonOf(line: string): JsonValue {
  try {
    return JSON.parse(line) as JsonValue;
  } catch {
    return null;
  }
}
