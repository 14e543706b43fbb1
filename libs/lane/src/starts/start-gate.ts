/**
 * Starts that wait for their organisation's permit to begin, in the order they came.
 *
 * The executions are accepted and durable; only their first decision waits.
 */
import type { Clock } from '@millrace/clock';
import type { Permits } from '@millrace/fairness';

interface Waiting {
  readonly lane: number;
  readonly execution: string;
}

export interface StartGate {
  /** True: begin now. False: `begin` is called later. */
  tryBegin(lane: number, organisation: string, execution: string): boolean;
  /** The organisation may have permits again. */
  wake(organisation: string): void;
  waiting(organisation: string): number;
  readonly throttled: number;
  dropLane(lane: number): void;
  /** The executions have left the lane. */
  letGo(lane: number, executions: ReadonlySet<string>): void;
}

export function createStartGate(permits: Permits, clock: Clock, begin: (lane: number, execution: string) => void): StartGate {
  const queues = new Map<string, Waiting[]>();
  let throttled = 0;
  function keepOnly(isKept: (each: Waiting) => boolean): void {
    for (const [organisation, queue] of queues) {
      const rest = queue.filter(isKept);
      if (rest.length === 0) queues.delete(organisation);
      else queues.set(organisation, rest);
    }
  }
  return {
    tryBegin(lane, organisation, execution) {
      const queue = queues.get(organisation);
      if ((queue === undefined || queue.length === 0) && permits.tryTakeStart(organisation, clock.monotonicMs())) return true;
      throttled++;
      if (queue === undefined) queues.set(organisation, [{ lane, execution }]);
      else queue.push({ lane, execution });
      return false;
    },
    wake(organisation) {
      const queue = queues.get(organisation);
      if (queue === undefined) return;
      let taken = 0;
      while (taken < queue.length && permits.tryTakeStart(organisation, clock.monotonicMs())) {
        const { lane, execution } = queue[taken] as Waiting;
        taken++;
        begin(lane, execution);
      }
      if (taken === queue.length) queues.delete(organisation);
      else queue.splice(0, taken);
    },
    waiting: (organisation) => queues.get(organisation)?.length ?? 0,
    get throttled() {
      return throttled;
    },
    dropLane: (lane) => keepOnly((each) => each.lane !== lane),
    letGo: (lane, executions) => keepOnly((each) => each.lane !== lane || !executions.has(each.execution)),
  };
}
