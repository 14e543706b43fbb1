/** Owners of lanes as the bus tells of them. */
import type { Instance, LaneDirectory } from '@millrace/bus';
import type { LaneOwner, LaneOwners } from '../ports.ts';

export function createLaneOwners(directory: LaneDirectory): LaneOwners {
  return {
    ownerOf(execution): LaneOwner | undefined {
      const lane = directory.laneOf(execution);
      return lane === undefined ? undefined : directory.claim(lane);
    },
    addresses: () => directory.claims().map((claim) => claim.address),
    onChange: (callback) => directory.onChange(callback),
  };
}

/** An orchestrator known by its address alone, as the channel pool takes it. */
export function instanceAt(address: string): Instance {
  return { service: 'orchestrator', instance: address, incarnation: '', version: '', addresses: { grpc: address }, draining: false, startedAtMs: 0, attributes: {} };
}
