import fc from 'fast-check';
import { createWorld, TTL_MS, type World } from './testing/authority-world.ts';
import { createAuthority } from './authority.ts';
import { chunkOf } from './holding.ts';

const owner = fc.integer({ min: 0, max: 3 });
const ordinary = [
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('want' as const), owner, steps: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('end' as const), owner, steps: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('report' as const), owner }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('deliver' as const), owner }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 1_500 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('break' as const), owner }) },
];
const deadly = [
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), owner }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('killAuthority' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('startAuthority' as const) }) },
];
const limitChange = { weight: 1, arbitrary: fc.record({ kind: fc.constant('limit' as const), limit: fc.integer({ min: 1, max: 20 }) }) };

type Action =
  | { kind: 'want' | 'end'; owner: number; steps: number }
  | { kind: 'report' | 'deliver' | 'break' | 'kill'; owner: number }
  | { kind: 'pass'; ms: number }
  | { kind: 'limit'; limit: number }
  | { kind: 'killAuthority' | 'startAuthority' };

function perform(world: World, action: Action): void {
  switch (action.kind) {
    case 'want': return world.want(action.owner, action.steps);
    case 'end': return world.end(action.owner, action.steps);
    case 'report': return world.report(action.owner);
    case 'deliver': return world.deliver(action.owner);
    case 'break': return world.breakStream(action.owner);
    case 'kill': return world.kill(action.owner);
    case 'pass': return world.pass(action.ms);
    case 'limit': return world.setLimit(action.limit);
    case 'killAuthority': return world.killAuthority();
    case 'startAuthority': return world.startAuthority();
  }
}

