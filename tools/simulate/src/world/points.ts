/** The named places in the life of a process at which it may be made to crash or to stand still, and how often each was. */
import type { Machine } from './machine.ts';

export interface Trap {
  readonly machine: string;
  /** Any when undefined. */
  readonly point: string | undefined;
  /** How many passes from now. */
  passes: number;
  spring(machine: Machine, point: string): void;
}

export interface PointCount {
  passed: number;
  crashed: number;
  stood: number;
}

/** Every place there is; a run that never reaches one says so. */
export const POINTS = [
  'claim written',
  'fence sent',
  'fence durable, nothing replayed',
  'replaying',
  'checkpoints read',
  'deciding',
  'payloads stored, frame not sent',
  'frame sent, not answered',
  'frame answered, effects not begun',
  'between effects',
  'step dispatched',
  'result made durable, worker not told',
  'events published, not answered',
  'segments stored, checkpoint not',
  'checkpoint stored, log not truncated',
  'log truncated, inputs not',
  'history stored, checkpoint not removed',
  'history not stored',
  'lane left, claim not free',
  'claim freed',
  'payloads removed',
  'inputs sent on',
  'move brought forward',
  'slot table written',
  'lease renewed',
  'worker: step taken',
  'worker: result sent',
  'throttle: grants given',
  'throttle: seat renewed',
  'throttle: permits written down',
] as const;

export class Points {
  readonly counts = new Map<string, PointCount>(POINTS.map((name) => [name, { passed: 0, crashed: 0, stood: 0 }]));
  #traps: Trap[] = [];

  set(trap: Trap): void {
    this.#traps.push(trap);
  }

  clear(): void {
    this.#traps = [];
  }

  isArmed(machine: Machine, point: string): boolean {
    return this.#traps.some((trap) => trap.point === point && trap.machine === machine.name);
  }

  pass(machine: Machine, point: string): void {
    const count = this.counts.get(point) ?? { passed: 0, crashed: 0, stood: 0 };
    this.counts.set(point, count);
    count.passed++;
    for (const trap of this.#traps) {
      if (trap.machine !== machine.name || (trap.point !== undefined && trap.point !== point) || trap.passes-- > 0) continue;
      this.#traps = this.#traps.filter((each) => each !== trap);
      trap.spring(machine, point);
      if (machine.alive) count.stood++;
      else count.crashed++;
      return;
    }
  }
}
