/** The two directories of the worker from NATS: live orchestrators from the registry, lane owners from the claims. */
import type { LaneDirectory as Claims, Registry } from '@millrace/bus';
import type { LaneDirectory, OwnerDirectory } from './ports.ts';

/** Orchestrators in the registry. A draining one stays listed: it hands over its lanes and still says what is durable. */
export function ownersInRegistry(registry: Pick<Registry, 'list' | 'onChange'>, service = 'orchestrator'): OwnerDirectory {
  return {
    list: () =>
      registry.list(service).flatMap(({ instance, addresses }) => (addresses.grpc === undefined ? [] : [{ instance, address: addresses.grpc }])),
    onChange: (changed) => registry.onChange(changed),
  };
}

/** Owners as the claims name them. A claim that vanished names nobody. */
export function ownersByClaims(claims: Pick<Claims, 'claim' | 'claims' | 'laneOf' | 'table' | 'onChange'>): LaneDirectory {
  return {
    ownerOf: (lane) => claims.claim(lane)?.owner,
    laneOf: (execution) => claims.laneOf(execution),
    onChange: (changed) => {
      let before = ownersNow(claims);
      let version = claims.table()?.version;
      return claims.onChange(() => {
        const now = ownersNow(claims);
        const lanes = new Set([...before.keys(), ...now.keys()]);
        const moved = [...lanes].filter((lane) => before.get(lane) !== now.get(lane));
        before = now;
        for (const lane of moved) changed(lane);
        const next = claims.table()?.version;
        if (next !== version) changed(undefined);
        version = next;
      });
    },
  };
}

function ownersNow(claims: Pick<Claims, 'claims'>): ReadonlyMap<number, string> {
  return new Map(claims.claims().map(({ lane, owner }) => [lane, owner]));
}
