/**
 * What goes wrong in a round, and when: drawn before the round begins, so that a round can be repeated with fewer faults.
 */
import type { Cluster } from './product/cluster.ts';
import { startOrchestrator } from './product/orchestrator-process.ts';
import { startThrottle } from './product/throttle-process.ts';
import { startWorkerProcess } from './product/worker-process.ts';
import type { Settings } from './product/settings.ts';
import { POINTS } from './world/points.ts';
import type { Random } from './world/random.ts';
import { encodeLimits, limitsKey } from '@millrace/lease';
import { decodeJson } from '@millrace/bus';
import { laneOfSlot, parseSlotTable, SLOT_COUNT } from '@millrace/identity';

export type Fault =
  | { readonly kind: 'crash'; readonly machine: string; readonly downMs: number }
  /** At the `passes`-th pass of a named place from now on; at once when that takes too long. */
  | { readonly kind: 'crash at'; readonly machine: string; readonly point: string; readonly passes: number; readonly downMs: number }
  | { readonly kind: 'stand at'; readonly machine: string; readonly point: string; readonly passes: number; readonly ms: number }
  | { readonly kind: 'stand'; readonly machine: string; readonly ms: number }
  | { readonly kind: 'cut'; readonly machine: string; readonly ms: number }
  | { readonly kind: 'clock'; readonly machine: string; readonly ms: number }
  | { readonly kind: 'leave'; readonly machine: string; readonly downMs: number }
  | { readonly kind: 'away'; readonly server: 'nats' | 'mongo'; readonly ms: number }
  | { readonly kind: 'break'; readonly streams: string }
  /** An operator moves slots. */
  | { readonly kind: 'move'; readonly share: number; readonly offset: number; readonly to: number }
  | { readonly kind: 'limit'; readonly organisation: string; readonly concurrency: number };

export interface PlannedFault {
  readonly index: number;
  readonly atMs: number;
  readonly fault: Fault;
}

/** Places between a durable frame and what it allows. */
const SENDING = ['frame sent, not answered', 'frame answered, effects not begun', 'between effects', 'step dispatched'] as const;
/** Who stands still for so long, in milliseconds, has lost its lanes to others, and its streams to workers not yet. */
const DISPLACED_MS = [6_300, 7_450] as const;
/** Places that few processes pass: a hand-over, a move, what a core decides before its frame. */
const RARE = ['deciding', 'lane left, claim not free', 'claim freed', 'inputs sent on', 'move brought forward', 'slot table written', 'payloads removed'] as const;
/** Places that a process passes when it stops. */
const LEAVING = ['lane left, claim not free', 'claim freed'] as const;
/** How long a trap waits for its place to be passed, in milliseconds. */
const TRAP_MS = 6_000;

