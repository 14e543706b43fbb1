/**
 * Carries moves of slots out, for the lanes that this process owns.
 *
 * Owns the keys `move.<id>` from asked to gone, and the change of the table that an adoption causes. Does not own which
 * slots move (lane-planner.ts), nor what a lane does with them (lane.ts).
 *
 * - The logs decide: a phase only says what stands in them. Whoever owns a lane after a crash finds what its log says
 *   (slot-ownership.ts, O2) and brings the entry and the table forward; a step done twice changes nothing.
 * - A step of which a lane's log says nothing is made only while the bucket's leader has the move in the phase before it.
 * - The table changes only for an adoption whose move is still `released`, in the lane whose log says it has the slots.
 *   Another move of the slots is not asked for before that, so a table is never set back.
 * - Needs the bucket and the payloads; no database.
 */
import { decodeJson, encodeJson } from '@millrace/bus';
import type { Clock } from '@millrace/clock';
import { MOVES_FORMAT, type AdoptedSlots, type Program, type ReleasedSlots } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import { laneOfSlot, parseSlotTable, withSlotsIn, type SlotTable } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import type { PayloadStore } from '../history/payload-store.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import { decodeMoved } from './moved-state.ts';
import { changeValue, moveKey, MOVE_PREFIX, parseMove, TABLE_KEY, type LanesBucket, type MovePhase, type PendingMove } from './slot-moves-bucket.ts';

/** How often moves are looked at without a reason, in milliseconds. */
const LOOK_MS = 500;

/** Between looks whether the format is agreed that slots move in, in milliseconds. */
const FORMAT_PAUSE_MS = 500;

export interface SlotMoverOptions {
  readonly bucket: LanesBucket;
  readonly lanes: Lanes;
  readonly payloads: PayloadStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
  /** The agreed record format. */
  format(): number;
  program(hash: string): Promise<Program>;
}

export interface SlotMover {
  /** All moves that are not gone. */
  moves(): readonly PendingMove[];
  /** A lane has come here, or its log says something new. */
  look(): void;
  close(): void;
}

