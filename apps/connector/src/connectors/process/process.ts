/**
 * `shell.run` and `container.run` (DSL reference, Shell Process and Container Process).
 *
 * A command does whatever the service itself may do on its machine, so none is run unless the operator has said so
 * (MILLRACE_SHELL_FOLDER), and no container unless the operator has named the engine's command line
 * (MILLRACE_CONTAINER_ENGINE). What is not allowed is said in plain words.
 *
 * Running a command or a container twice happens twice: `unsafe`.
 */
import { failure, refused, uncertain } from '../../failure.ts';
import { CONTAINER_TIMEOUT_MS, SCRIPT_OUTPUT_CHARACTERS_MAX, SHELL_TIMEOUT_MS } from '../../limits.ts';
import type { ConnectorManifest, JsonObject, JsonValue, OperationCall, Performed } from '../../manifest.ts';
import { ContainerRefused, planContainer, textOf, type ContainerAccess, type ContainerPlan } from './container-process.ts';
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

const containerArguments = {
  type: 'object',
  required: ['image'],
  properties: {
    image: { type: 'string' },
    name: { type: 'string' },
    command: true,
    ports: { type: 'object' },
    volumes: { type: 'object' },
    environment: { type: 'object' },
    stdin: true,
    arguments: { type: 'array' },
    lifetime: { type: 'object', properties: { cleanup: { enum: ['always', 'never', 'eventually'] }, after: true }, additionalProperties: false },
    pullPolicy: { enum: ['ifNotPresent', 'always', 'never'] },
    await: { type: 'boolean' },
    return: { enum: ['stdout', 'stderr', 'code', 'all', 'none'] },
    onUnknown: { enum: ['ask', 'resend', 'skip'] },
  },
  additionalProperties: false,
} as const;

export function containerConnector(access: ContainerAccess): ConnectorManifest {
  return {
    id: 'container',
    version: '1.0.0',
    title: 'Containers',
    auth: ['none'],
    operations: {
      run: {
        summary: 'Runs a container, where the operator of the connector service allows that',
        arguments: containerArguments as never,
        output: true as never,
        retryClass: 'unsafe',
        timeoutMs: CONTAINER_TIMEOUT_MS,
        action: { kind: 'run', run: (call) => (access.engine.length === 0 ? Promise.resolve(NO_CONTAINERS) : runContainer(call, access)) },
      },
    },
  };
}

const NOT_ALLOWED = refused(failure('configuration', 403, 'shell commands are not allowed on this installation; its operator can allow them by naming a folder for them in MILLRACE_SHELL_FOLDER', 'Shell not allowed'));
const NO_CONTAINERS = refused(failure('configuration', 403, 'containers are not allowed on this installation; its operator can allow them by naming the command line of a container engine, such as docker or podman, in MILLRACE_CONTAINER_ENGINE', 'Containers not allowed'));

async function run({ arguments: args, signal }: OperationCall, folder: string): Promise<Performed> {
  const job = {
    argv: ['/bin/sh', '-c', String(args['command']), 'sh', ...(Array.isArray(args['arguments']) ? (args['arguments'] as readonly JsonValue[]).map(textOf) : [])],
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

async function runContainer(call: OperationCall, access: ContainerAccess): Promise<Performed> {
  const { arguments: args, signal } = call;
  let plan: ContainerPlan;
  try {
    plan = planContainer(call, access);
  } catch (error) {
    if (error instanceof ContainerRefused) return refused(failure('configuration', 403, error.message));
    throw error;
  }
  const engine = (given: readonly string[], within: AbortSignal, stdin = ''): Promise<ShellAnswer> => runShell({ argv: [...access.engine, ...given], environment: {}, stdin, folder: '/', outputCharactersMax: SCRIPT_OUTPUT_CHARACTERS_MAX }, within);
  const remove = (): void => void engine(['rm', '--force', plan.name], AbortSignal.timeout(SHELL_TIMEOUT_MS));
  const perform = async (within: AbortSignal): Promise<ShellAnswer> => {
    const answer = await engine(plan.arguments, within, textOf(args['stdin'] ?? ''));
    if (answer.kind === 'stopped') remove();
    else if (plan.removeAfterMs !== undefined) setTimeout(remove, plan.removeAfterMs).unref();
    return answer;
  };
  if (args['await'] === false) {
    void perform(AbortSignal.timeout(CONTAINER_TIMEOUT_MS));
    return { kind: 'output', value: null };
  }
  return performedOf(await perform(signal), String(args['return'] ?? 'stdout'));
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
