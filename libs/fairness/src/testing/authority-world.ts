/**
 * A small world for testing the authority: owners with real permits, streams that break and lose what is
 * under way, authorities that die and are followed by new ones. Deterministic; time is a number.
 *
 * Test code that several test files use; not exported by the package.
 */
import { createAuthority, type Authority } from '../authority.ts';
import type { Grants, Report } from '../lease-terms.ts';
import { createPermits, type Limits, type Permits } from '../permits.ts';

const ORGANISATION = 'acme';
export const TTL_MS = 3_000;
const HEARTBEAT_MS = 1_000;
const STRICT_HOLD_MS = 60_000;

interface SimulatedOwner {
  name: string;
  alive: boolean;
  readonly permits: Permits;
  /** Steps that would like to run. */
  waiting: number;
  /** Endings of the steps that run. */
  running: number;
  connected: boolean;
  /** The authority has taken the complete report of this connection: only then does it answer on it. */
  attached: boolean;
  /** The limit was raised between a question and its answer: a static share in force grew with it unreported. */
  unreported: boolean;
  /** Messages under way, in order. */
  toAuthority: { report: Report }[];
  toOwner: { grants: Grants }[];
  sequence: number;
  applied: number;
  sentAtMs: Map<number, number>;
  lastSentMs: number;
}

export interface World {
  readonly nowMs: number;
  readonly limit: number;
  readonly owners: readonly SimulatedOwner[];
  readonly authority: Authority | undefined;
  setLimit(limit: number): void;
  pass(ms: number): void;
  /** Adds demand at an owner. */
  want(owner: number, steps: number): void;
  /** Ends up to so many steps at an owner. */
  end(owner: number, steps: number): void;
  report(owner: number): void;
  deliver(owner: number): void;
  breakStream(owner: number): void;
  /** The owner process dies; its steps may go on at workers, and count under a strict limit. */
  kill(owner: number): void;
  killAuthority(): void;
  startAuthority(): void;
  /** All messages arrive until nothing new is said, for `ms` with heartbeats. */
  settle(ms: number): void;
  running(): number;
  /** Sum of what the authority thinks live owners may use. */
  held(): number;
  /** Violations found while running, as sentences. */
  readonly violations: string[];
}

