/** The Lanes gRPC service: what lanes there are, and more of them. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { LaneMap as LaneMapMessage, LanesRequest, ScaleRequest } from '@millrace/contracts/orchestrator/v1/lanes';
import { MillraceError } from '@millrace/errors';
import type { LaneHost, LaneMap, LanePlanner } from '@millrace/lane';
import { unary } from '@millrace/rpc';

export function lanesService(host: Pick<LaneHost, 'planner'>): UntypedServiceImplementation {
  return {
    get: unary<LanesRequest, LaneMapMessage>(async () => message(plannerOf(host).map())),
    scale: unary<ScaleRequest, LaneMapMessage>(async ({ lanes }) => message(await plannerOf(host).scale(lanes))),
  };
}

function plannerOf(host: Pick<LaneHost, 'planner'>): LanePlanner {
  const planner = host.planner();
  if (planner === undefined) throw new MillraceError('service-unavailable', { message: 'This orchestrator is starting' });
  return planner;
}

function message({ version, lanes, slotsToMove, movesUnderWay }: LaneMap): LaneMapMessage {
  return { version, lanes: lanes.map((each) => ({ ...each })), slotsToMove, movesUnderWay };
}
