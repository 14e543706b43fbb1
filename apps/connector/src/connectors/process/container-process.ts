/**
 * One container as a process of the engine's command line, `docker`, `podman` or what takes the same arguments.
 *
 * Owns the arguments. The command line waits for the container and hands on its streams and its exit code.
 *
 * C1 A container is named, so that it can be ended: killing the command line alone would leave it running.
 * C2 Folders of the machine are given to a container only below the folder that the operator has named for that.
 */
import path from 'node:path';
import { statedDurationMs } from '@millrace/engine';
import type { JsonObject, JsonValue, OperationCall } from '../../manifest.ts';
import { isObject } from '../references.ts';

/** What the operator allows. */
export interface ContainerAccess {
  /** The command line and its own arguments; none: no container is run. */
  readonly engine: readonly string[];
  /** Folders below it may be volumes. */
  readonly volumes: string | undefined;
}

export interface ContainerPlan {
  readonly name: string;
  /** Arguments after the engine's own. */
  readonly arguments: readonly string[];
  /** How long after its end the container is removed, milliseconds; nothing: the engine does that, or nobody. */
  readonly removeAfterMs: number | undefined;
}

/** The operator does not allow it, or it cannot be; a sentence. */
export class ContainerRefused extends Error {}

const PULL: Readonly<Record<string, string>> = { ifNotPresent: 'missing', always: 'always', never: 'never' };
/** Names that container engines take. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** @throws ContainerRefused */
export function planContainer({ arguments: args, step }: OperationCall, { volumes }: ContainerAccess): ContainerPlan {
  const name = typeof args['name'] === 'string' ? args['name'] : `millrace-${step.execution}-${step.run}-${step.activation}-${step.attempt}`;
  if (!NAME.test(name)) throw new ContainerRefused(`\`${name}\` cannot be the name of a container: letters, digits, \`_\`, \`.\` and \`-\`, at most 128`);
  const image = String(args['image']);
  if (image === '' || image.startsWith('-') || /\s/.test(image)) throw new ContainerRefused(`\`${image}\` is no image`);
  const lifetime = isObject(args['lifetime']) ? args['lifetime'] : {};
  const cleanup = String(lifetime['cleanup'] ?? 'never');
  const given = Array.isArray(args['arguments']) ? (args['arguments'] as readonly JsonValue[]).map(textOf) : [];
  const { command } = args;
  return {
    name,
    removeAfterMs: cleanup === 'eventually' ? (statedDurationMs(lifetime['after'] ?? null) ?? 0) : undefined,
    arguments: [
      'run', '--interactive', '--name', name, '--pull', PULL[String(args['pullPolicy'] ?? 'ifNotPresent')] ?? 'missing',
      ...(cleanup === 'always' ? ['--rm'] : []),
      ...pairs(args['environment']).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      ...pairs(args['ports']).flatMap(([host, inside]) => ['--publish', `${host}:${inside}`]),
      ...pairs(args['volumes']).flatMap(([host, inside]) => ['--volume', `${allowedFolder(host, volumes)}:${inside}`]),
      image,
      ...(command === undefined || command === null ? given : ['sh', '-c', textOf(command), 'sh', ...given]),
    ],
  };
}

/** C2. */
function allowedFolder(host: string, root: string | undefined): string {
  if (root === undefined) throw new ContainerRefused('volumes are not allowed on this installation; its operator can name a folder for them in MILLRACE_CONTAINER_VOLUMES');
  const folder = path.resolve(root, host);
  const below = path.relative(path.resolve(root), folder);
  if (below.startsWith('..') || path.isAbsolute(below) || folder.includes(':')) throw new ContainerRefused(`${host} is not below the folder that the operator allows for volumes`);
  return folder;
}

function pairs(value: JsonValue | undefined): readonly (readonly [string, string])[] {
  return isObject(value) ? Object.entries(value as JsonObject).flatMap(([name, each]) => (each === null ? [] : [[name, textOf(each)] as const])) : [];
}

export function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
