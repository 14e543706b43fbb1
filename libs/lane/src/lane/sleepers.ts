/**
 * The executions of a lane that sleep: out of memory, all of them in their checkpoint (E8).
 *
 * Owns who sleeps, what waits for one that is being woken, and how far ahead timers have been looked up. Does not
 * own states: whoever is woken is handed to the lane with `woken`, and is the lane's from there on.
 *
 * - Z1 Whoever goes to sleep has a stored checkpoint of its last frame, waits for timers alone, and for none before
 *      the frontier.
 * - Z2 The frontier never goes back. Every sleeper with a timer before it has been woken, or will be by the look under
 *      way, in the order they are due, WINDOW_MS ahead of their time.
 * - Z3 What is addressed to a sleeper waits for it, in order. Without the database that is PATIENCE_MS; timers wait
 *      for ever and come late, and nothing is forgotten.
 * - Z4 What is looked up ahead is bounded by AHEAD_MAX, what waits by PARKED_MAX.
 * - Z5 One is read again only after the lane has taken what was read before: what comes back late must not be older than
 *      what has gone to sleep since.
 */
import type { Cancel, Clock } from '@millrace/clock';
import { restingUntil, type Program } from '@millrace/engine';
import { slotOf } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import type { StoredCheckpoint } from '../history/checkpoint-store.ts';
import { within } from '../history/within.ts';
import type { Actor, Watcher } from './actor.ts';
import type { IdTable } from './id-table.ts';
import type { Message } from './message.ts';

/** How far ahead of their time sleepers are woken, in milliseconds; what is woken comes on time without the database. */
export const WINDOW_MS = 30_000;
/** Nobody goes to sleep for less than this beyond the window, in milliseconds. */
export const SLEEP_MS_MIN = 15_000;
/** Executions woken before their time, of one lane; the next follow as these come due. */
const AHEAD_MAX = 20_000;
/** Timers looked up at once, while fewer than half of so many wait to be read. */
const LOOK_BATCH = 1_000;
/** Executions read at once, and how many such readings are under way: the database may take long over each, as under a rush. */
const READ_BATCH = 250;
const READS_MAX = 4;
/** Executions that were read and that the lane has not taken yet, from which on no others are looked up. */
const HANDED_MAX = 2_000;
/** How often the store is asked who is due next, in milliseconds. */
const LOOK_MS = 500;
/** How long one question may take, in milliseconds. */
const READ_MS_MAX = 10_000;
/** Between tries while the database is away, in milliseconds. */
const RETRY_MS = { first: 100, most: 2_000 } as const;
/** How long a message waits for a sleeper while the database is away, in milliseconds; whoever sent it is then refused. */
const PATIENCE_MS = 10_000;
/** Messages that wait for sleepers of one lane. */
const PARKED_MAX = 10_000;

/** An execution as the store has it. */
export type StoredExecution = { readonly kind: 'running'; readonly checkpoint: StoredCheckpoint; readonly program: Program } | { readonly kind: 'ended'; readonly id: string; readonly digest: string };

/** Where the look for due timers stands. */
export interface DuePlace {
  readonly dueMs: number;
  readonly id: string;
}

export interface SleeperStore {
  /** Sleeping executions of the slots whose first timer is due at `untilMs` or before, behind a place in that order. */
  due(slots: readonly number[], after: DuePlace, untilMs: number, limit: number): Promise<readonly DuePlace[]>;
  /** What the store has of these; those that it does not have are left out. */
  read(ids: readonly string[]): Promise<readonly StoredExecution[]>;
}

/** What waited for sleepers. */
export interface Waited {
  readonly messages: readonly Message[];
  readonly watchers: readonly Watcher[];
}

/** What came of waking some. */
export interface Woken {
  /** In the order they were asked for. */
  readonly ids: readonly string[];
  readonly found: ReadonlyMap<string, StoredExecution>;
}

export interface Sleepers {
  readonly size: number;
  /** Messages that wait for one to be woken. */
  readonly parked: number;
  has(id: string): boolean;
  /** Whether the actor may go to sleep now, as far as its timers go (Z1). */
  mayRest(actor: Actor): boolean;
  /** The actor leaves memory. */
  rest(actor: Actor): void;
  /** The message waits until the execution is in memory (Z3). */
  park(id: string, message: Message): void;
  /** Somebody waits for its end; it goes on sleeping. */
  watch(id: string, watcher: Watcher): void;
  /** Settles once the execution does not sleep any more. */
  awake(id: string): Promise<void>;
  /** It is in memory, or the store says that it has ended: yields what waited for it. */
  leave(id: string): Waited;
  /** These, handed over with `woken`, are taken now. */
  taken(ids: readonly string[]): void;
  /** Who sleeps in slots that leave, for `gain` of another lane. */
  packed(isLeaving: (slot: number) => boolean): readonly string[];
  /** Slots have come to this lane, and with them sleepers. */
  gain(packed: readonly string[]): void;
  /** Slots have left this lane: their sleepers are forgotten, and what waited for them is yielded. */
  forgetSlots(isGone: (slot: number) => boolean): Waited;
  /** Ends everything, and yields what waited. */
  close(): Waited;
}

