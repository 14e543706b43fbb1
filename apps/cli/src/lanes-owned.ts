/** Whether every lane has an owner that runs now: from then on no start has to wait for one. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectBus, watchLanes, type LaneDirectory } from '@millrace/bus';
import { createLogger } from '@millrace/telemetry';

/** How long a new cluster is waited for, in milliseconds; claims of owners that died are held for some seconds. */
export const OWNED_MS_MAX = 30_000;
const POLL_MS = 50;

/** @returns false after OWNED_MS_MAX, and when `signal` is aborted. */
export async function untilLanesOwned(natsUrl: string, owners: ReadonlySet<string>, signal: AbortSignal): Promise<boolean> {
  const bus = await connectBus({ url: natsUrl, name: 'millrace up', logger: createLogger({ service: 'cli', instance: 'cli', level: 'silent' }) });
  try {
    const lanes = await watchLanes(bus);
    try {
      for (const until = performance.now() + OWNED_MS_MAX; performance.now() < until && !signal.aborted; await delay(POLL_MS)) {
        if (allOwned(lanes, owners)) return true;
      }
      return false;
    } finally {
      lanes.close();
    }
  } finally {
    await bus.close();
  }
}

/** A claim that a process before this start made stands under another address. */
function allOwned(lanes: LaneDirectory, owners: ReadonlySet<string>): boolean {
  const table = lanes.table();
  if (table === undefined) return false;
  return Array.from({ length: table.lanes }, (_, lane) => lanes.claim(lane)).every((claim) => claim !== undefined && owners.has(claim.address));
}
