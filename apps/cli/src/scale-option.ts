/** `--scale NAME=N`, `--port-base N`: options of `up`. */
import { isServiceName, SERVICES, type ServiceName } from '@millrace/cluster';
import { UsageError } from './command.ts';

/** Instances of one service, at most. */
export const INSTANCES_MAX = 32;
/** The last port is the base and 2. */
const PORT_BASE_MAX = 65_533;

export type Scale = Partial<Record<ServiceName, number>>;

/** @throws UsageError */
export function parseScale(texts: readonly string[]): Scale {
  const scale: Scale = {};
  for (const text of texts) {
    const match = /^([a-z]+)=(\d{1,3})$/.exec(text);
    const [, name = '', count = ''] = match ?? [];
    if (match === null) throw new UsageError(`--scale is NAME=N, such as connector=3, not ${text}`);
    if (!isServiceName(name)) throw new UsageError(`--scale ${text}: there is no service ${name}; there are ${SERVICES.join(', ')}`);
    if (Number(count) < 1 || Number(count) > INSTANCES_MAX) throw new UsageError(`--scale ${text}: N is from 1 to ${INSTANCES_MAX}`);
    scale[name] = Number(count);
  }
  return scale;
}

/** @throws UsageError */
export function parsePortBase(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > PORT_BASE_MAX) throw new UsageError(`--port-base is a port from 1 to ${PORT_BASE_MAX}, or 0 for free ones, not ${text}`);
  return port;
}
