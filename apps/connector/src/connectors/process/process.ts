/**
 * `shell.run` and `container.run` (DSL reference, Shell Process and Container Process).
 *
 * A command does whatever the service itself may do on its machine, so none is run unless the operator has said so
 * (MILLRACE_SHELL_FOLDER). This release has no runner of containers. What is not allowed is said in plain words.
 *
 * Running a command twice happens twice: `unsafe`.
 */
import { failure, refused, uncertain } from '../../failure.ts';
import { SCRIPT_OUTPUT_CHARACTERS_MAX, SHELL_TIMEOUT_MS } from '../../limits.ts';
import type { ConnectorManifest, JsonObject, JsonValue, OperationCall, Performed } from '../../manifest.ts';
import { runShell, type ShellAnswer } from './shell-process.ts';

const shellArguments = {
  type: 'object',
  required: ['command'],
  properties: {
    command: { type: 'string' },
    arguments: { type: 'array' },
    environment: { type: 'object' },
    stdin: true,
    await: { type: 'boolean' },
    return: { enum: ['stdout', 'stderr', 'code', 'all', 'none'] },
    onUnknown: { enum: ['ask', 'resend', 'skip'] },
  },
  additionalProperties: false,
} as const;

/** @param folder where commands run; without it none does. */
export function shellConnector(folder: string | undefined): ConnectorManifest {
  return {
    id: 'shell',
    version: '1.0.0',
    title: 'Shell commands',
    auth: ['none'],
    operations: {
      run: {
        summary: 'Runs a shell command on the machine of the connector service, where its operator allows that',
        arguments: shellArguments as never,
        output: true as never,
        retryClass: 'unsafe',
        timeoutMs: SHELL_TIMEOUT_MS,
        action: { kind: 'run', run: (call) => (folder === undefined ? Promise.resolve(NOT_ALLOWED) : run(call, folder)) },
      },
    },
  };
}

export function containerConnector(): ConnectorManifest {
  return {
    id: 'container',
    version: '1.0.0',
    title: 'Containers',
    auth: ['none'],
    operations: {
      run: {
        summary: 'Runs a container; this release has no runner for that',
        arguments: { type: 'object' },
        output: true as never,
        retryClass: 'safe',
        timeoutMs: SHELL_TIMEOUT_MS,
        action: { kind: 'run', run: () => Promise.resolve(NO_CONTAINERS) },
      },
    },
  };
}

const NOT_ALLOWED = refused(failure('configuration', 403, 'shell commands are not allowed on this installation; its operator can allow them by naming a folder for them in MILLRACE_SHELL_FOLDER', 'Shell not allowed'));
const NO_CONTAINERS = refused(failure('configuration', 501, 'this release runs no containers; use a script, a shell command where the operator allows them, or call a service', 'Containers not supported'));

async function run({ arguments: args, signal }: OperationCall, folder: string): Promise<Performed> {
  const job = {
    command: String(args['command']),
    arguments: Array.isArray(args['arguments']) ? (args['arguments'] as readonly JsonValue[]).map(textOf) : [],
    environment: Object.fromEntries(Object.entries((args['environment'] ?? {}) as JsonObject).map(([name, value]) => [name, textOf(value)])),
    stdin: textOf(args['stdin'] ?? ''),
    folder,
    outputCharactersMax: SCRIPT_OUTPUT_CHARACTERS_MAX,
  };
  if (args['await'] === false) {
    void runShell(job, AbortSignal.timeout(SHELL_TIMEOUT_MS));
    return { kind: 'output', value: null };
  }
  return performedOf(await runShell(job, signal), String(args['return'] ?? 'stdout'));
}

function performedOf(answer: ShellAnswer, wanted: string): Performed {
  switch (answer.kind) {
    case 'unstarted':
      return refused(failure('runtime', 500, `the command could not be started: ${answer.detail}`));
    case 'stopped':
      return uncertain(failure('runtime', 500, answer.reason === 'output' ? `the command was ended: it wrote more than ${SCRIPT_OUTPUT_CHARACTERS_MAX} characters` : 'the command was ended before it was done', 'Command stopped'), 'unasked');
    case 'exited': {
      const { code, stdout, stderr } = answer;
      if (wanted === 'all') return { kind: 'output', value: { code, stdout, stderr } };
      if (wanted === 'code') return { kind: 'output', value: code };
      if (code !== 0) return uncertain(failure('runtime', 500, `the command ended with exit code ${code}: ${stderr.trim().slice(-500)}`, 'Command failed'), 'unasked');
      return { kind: 'output', value: wanted === 'stderr' ? stderr : wanted === 'none' ? null : stdout };
    }
  }
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
