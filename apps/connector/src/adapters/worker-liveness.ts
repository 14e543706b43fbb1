/** Which worker processes live, from the registry. A worker is named INSTANCE#INCARNATION. */
import type { Registry } from '@millrace/bus';
import type { WorkerDirectory } from '../ports.ts';

export function registeredWorkers(registry: Pick<Registry, 'list'>, service: string): WorkerDirectory {
  return { isAlive: (worker) => registry.list(service).some(({ instance, attributes }) => `${instance}#${String(attributes['worker'])}` === worker) };
}