export function createWorld(options: { owners: number; limit: number; strict: boolean }): World {
  let nowMs = 10_000;
  let limit = options.limit;
  let authority: Authority | undefined;
  let generation = 0;
  const violations: string[] = [];
  const limits = (): Limits => ({ concurrency: limit, startsPerSecond: undefined, weight: 1, strict: options.strict });

  function newOwner(name: string): SimulatedOwner {
    const permits = createPermits({ leaseTtlMs: TTL_MS, nowMs, owners: options.owners });
    permits.setLimits(ORGANISATION, limits());
    return { name, alive: true, permits, waiting: 0, running: 0, connected: false, attached: false, unreported: false, toAuthority: [], toOwner: [], sequence: 0, applied: 0, sentAtMs: new Map(), lastSentMs: 0 };
  }
  const owners = Array.from({ length: options.owners }, (_, index) => newOwner(`owner-${index}/0`));
  const at = (index: number): SimulatedOwner => owners[index % owners.length] as SimulatedOwner;
  const running = (): number => owners.reduce((sum, owner) => sum + owner.running, 0);
  /** Steps of owners that died go on at workers. */
  let left: { readonly running: number; readonly untilMs: number }[] = [];
  const performing = (): number => running() + left.reduce((sum, each) => sum + (each.untilMs > nowMs ? each.running : 0), 0);
  /** What authorities wrote down of strict limits, by owner, and what they are about to. */
  let written = new Map<string, number>();
  let writing = new Map<string, number>();

  function secure(owner: string, organisation: string, permits: number): boolean {
    if ((written.get(owner) ?? 0) >= permits) return true;
    writing.set(owner, Math.max(permits, writing.get(owner) ?? 0));
    return organisation !== ORGANISATION;
  }

  /** What is to be written is written, or else what is held no more is written off. */
  function write(): void {
    if (authority === undefined) return;
    if (writing.size === 0) written = new Map(authority.strictHoldings().map(({ owner, permits }) => [owner, permits]));
    for (const [owner, permits] of writing) written.set(owner, permits);
    writing = new Map();
  }

  function takeSteps(owner: SimulatedOwner): void {
    while (owner.alive && owner.waiting > 0 && owner.permits.tryTakeStep(ORGANISATION, nowMs)) {
      owner.waiting--;
      owner.running++;
      if (options.strict && performing() > limit) violations.push(`at ${nowMs} ms ${performing()} steps run under a strict limit of ${limit}`);
    }
  }

  /** H1: what an owner that the authority knows may use is never more than the authority counts. */
  function check(): void {
    if (authority === undefined) return;
    for (const owner of owners) {
      const counted = authority.heldBy(owner.name, ORGANISATION);
      if (counted > 0 && owner.attached && !owner.unreported && owner.running > counted) violations.push(`at ${nowMs} ms ${owner.name} runs ${owner.running}, counted ${counted}`);
    }
  }

  function makeReport(owner: SimulatedOwner, complete: boolean): void {
    const demand = owner.permits.demand(ORGANISATION, owner.waiting, 0, nowMs);
    const sequence = ++owner.sequence;
    owner.sentAtMs.set(sequence, nowMs);
    owner.lastSentMs = nowMs;
    owner.toAuthority.push({ report: { sequence, applied: owner.applied, complete, leaving: false, demands: [{ organisation: ORGANISATION, waiting: owner.waiting, ...demand }] } });
  }

  function connect(owner: SimulatedOwner): void {
    if (!owner.alive || owner.connected || authority === undefined) return;
    owner.connected = true;
    owner.applied = 0;
    owner.permits.authorityAsked(nowMs);
    makeReport(owner, true);
  }

  function disconnect(owner: SimulatedOwner): void {
    if (!owner.connected) return;
    owner.connected = false;
    owner.attached = false;
    owner.unreported = false;
    owner.toAuthority = [];
    owner.toOwner = [];
    owner.permits.authorityAway(nowMs);
  }

  function answer(): void {
    for (const name of authority?.due() ?? []) {
      const owner = owners.find((candidate) => candidate.name === name);
      if (owner?.attached !== true) continue;
      const grants = authority?.takeGrants(name);
      if (grants !== undefined) owner.toOwner.push({ grants });
    }
  }

  function apply(owner: SimulatedOwner, grants: Grants): void {
    owner.applied = grants.sequence;
    owner.permits.renew((owner.sentAtMs.get(grants.answers) ?? 0) + TTL_MS);
    owner.permits.setOwners(grants.owners);
    for (const grant of grants.grants) owner.permits.entitle(ORGANISATION, grant);
    if (!grants.learning) owner.permits.authorityPresent();
    takeSteps(owner);
  }

  function deliver(owner: SimulatedOwner): void {
    const up = owner.toAuthority.shift();
    if (up !== undefined && authority !== undefined) {
      if (up.report.complete) owner.attached = true;
      if (!authority.report(owner.name, up.report, nowMs)) disconnect(owner);
      if (up.report.applied > 0) owner.unreported = false;
    }
    answer();
    const down = owner.toOwner.shift();
    if (down !== undefined) apply(owner, down.grants);
    check();
  }

  const world: World = {
    get nowMs() { return nowMs; },
    get limit() { return limit; },
    get authority() { return authority; },
    owners,
    violations,
    setLimit(next) {
      for (const owner of owners) if (next > limit && owner.connected && owner.applied === 0) owner.unreported = true;
      limit = next;
      const before = world.held();
      authority?.setLimits(ORGANISATION, limits(), nowMs);
      if (world.held() > Math.max(limit, before)) violations.push(`at ${nowMs} ms a lower limit raised what is held`);
      for (const owner of owners) owner.permits.setLimits(ORGANISATION, limits());
      answer();
    },
    pass(ms) {
      for (const endMs = nowMs + ms; nowMs < endMs; ) {
        nowMs = Math.min(endMs, nowMs + 50);
        const before = world.held();
        write();
        authority?.advance(nowMs);
        // A1: time alone never makes more than the limit, nor more than there was.
        if (authority !== undefined && world.held() > Math.max(limit, before)) violations.push(`at ${nowMs} ms held rose from ${before} to ${world.held()} over ${limit}`);
        answer();
        for (const owner of owners) {
          if (owner.connected && nowMs - owner.lastSentMs >= HEARTBEAT_MS) makeReport(owner, false);
          owner.permits.advance(nowMs);
          takeSteps(owner);
        }
        check();
      }
    },
    want(index, steps) {
      at(index).waiting += steps;
      takeSteps(at(index));
    },
    end(index, steps) {
      const owner = at(index);
      for (let n = 0; n < steps && owner.running > 0; n++) {
        owner.running--;
        owner.permits.returnStep(ORGANISATION);
      }
      takeSteps(owner);
    },
    report(index) {
      if (at(index).connected) makeReport(at(index), false);
      else connect(at(index));
    },
    deliver(index) { deliver(at(index)); },
    breakStream(index) { disconnect(at(index)); },
    kill(index) {
      disconnect(at(index));
      left = [...left.filter(({ untilMs }) => untilMs > nowMs), { running: at(index).running, untilMs: nowMs + STRICT_HOLD_MS }];
      owners[index % owners.length] = newOwner(`owner-${index % owners.length}/${++generation}`);
    },
    killAuthority() {
      authority = undefined;
      writing = new Map();
      for (const owner of owners) disconnect(owner);
    },
    startAuthority() {
      if (authority !== undefined) return;
      authority = createAuthority({ nowMs, predecessor: generation++ > 0, leaseTtlMs: TTL_MS, strictHoldMs: STRICT_HOLD_MS, secure });
      authority.setLimits(ORGANISATION, limits(), nowMs);
      authority.inherit([...written].map(([owner, permits]) => ({ owner, organisation: ORGANISATION, permits })), nowMs);
    },
    settle(ms) {
      for (const endMs = nowMs + ms; nowMs < endMs; ) {
        for (const owner of owners) {
          if (!owner.connected) connect(owner);
          else makeReport(owner, false);
          while (owner.toAuthority.length + owner.toOwner.length > 0) deliver(owner);
        }
        world.pass(20);
        for (const owner of owners) while (owner.toOwner.length > 0) deliver(owner);
      }
    },
    running,
    held: () => owners.reduce((sum, owner) => sum + (authority?.heldBy(owner.name, ORGANISATION) ?? 0), 0),
  };
  return world;
}