export function drawFaults(random: Random, settings: Settings): readonly PlannedFault[] {
  const named = (kind: string, count: number): string => `${kind}-${random.below(count)}`;
  const orchestrator = (): string => named('orchestrator', settings.orchestrators);
  const anybody = (): string => {
    const which = random.below(10);
    return which < 6 ? orchestrator() : which < 8 ? named('worker', settings.workers) : named('throttle', settings.throttles);
  };
  const pointFor = (machine: string): string => random.pick(POINTS.filter((point) => point.startsWith('worker:') === machine.startsWith('worker') && point.startsWith('throttle:') === machine.startsWith('throttle')));
  const longMs = (): number => random.pick([300, 1_500, 4_000, 6_500, 9_000, 14_000]) * random.between(0.5, 1.2);
  function draw(): Fault {
    const kind = random.below(100);
    const machine = anybody();
    if (settings.lanes > 1 && kind >= 86 && random.chance(0.7)) return { kind: 'move', share: random.pick([0.02, 0.2, 1]) * random.next(), offset: random.below(4_096), to: random.below(settings.lanes) };
    if (kind < 10) return { kind: 'crash', machine, downMs: random.between(20, 7_000) };
    if (kind < 45 && machine.startsWith('orchestrator') && random.chance(0.3)) return { kind: 'crash at', machine, point: random.pick(RARE), passes: random.below(3), downMs: random.between(20, 7_000) };
    if (kind < 45) return { kind: 'crash at', machine, point: pointFor(machine), passes: random.below(random.chance(0.5) ? 2 : 12), downMs: random.between(20, 7_000) };
    // Standing still between the answer and what it allows, for longer than the lease, is what fences are for.
    if (kind < 54 && machine.startsWith('orchestrator') && random.chance(0.7)) return { kind: 'stand at', machine, point: random.pick(SENDING), passes: random.below(4), ms: random.between(5_500, 15_000) };
    if (kind < 57) return { kind: 'stand at', machine, point: pointFor(machine), passes: random.below(random.chance(0.5) ? 2 : 12), ms: longMs() };
    if (kind < 63) return { kind: 'stand', machine, ms: longMs() };
    if (kind < 72) return { kind: 'cut', machine, ms: longMs() };
    if (kind < 80) return { kind: 'clock', machine, ms: random.pick([-1, 1]) * random.pick([50, 1_000, 15_000, 120_000]) * random.next() };
    if (kind < 87) return { kind: 'leave', machine: orchestrator(), downMs: random.between(20, 7_000) };
    if (kind < 92) return { kind: 'away', server: random.chance(0.4) ? 'nats' : 'mongo', ms: longMs() };
    if (kind < 97) return { kind: 'break', streams: random.pick(['work', 'starts', 'lease']) };
    const { name } = random.pick(settings.organisations);
    return { kind: 'limit', organisation: name, concurrency: 1 + random.below(10) };
  }
  const drawn = Array.from({ length: settings.faults }, (_, index): PlannedFault => ({ index, atMs: random.between(500, settings.loadMs), fault: draw() }));
  for (const { atMs, fault } of [...drawn]) {
    if (fault.kind !== 'leave' || !random.chance(0.4)) continue;
    drawn.push({ index: drawn.length, atMs: atMs - 1, fault: { kind: 'crash at', machine: fault.machine, point: random.pick(LEAVING), passes: random.below(2), downMs: fault.downMs } });
  }
  // What only fences and epochs are for: dispatching for a lane that another has taken.
  if (settings.orchestrators > 1 && random.chance(0.6)) {
    drawn.push({ index: drawn.length, atMs: random.between(500, settings.loadMs), fault: { kind: 'stand at', machine: orchestrator(), point: random.pick(SENDING), passes: random.below(12), ms: random.between(...DISPLACED_MS) } });
  }
  return drawn.sort((a, b) => a.atMs - b.atMs);
}