describe('authority', () => {
  test('a strict limit is never exceeded: lost messages, dead owners, partitions, authorities that die (T1, A5)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(fc.oneof(...ordinary, ...deadly), { minLength: 50, maxLength: 400 }), (limit, actions) => {
        const world = createWorld({ owners: 3, limit, strict: true });
        world.startAuthority();
        for (const action of actions) perform(world, action as Action);
        expect(world.violations).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('what an owner held that nobody heard of since stays taken under the next authority (A5)', () => {
    const world = createWorld({ owners: 2, limit: 2, strict: true });
    world.startAuthority();
    world.want(0, 2);
    world.settle(1_000);
    expect(world.running()).toBe(2);
    world.killAuthority();
    world.kill(0);
    world.startAuthority();
    world.want(1, 2);
    world.settle(55_000);
    expect(world.running()).toBe(0);
    world.settle(10_000);
    expect(world.running()).toBe(2);
    expect(world.violations).toEqual([]);
  });

  test('a limit that is not strict is kept at every moment while owners and authority live, whatever streams lose (T1, A1)', () => {
    const safe = ordinary.filter(({ arbitrary }) => arbitrary !== ordinary[4]?.arbitrary);
    const briefly = { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 5 }) }) };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.oneof(...safe, briefly), { minLength: 50, maxLength: 300 }), (limit, actions) => {
        const world = createWorld({ owners: 4, limit, strict: false });
        world.startAuthority();
        for (const action of actions) {
          perform(world, action as Action);
          expect(world.running()).toBeLessThanOrEqual(limit);
          expect(world.held()).toBeLessThanOrEqual(limit);
        }
        expect(world.violations).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('with limits changing live no owner uses more than is counted, and the sum only falls while it is above the limit (A1, H1, H2)', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...ordinary, limitChange), { minLength: 50, maxLength: 400 }), (actions) => {
        const world = createWorld({ owners: 4, limit: 10, strict: false });
        world.startAuthority();
        for (const action of actions) perform(world, action as Action);
        expect(world.violations).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('no permit is lost: after any history one owner alone can use the whole limit, and what is not used returns (T3)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.oneof(...ordinary, ...deadly, limitChange), { maxLength: 200 }), owner, (limit, actions, chosen) => {
        const world = createWorld({ owners: 4, limit, strict: false });
        world.startAuthority();
        for (const action of actions) perform(world, action as Action);
        world.startAuthority();
        for (let index = 0; index < 4; index++) {
          const other = world.owners[index];
          if (other === undefined) continue;
          other.waiting = 0;
          world.end(index, other.running);
        }
        world.settle(8_000);
        expect(world.held()).toBe(0);
        world.want(chosen, 1_000);
        world.settle(3_000);
        expect(world.running()).toBe(world.limit);
        expect(world.held()).toBe(world.limit);
        expect(world.violations).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('while the authority is away at most the last leases, then owners times the static share (T1)', () => {
    const world = createWorld({ owners: 4, limit: 10, strict: false });
    world.startAuthority();
    world.want(0, 100);
    world.want(1, 100);
    world.settle(1_000);
    expect(world.running()).toBe(10);
    world.killAuthority();
    const lapsedAtMs = world.nowMs + TTL_MS;
    const most = world.owners.map(() => 10);
    for (let step = 0; step < 80; step++) {
      for (let index = 0; index < 4; index++) {
        world.want(index, 20);
        world.end(index, 1);
      }
      world.pass(100);
      if (world.nowMs < lapsedAtMs) expect(world.running()).toBeLessThanOrEqual(10);
      // What began under a lease may end late; beyond that nobody has more than its static share.
      else world.owners.forEach((candidate, index) => {
        expect(candidate.running).toBeLessThanOrEqual(Math.max(3, most[index] ?? 0));
        most[index] = candidate.running;
      });
    }
    expect(world.running()).toBe(4 * 3);
  });

  test('a new authority confirms what owners hold while it learns, and work never stops for it (A4)', () => {
    const world = createWorld({ owners: 2, limit: 8, strict: false });
    world.startAuthority();
    world.want(0, 1_000);
    world.want(1, 1_000);
    world.settle(1_000);
    world.killAuthority();
    world.pass(500);
    world.startAuthority();
    for (let step = 0; step < 300; step++) {
      world.settle(20);
      world.end(0, 1);
      world.end(1, 1);
      expect(world.running()).toBeLessThanOrEqual(8);
      expect(world.running()).toBeGreaterThanOrEqual(7);
    }
    expect(world.authority?.learning).toBe(false);
    expect(world.violations).toEqual([]);
  });

  test('an owner that starves gets its share of what another holds, within a recall and the steps that run', () => {
    const world = createWorld({ owners: 2, limit: 8, strict: false });
    world.startAuthority();
    world.want(0, 1_000);
    world.settle(1_000);
    expect(world.owners[0]?.running).toBe(8);
    world.want(1, 1_000);
    for (let step = 0; step < 50; step++) {
      world.end(0, 1);
      world.settle(20);
    }
    expect(world.owners[1]?.running).toBe(4);
    expect(world.owners[0]?.running).toBe(4);
  });

  test('a mutex goes round all owners that want it (H4)', () => {
    const world = createWorld({ owners: 3, limit: 1, strict: true });
    world.startAuthority();
    const turns = [0, 0, 0];
    for (let index = 0; index < 3; index++) world.want(index, 1_000);
    for (let step = 0; step < 600; step++) {
      world.settle(20);
      world.owners.forEach((candidate, index) => {
        if (candidate.running === 0) return;
        turns[index] = (turns[index] ?? 0) + 1;
        world.end(index, 1);
      });
    }
    expect(world.violations).toEqual([]);
    const most = Math.max(...turns);
    for (const count of turns) expect(count).toBeGreaterThan(most / 2);
  });

  test('one grant raises an owner by a chunk of the limit divided by four times the owners at most (H3)', () => {
    expect(chunkOf(100, 2, 'steps')).toBe(12);
    expect(chunkOf(3, 8, 'steps')).toBe(1);
    const authority = createAuthority({ nowMs: 0, predecessor: false });
    authority.setLimits('acme', { concurrency: 100, startsPerSecond: undefined, weight: 1, strict: false }, 0);
    const demand = { organisation: 'acme', running: 0, waiting: 500, wanted: 500, held: 0, startsWanted: 0, startsHeld: Number.POSITIVE_INFINITY };
    authority.report('a', { sequence: 1, applied: 0, complete: true, leaving: false, demands: [demand] }, 0);
    const grants = authority.takeGrants('a');
    expect(grants?.grants).toEqual([{ organisation: 'acme', concurrency: 25, startsPerSecond: Number.POSITIVE_INFINITY }]);
    expect(authority.takeGrants('a')).toBeUndefined();
  });

  test('rates are divided by demand and their sum keeps the limit', () => {
    const authority = createAuthority({ nowMs: 0, predecessor: false });
    authority.setLimits('acme', { concurrency: undefined, startsPerSecond: 100, weight: 1, strict: false }, 0);
    const rates = { a: 0, b: 0 };
    const applied = { a: 0, b: 0 };
    for (let round = 1; round < 60; round++) {
      for (const [name, startsWanted] of [['a', 500], ['b', 10]] as const) {
        const demand = { organisation: 'acme', running: 0, waiting: 0, wanted: 0, held: Number.POSITIVE_INFINITY, startsWanted, startsHeld: rates[name] };
        authority.report(name, { sequence: round, applied: applied[name], complete: round === 1, leaving: false, demands: [demand] }, round * 20);
        for (const due of authority.due() as ('a' | 'b')[]) {
          const grants = authority.takeGrants(due);
          applied[due] = grants?.sequence ?? 0;
          for (const grant of grants?.grants ?? []) rates[due] = grant.startsPerSecond;
        }
        expect(rates.a + rates.b).toBeLessThanOrEqual(100 + 1e-6);
      }
    }
    expect(rates.a).toBeGreaterThan(75);
    expect(rates.b).toBeGreaterThanOrEqual(10);
  });

  test('an owner whose leases expired must begin with a complete report', () => {
    const authority = createAuthority({ nowMs: 0, predecessor: false });
    const report = { applied: 0, leaving: false, demands: [] };
    expect(authority.report('a', { ...report, sequence: 1, complete: false }, 0)).toBe(false);
    expect(authority.report('a', { ...report, sequence: 2, complete: true }, 0)).toBe(true);
    expect(authority.report('a', { ...report, sequence: 3, complete: false }, 1_000)).toBe(true);
    authority.advance(20_000);
    expect(authority.owners).toBe(0);
    expect(authority.report('a', { ...report, sequence: 4, complete: false }, 20_000)).toBe(false);
  });

  test('an owner that leaves gives everything back at once', () => {
    const world = createWorld({ owners: 2, limit: 6, strict: false });
    world.startAuthority();
    world.want(0, 100);
    world.settle(500);
    expect(world.running()).toBe(6);
    world.authority?.report('owner-0/0', { sequence: 1_000_000, applied: 0, complete: false, leaving: true, demands: [] }, world.nowMs);
    expect(world.held()).toBe(0);
  });
});