export async function moveSlots(options: SlotMoverOptions): Promise<SlotMover> {
  const { bucket, lanes, payloads, clock, logger } = options;
  const moves = new Map<string, PendingMove>();
  const ending = new AbortController();
  const signal = AbortSignal.any([options.signal, ending.signal]);
  /** What is under way, so that it is begun once: a lane and a step of a move. */
  const busy = new WeakMap<Lane, Set<string>>();

  const watch = await bucket.watch(({ key, value }) => {
    if (!key.startsWith(MOVE_PREFIX)) return;
    const move = value === undefined ? undefined : parseMove(decodeJson(value));
    if (move !== undefined) moves.set(move.id, move);
    else moves.delete(key.slice(MOVE_PREFIX.length));
    look();
  });

  function look(): void {
    if (signal.aborted) return;
    for (const move of moves.values()) {
      const from = lanes.get(move.from);
      const to = lanes.get(move.to);
      if (from !== undefined) once(from, `from ${move.id} ${move.phase}`, () => atFrom(from, move));
      if (to !== undefined) once(to, `to ${move.id} ${move.phase}`, () => atTo(to, move));
    }
    for (const lane of lanes.all()) bringForward(lane);
  }

  function once(lane: Lane, step: string, work: () => Promise<void> | undefined): void {
    const steps = busy.get(lane) ?? new Set<string>();
    busy.set(lane, steps);
    if (steps.has(step)) return;
    steps.add(step);
    // Not again for this phase unless it failed: then the next look tries.
    void Promise.resolve(work()).then(
      () => undefined,
      (error: unknown) => {
        steps.delete(step);
        if (!signal.aborted) logger.warn('A move of slots waits', { lane: lane.number, step, error });
      },
    );
  }

  function atFrom(lane: Lane, move: PendingMove): Promise<void> | undefined {
    switch (move.phase) {
      case 'asked':
        return released(lane, move);
      case 'released':
        return undefined;
      case 'adopted':
        lane.slots.settle(move.id);
        return undefined;
      case 'over':
        lane.slots.settle(move.id);
        return untilForgotten(lane, lane.slots.releaseSequence(move.id)).then(() => remove(move));
    }
  }

  function atTo(lane: Lane, move: PendingMove): Promise<void> | undefined {
    switch (move.phase) {
      case 'asked':
        return undefined;
      case 'released':
        return adopted(lane, move);
      case 'adopted':
        lane.slots.settle(move.id);
        return untilForgotten(lane, lane.slots.adoptionSequence(move.id)).then(() => phase(move, ['adopted'], 'over'));
      case 'over':
        lane.slots.settle(move.id);
        return undefined;
    }
  }

  async function released(lane: Lane, move: PendingMove): Promise<void> {
    // Until every orchestrator reads frames that say so no slot moves.
    while (options.format() < MOVES_FORMAT) await clock.sleep(FORMAT_PAUSE_MS, signal);
    if (lane.slots.released(move.id) === undefined && !(await isStill(move))) return;
    const marker = await answered<ReleasedSlots | undefined>(lane, (done) => lane.post({ kind: 'release', id: move.id, move, done }));
    if (marker === undefined) {
      await assertOwner(lane);
      logger.info('Slots that were to move are not of their lane any more', { move: move.id, from: move.from });
      await remove(move);
      return;
    }
    await noteReleased(move, marker);
  }

  async function noteReleased(move: PendingMove, { slots, objects }: ReleasedSlots): Promise<void> {
    await changeValue<PendingMove>(bucket, moveKey(move.id), parseMove, (current) => (current.phase === 'asked' ? { ...current, phase: 'released', slots, objects } : undefined), clock, signal);
  }

  async function adopted(lane: Lane, move: PendingMove): Promise<void> {
    const { id, slots, from, objects } = move;
    if (lane.slots.adopted(id) === undefined) {
      if (!(await isStill(move))) return;
      const texts = await Promise.all(objects.map((name) => payloads.get(name)));
      const state = await decodeMoved(texts, (hash) => options.program(hash));
      const marker: AdoptedSlots = { move: id, slots, from, objects };
      await answered<void>(lane, (done) => lane.post({ kind: 'adopt', marker, state, done }));
    }
    await noteAdopted(lane, move);
  }

  /** Table first, then the phase: while the move is `released` nobody asks for another of its slots. */
  async function noteAdopted(lane: Lane, { id, from, to }: PendingMove): Promise<void> {
    const table = await changeValue(bucket, TABLE_KEY, parseSlotTable, async (current) => {
      const entry = await bucket.get(moveKey(id));
      const move = entry?.value === undefined ? undefined : parseMove(decodeJson(entry.value));
      return move?.phase === 'released' ? withAdopted(current, lane, id, from, to) : undefined;
    }, clock, signal);
    if (table !== undefined && table.version > lanes.table().version) lanes.setTable(table);
    await changeValue<PendingMove>(bucket, moveKey(id), parseMove, (current) => (current.phase === 'released' ? { ...current, phase: 'adopted' } : undefined), clock, signal);
  }

  /**
   * True while the entry says what the watch said. The watch may be far behind in a process that stood still, and a log
   * forgets a step once the entry has it: of a lane just taken whose log has no such step, only the bucket's leader
   * says that it was never made.
   */
  async function isStill(move: PendingMove): Promise<boolean> {
    const stored = await bucket.get(moveKey(move.id));
    return stored?.value !== undefined && parseMove(decodeJson(stored.value))?.phase === move.phase;
  }

  async function phase(move: PendingMove, before: readonly MovePhase[], after: MovePhase): Promise<void> {
    await changeValue<PendingMove>(bucket, moveKey(move.id), parseMove, (current) => (before.includes(current.phase) ? { ...current, phase: after } : undefined), clock, signal);
  }

  async function remove(move: PendingMove): Promise<void> {
    await payloads.remove(move.objects);
    const stored = await bucket.get(moveKey(move.id));
    if (stored?.value !== undefined) await bucket.delete(moveKey(move.id), stored.revision);
  }

  /** What a log says and the entry does not: the process that wrote it died in between, or the bucket was lost. */
  function bringForward(lane: Lane): void {
    for (const { marker } of lane.slots.openReleases()) {
      if (moves.has(marker.move)) continue;
      once(lane, `restore ${marker.move}`, () => restore(lane, marker));
    }
    for (const { marker } of lane.slots.openAdoptions()) {
      if (moves.has(marker.move)) continue;
      once(lane, `close ${marker.move}`, () => closeLost(lane, marker));
    }
  }

  /** No entry: the move is over, unless the table has not heard of it. */
  async function restore(lane: Lane, { move: id, slots, objects, to }: ReleasedSlots): Promise<void> {
    const table = await currentTable();
    if ((await bucket.get(moveKey(id)))?.value !== undefined) return;
    if (!slots.some((slot) => laneOfSlot(table, slot) === lane.number && !lane.slots.owns(slot))) {
      lane.slots.settle(id);
      return;
    }
    await create({ id, from: lane.number, to, slots, objects, phase: 'released' });
  }

  async function closeLost(lane: Lane, { move: id, slots, objects, from }: AdoptedSlots): Promise<void> {
    const table = await currentTable();
    if ((await bucket.get(moveKey(id)))?.value !== undefined) return;
    if (lane.slots.keptOf(id).every((slot) => laneOfSlot(table, slot) !== from)) {
      lane.slots.settle(id);
      return;
    }
    await create({ id, from, to: lane.number, slots, objects, phase: 'released' });
  }

  async function create(move: PendingMove): Promise<void> {
    try {
      await bucket.create(moveKey(move.id), encodeJson(move));
    } catch (error) {
      if (!(error instanceof MillraceError) || error.reason !== 'revision-conflict') throw error;
    }
  }

  async function currentTable(): Promise<SlotTable> {
    const stored = await bucket.get(TABLE_KEY);
    const table = stored?.value === undefined ? undefined : parseSlotTable(decodeJson(stored.value));
    if (table === undefined) throw new MillraceError('bus-failed', { message: 'The slot table cannot be read' });
    return table;
  }

  /** What a lane says to a message; rejects when the lane ends before. */
  function answered<T>(lane: Lane, post: (done: (answer: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      void lane.ended.then(() => reject(new MillraceError('lane-displaced', { message: `Lane ${lane.number} has left this orchestrator` })));
      post(resolve);
    });
  }

  /** What a lane does not know of a move counts only if no later owner knows more. */
  async function assertOwner(lane: Lane): Promise<void> {
    if (await lane.isTaken()) throw new MillraceError('lane-displaced', { message: `Lane ${lane.number} has left this orchestrator` });
  }

  /** Waits until recovery of a lane needs a frame no more; one of which its log says nothing was forgotten before it was taken. */
  async function untilForgotten(lane: Lane, sequence: number | undefined): Promise<void> {
    if (sequence === undefined) await assertOwner(lane);
    let left = false;
    void lane.ended.then(() => (left = true));
    while (sequence !== undefined && lane.truncatedBelow <= sequence) {
      if (left) throw new MillraceError('lane-displaced', { message: `Lane ${lane.number} has left this orchestrator` });
      await clock.sleep(LOOK_MS, signal);
    }
  }

  const cancel = clock.every(LOOK_MS, look);
  look();
  return {
    moves: () => [...moves.values()],
    look,
    close() {
      ending.abort();
      cancel();
      watch.stop();
    },
  };
}

/** The table once the slots of an adoption are in their lane: those that the lane still has and the table has elsewhere. */
function withAdopted(table: SlotTable, lane: Lane, id: string, from: number, to: number): SlotTable | undefined {
  const slots = lane.slots.keptOf(id).filter((slot) => laneOfSlot(table, slot) === from);
  return slots.length === 0 || lane.number !== to ? undefined : withSlotsIn(table, slots, to);
}