/** Carries faults out, and brings back what went down. */
export class FaultMachine {
  /** When something last happened that leases need time to settle after. */
  disturbedMs = 0;
  happened = 0;
  readonly #cluster: Cluster;
  #over = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  carryOut(fault: Fault): void {
    const cluster = this.#cluster;
    const { world } = cluster;
    world.note(`fault ${JSON.stringify(fault)}`);
    this.happened++;
    this.disturbedMs = world.nowMs;
    switch (fault.kind) {
      case 'crash':
        this.#down(fault.machine, fault.downMs);
        return;
      case 'crash at':
      case 'stand at': {
        const { machine, point, passes } = fault;
        let sprung = false;
        world.points.set({
          machine,
          point,
          passes,
          spring: (found) => {
            sprung = true;
            this.disturbedMs = world.nowMs;
            world.note(`${fault.kind} ${point}: ${found.id}`);
            if (fault.kind === 'stand at') found.standStill(fault.ms);
            else this.#down(machine, fault.downMs);
          },
        });
        world.timeline.plan(TRAP_MS, 'trap given up', undefined, () => {
          if (sprung || this.#over || fault.kind === 'stand at') return;
          sprung = true;
          this.#down(machine, fault.downMs);
        });
        return;
      }
      case 'stand':
        world.machines.get(fault.machine)?.standStill(fault.ms);
        return;
      case 'cut':
        world.machines.get(fault.machine)?.cut(fault.ms);
        return;
      case 'clock': {
        const machine = world.machines.get(fault.machine);
        if (machine !== undefined) machine.skewMs += fault.ms;
        return;
      }
      case 'leave': {
        const found = cluster.orchestrators.get(fault.machine);
        if (found === undefined || !found.machine.alive) return;
        void found.leave();
        world.timeline.plan(8_000 + fault.downMs, 'comes back', undefined, () => this.#up(fault.machine));
        return;
      }
      case 'away':
        world.awayUntilMs[fault.server] = Math.max(world.awayUntilMs[fault.server], world.nowMs + fault.ms);
        if (fault.server === 'nats') for (const machine of world.machines.values()) machine.cut(fault.ms);
        return;
      case 'break':
        for (const pipe of cluster.pipes) if (pipe.name === fault.streams && world.random.chance(0.7)) pipe.break();
        return;
      case 'move':
        this.#move(fault);
        return;
      case 'limit': {
        const key = limitsKey(fault.organisation);
        const before = cluster.buckets.limits.peek(key)?.value;
        if (before === undefined) return;
        const limits = decodeJson(before) as { readonly weight: number; readonly strict?: boolean; readonly startsPerSecond?: number; readonly revision: number };
        const written = encodeLimits({ concurrency: fault.concurrency, startsPerSecond: limits.startsPerSecond, weight: limits.weight, strict: limits.strict === true, revision: limits.revision + 1 });
        cluster.buckets.limits.set(key, decodeJson(written));
        return;
      }
    }
  }

  /** From here on nothing goes wrong: everything that is down comes up, who stands still goes on in its time, clocks are set right. */
  stop(): void {
    this.#over = true;
    const { world } = this.#cluster;
    this.disturbedMs = world.nowMs;
    world.points.clear();
    world.awayUntilMs.nats = world.awayUntilMs.mongo = 0;
    for (const machine of world.machines.values()) {
      machine.skewMs = 0;
      machine.cutUntilMs = Math.min(machine.cutUntilMs, world.nowMs);
    }
  }

  /** Asks for slots of one lane to go to another, unless a move of any of them is under way. */
  #move({ share, offset, to }: Extract<Fault, { kind: 'move' }>): void {
    const bucket = this.#cluster.buckets.lanes;
    const stored = bucket.peek('table')?.value;
    const table = stored === undefined ? undefined : parseSlotTable(decodeJson(stored));
    if (table === undefined) return;
    const moving = new Set(bucket.keys('move.').flatMap((key) => (decodeJson(bucket.peek(key)?.value ?? new Uint8Array()) as { readonly slots: readonly number[] }).slots));
    const from = laneOfSlot(table, offset);
    if (from === to || to >= table.lanes) return;
    const all = Array.from({ length: SLOT_COUNT }, (_, index) => (index + offset) % SLOT_COUNT).filter((slot) => laneOfSlot(table, slot) === from);
    const slots = all.slice(0, Math.max(1, Math.floor(all.length * share))).filter((slot) => !moving.has(slot));
    if (slots.length === 0) return;
    const id = `sim${this.happened}`;
    bucket.set(`move.${id}`, { id, slots, from, to, phase: 'asked', objects: [] });
  }

  #down(name: string, downMs: number): void {
    const { world } = this.#cluster;
    const machine = world.machines.get(name);
    if (machine === undefined) return;
    machine.crash();
    this.disturbedMs = world.nowMs;
    world.timeline.plan(downMs, 'comes back', undefined, () => this.#up(name));
  }

  #up(name: string): void {
    const cluster = this.#cluster;
    const running = cluster.world.machines.get(name);
    if (running?.alive === true) {
      // Still stopping; its name is wanted.
      running.crash();
    }
    this.disturbedMs = cluster.world.nowMs;
    cluster.world.note(`${name} comes up`);
    if (name.startsWith('orchestrator')) startOrchestrator(cluster, name);
    else if (name.startsWith('worker')) startWorkerProcess(cluster, name);
    else startThrottle(cluster, name);
  }
}
