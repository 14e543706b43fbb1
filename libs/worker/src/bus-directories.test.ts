import type { LaneClaim } from '@millrace/bus';
import { ownersByClaims, ownersInRegistry } from './index.ts';

/** Claims as the bus holds them, changed by hand. */
function claimsOf(claims: Map<number, string>) {
  const callbacks = new Set<() => void>();
  const claim = (lane: number): LaneClaim | undefined => {
    const owner = claims.get(lane);
    return owner === undefined ? undefined : { lane, owner, epoch: 1, address: '127.0.0.1:1' };
  };
  let version = 1;
  return {
    claim,
    table: () => ({ version, lanes: 4, map: 'modulo' as const }),
    laneOf: () => 3,
    moveSlots: () => void (version += 1),
    claims: () => [...claims.keys()].flatMap((lane) => claim(lane) ?? []),
    onChange: (callback: () => void) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
    changed: () => {
      for (const callback of callbacks) callback();
    },
  };
}

test('names the lanes whose owner changed, vanished or came, and no others', () => {
  const owners = new Map([
    [0, 'o1'],
    [1, 'o1'],
    [2, 'o2'],
  ]);
  const claims = claimsOf(owners);
  const lanes = ownersByClaims(claims);
  const moved: (number | undefined)[] = [];
  const stop = lanes.onChange((lane) => moved.push(lane));
  owners.set(1, 'o2');
  owners.delete(2);
  owners.set(3, 'o1');
  claims.changed();
  expect(moved.sort()).toEqual([1, 2, 3]);
  expect([0, 1, 2, 3].map((lane) => lanes.ownerOf(lane))).toEqual(['o1', 'o2', undefined, 'o1']);
  claims.changed();
  expect(moved).toHaveLength(3);
  claims.moveSlots();
  claims.changed();
  expect(moved).toEqual([1, 2, 3, undefined]);
  expect(lanes.laneOf('anything')).toBe(3);
  stop();
  owners.set(0, 'o2');
  claims.changed();
  expect(moved).toHaveLength(4);
});

test('lists orchestrators that say where their gRPC server is, draining ones too', () => {
  const instance = (name: string, addresses: { grpc?: string }, draining = false) => ({
    ...{ service: 'orchestrator', instance: name, incarnation: name, version: '1', startedAtMs: 0, attributes: {} },
    addresses: addresses as Record<string, string>,
    draining,
  });
  const registry = {
    list: (service?: string) => (service === 'orchestrator' ? [instance('o1', { grpc: '127.0.0.1:1' }), instance('o2', {}), instance('o3', { grpc: '127.0.0.1:3' }, true)] : []),
    onChange: () => () => undefined,
  };
  expect(ownersInRegistry(registry).list()).toEqual([
    { instance: 'o1', address: '127.0.0.1:1' },
    { instance: 'o3', address: '127.0.0.1:3' },
  ]);
});
