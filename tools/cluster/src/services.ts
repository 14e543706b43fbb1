/** The services of a cluster, in the order they are started, and where their programs stand. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const SERVICES = ['throttle', 'orchestrator', 'connector', 'notification', 'trigger', 'gateway'] as const;

export type ServiceName = (typeof SERVICES)[number];

/** Who stops together, first to last: those that accept, those that work, those that decide. */
export const STOP_ORDER: readonly ReadonlySet<string>[] = [new Set(['gateway', 'trigger']), new Set(['connector', 'notification', 'throttle']), new Set(['orchestrator'])];

/** Who is replaced first in a rolling restart: those that decide, those that work, those that accept. */
export const RESTART_ORDER: readonly ServiceName[] = ['throttle', 'orchestrator', 'connector', 'notification', 'trigger', 'gateway'];

/** The number of an instance: 2 of `gateway-2`, and of those that took its place, `gateway-2-g3` say. */
export function numberOf(instance: string): number {
  return Number(/-(\d+)(?:-g\d+)?$/.exec(instance)?.[1] ?? 0);
}

/** The name of who takes an instance's place: two that live at once need two names. */
export function successorOf(instance: string): string {
  const [, stem = instance, generation = '1'] = /^(.*?)(?:-g(\d+))?$/.exec(instance) ?? [];
  return `${stem}-g${Number(generation) + 1}`;
}

export function isServiceName(name: string): name is ServiceName {
  return (SERVICES as readonly string[]).includes(name);
}

/** The repository's root. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/** Where Node keeps what it has compiled: a process then starts with half the work, which counts where it takes another's place under load. */
export const COMPILE_CACHE = path.join(ROOT, '.cache/compiled');

export function programOf(service: ServiceName): string {
  return path.join(ROOT, 'apps', service, 'src/main.ts');
}

/** Arguments for Node that a service always gets. */
export const NODE_ARGS: Partial<Record<ServiceName, readonly string[]>> = {
  // Most objects of a step live for one cycle: a larger young generation is collected less often (MiB).
  orchestrator: ['--max-semi-space-size=32'],
};