export interface SleepersOptions {
  readonly lane: number;
  /** The slots of the lane at this moment. */
  slots(): readonly number[];
  /** Who sleeps already. */
  readonly asleep: IdTable;
  readonly store: SleeperStore;
  readonly clock: Clock;
  readonly logger: Logger;
  woken(woken: Woken): void;
  /** Refuses a message whose sleeper could not be read for too long. */
  refuse(message: Message): void;
}

interface Parked {
  readonly message: Message;
  readonly sinceMs: number;
}

const START_OF_TIME: DuePlace = { dueMs: Number.NEGATIVE_INFINITY, id: '' };
/** Sorts behind every id. */
const LAST_ID = '~';

export function createSleepers({ lane, slots, asleep, store, clock, logger, woken, refuse }: SleepersOptions): Sleepers {
  const parked = new Map<string, Parked[]>();
  const watchers = new Map<string, Watcher[]>();
  const awaited = new Map<string, (() => void)[]>();
  /** To be read next, in order. */
  let wanted = new Set<string>();
  /** Being read, or read and not taken by the lane yet: read once more they might come back as they were (Z5). */
  const underWay = new Set<string>();
  /** When those are due that were woken ahead of their time; the earliest first. */
  let ahead: number[] = [];
  let place = START_OF_TIME;
  let frontierMs = -Infinity;
  let parkedCount = 0;
  /** Handed over with `woken` and not taken yet. */
  let handed = 0;
  let looking = false;
  let readings = 0;
  let retryMs = 0;
  let closed = false;
  let cancelRetry: Cancel = () => undefined;
  const endLooking = clock.every(LOOK_MS, () => {
    losePatience();
    void look();
  });
  clock.soon(() => void look());

  /** Looks up who is due within the window (Z2). */
  async function look(): Promise<void> {
    const nowMs = clock.wallMs();
    ahead = ahead.filter((dueMs) => dueMs > nowMs);
    if (looking || closed || asleep.size === 0 || wanted.size >= LOOK_BATCH / 2 || handed >= HANDED_MAX || ahead.length >= AHEAD_MAX) return;
    looking = true;
    let again = false;
    try {
      // Before anybody is asked: whoever goes to sleep from here on is not due before it.
      frontierMs = Math.max(frontierMs, nowMs + WINDOW_MS);
      const untilMs = frontierMs;
      const after = place;
      const found = await within(clock, READ_MS_MAX, 'Looking up timers', store.due(slots(), after, untilMs, LOOK_BATCH));
      // Somebody wants it to begin again.
      if (after !== place || closed) return;
      for (const { id, dueMs } of found) {
        // Those in memory have a checkpoint too.
        if (!asleep.has(id) || underWay.has(id)) continue;
        wanted.add(id);
        if (dueMs > nowMs) ahead.push(dueMs);
      }
      again = found.length === LOOK_BATCH;
      place = again ? (found.at(-1) as DuePlace) : { dueMs: untilMs, id: LAST_ID };
      read();
    } catch (error) {
      failed(error);
    } finally {
      looking = false;
    }
    if (again) clock.soon(() => void look());
  }

  /** Reads those that are wanted, in batches; while the database does not answer one at a time. */
  function read(): void {
    while (!closed && wanted.size > 0 && readings < (retryMs === 0 ? READS_MAX : 1)) {
      const ids = first(wanted, READ_BATCH);
      for (const id of ids) {
        wanted.delete(id);
        underWay.add(id);
      }
      readings++;
      void readBatch(ids);
    }
  }

  async function readBatch(ids: readonly string[]): Promise<void> {
    try {
      const list = await within(clock, READ_MS_MAX, 'Reading sleeping executions', store.read(ids));
      if (closed) return;
      if (retryMs > 0) logger.info('Sleeping executions can be read again', { lane });
      retryMs = 0;
      handed += ids.length;
      woken({ ids, found: new Map(list.map((each) => [each.kind === 'running' ? each.checkpoint.id : each.id, each])) });
    } catch (error) {
      for (const id of ids) underWay.delete(id);
      wanted = new Set([...ids.filter((id) => asleep.has(id)), ...wanted]);
      failed(error);
      return;
    } finally {
      readings--;
    }
    clock.soon(() => {
      read();
      void look();
    });
  }

  function failed(error: unknown): void {
    if (closed) return;
    if (retryMs === 0) logger.warn('Sleeping executions cannot be read: their timers may come late', { lane, sleeping: asleep.size, error });
    retryMs = Math.min(Math.max(retryMs * 2, RETRY_MS.first), RETRY_MS.most);
    cancelRetry();
    cancelRetry = clock.after(retryMs, read);
  }

  /** Refuses what has waited for too long. */
  function losePatience(): void {
    if (parkedCount === 0) return;
    const nowMs = clock.monotonicMs();
    for (const [id, list] of parked) {
      const late = list.filter(({ sinceMs }) => nowMs - sinceMs >= PATIENCE_MS);
      if (late.length === 0) continue;
      const rest = list.filter((each) => !late.includes(each));
      if (rest.length === 0) parked.delete(id);
      else parked.set(id, rest);
      parkedCount -= late.length;
      for (const { message } of late) refuse(message);
    }
  }

  function want(id: string): void {
    if (underWay.has(id)) return;
    wanted.add(id);
    if (retryMs === 0) read();
  }

  /** What waits for executions for which `isGone` holds, taken out. */
  function takeOut(isGone: (id: string) => boolean): Waited {
    const messages: Message[] = [];
    const told: Watcher[] = [];
    for (const [id, list] of parked) {
      if (!isGone(id)) continue;
      messages.push(...list.map(({ message }) => message));
      parkedCount -= list.length;
      parked.delete(id);
    }
    for (const [id, list] of watchers) {
      if (!isGone(id)) continue;
      told.push(...list);
      watchers.delete(id);
    }
    for (const [id, list] of awaited) {
      if (!isGone(id)) continue;
      for (const settle of list) settle();
      awaited.delete(id);
    }
    for (const id of wanted) if (isGone(id)) wanted.delete(id);
    return { messages, watchers: told };
  }

  return {
    get size() {
      return asleep.size;
    },
    get parked() {
      return parkedCount;
    },
    has: (id) => asleep.has(id),
    mayRest({ execution }) {
      const dueMs = restingUntil(execution);
      return dueMs !== undefined && dueMs > Math.max(frontierMs, clock.wallMs() + WINDOW_MS) + SLEEP_MS_MIN;
    },
    rest({ execution: { id }, watchers: list }) {
      asleep.set(id);
      if (list.length > 0) watchers.set(id, list);
    },
    park(id, message) {
      if (parkedCount >= PARKED_MAX) {
        refuse(message);
        return;
      }
      parkedCount++;
      const list = parked.get(id);
      if (list === undefined) parked.set(id, [{ message, sinceMs: clock.monotonicMs() }]);
      else list.push({ message, sinceMs: clock.monotonicMs() });
      want(id);
    },
    watch(id, watcher) {
      const list = watchers.get(id);
      if (list === undefined) watchers.set(id, [watcher]);
      else list.push(watcher);
    },
    awake(id) {
      if (!asleep.has(id) || closed) return Promise.resolve();
      return new Promise((settle) => {
        const list = awaited.get(id);
        if (list === undefined) awaited.set(id, [settle]);
        else list.push(settle);
        want(id);
      });
    },
    leave(id) {
      asleep.delete(id);
      return takeOutOne(id);
    },
    taken(ids) {
      handed -= ids.length;
      for (const id of ids) underWay.delete(id);
    },
    packed: (isLeaving) => asleep.packed(isLeaving),
    gain(packed) {
      for (const text of packed) asleep.unpack(text);
      // Some may be due before what has been looked up.
      place = { ...START_OF_TIME };
      void look();
    },
    forgetSlots(isGone) {
      asleep.deleteSlots(isGone);
      return takeOut((id) => isGone(slotOf(id)));
    },
    close() {
      closed = true;
      endLooking();
      cancelRetry();
      return takeOut(() => true);
    },
  };

  function takeOutOne(id: string): Waited {
    const messages = parked.get(id) ?? [];
    const told = watchers.get(id) ?? [];
    parked.delete(id);
    parkedCount -= messages.length;
    watchers.delete(id);
    for (const settle of awaited.get(id) ?? []) settle();
    awaited.delete(id);
    return { messages: messages.map(({ message }) => message), watchers: told };
  }
}

function first(ids: ReadonlySet<string>, count: number): readonly string[] {
  const taken: string[] = [];
  for (const id of ids) {
    if (taken.length === count) break;
    taken.push(id);
  }
  return taken;
}
