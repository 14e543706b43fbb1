/**
 * Ended executions of which only the log has the journal: what history cannot take while the database is away does not
 * wait in memory.
 *
 * Owns who these are, and how they are read again. Of each it keeps its id and the first frame of its journal; all
 * frames from the first of them on stay in the log. Does not own how history is written.
 *
 * - B1 An execution is in history, in memory, or here: it is taken here instead of being handed to history, and handed
 *      over once it has been read again.
 * - B2 Only whose journal is in this lane's log as a whole is taken.
 * - B3 Reading again is behind everything else: turns of CATCH_UP_TURN_MS, one in CATCH_UP_SHARE, and only while
 *      little waits for history.
 */
import type { Clock } from '@millrace/clock';
import { decodeEntries, entryReferencesOf, framedEntries, textOf, type EndedRecord, type FramedEntry, type Program, type StartedRecord } from '@millrace/engine';
import { Defect } from '@millrace/errors';
import type { Logger } from '@millrace/telemetry';
import type { Finished } from './actor.ts';
import type { IdTable } from './id-table.ts';
import { Journal } from './journal.ts';
import type { LaneLog } from './lane-log.ts';

/** Journal text that waits for history, in characters, above which ended executions are left to the log. */
export const BACKLOG_CHARACTERS = 64 * 1024 * 1024;
/** And below which they are read again. */
const REFILL_CHARACTERS = 16 * 1024 * 1024;
/** Reading again takes one part in so many of the time, in turns of so many milliseconds. */
const CATCH_UP_SHARE = 4;
const CATCH_UP_TURN_MS = 8;
/** Between looks whether history has room again, in milliseconds. */
const PAUSE_MS = 50;
/** Between tries when the log could not be read, in milliseconds. */
const RETRY_MS = 1_000;

export interface BacklogPorts {
  /** Characters of journals that wait for history. */
  historyWaiting(): number;
  program(hash: string): Promise<Program>;
  payload(name: string): Promise<string>;
}

export interface BacklogOptions {
  readonly log: LaneLog;
  /** Who is here already, each with the first frame of its journal. */
  readonly table: IdTable;
  readonly ports: BacklogPorts;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The last frame that is durable. */
  lastSequence(): number;
  /** It has been read again, and is history's from here on. */
  handOver(finished: Finished): void;
}

export interface Backlog {
  readonly size: number;
  has(id: string): boolean;
  /** Leaves it to the log if history has no room (B2); false: hand it to history. */
  take(finished: Finished): boolean;
  /** The first frame that has to stay in the log; Infinity when none has. */
  lowWater(): number;
  /** One of them as the log has it; undefined when it is none. */
  read(id: string): Promise<Finished | undefined>;
  /** Reads them again if history has room. */
  run(): void;
  close(): void;
}

export function createBacklog({ log, table, ports, clock, logger, lastSequence, handOver }: BacklogOptions): Backlog {
  const ending = new AbortController();
  /** The first frame of any that came since the reading under way began, and of any that it has not handed over. */
  let low = table.lowest();
  let passLow = Infinity;
  let reading = false;

  /** Goes over the log once, and hands over what has ended in it. */
  async function pass(from: number, last: number): Promise<void> {
    const open = new Map<string, Gathered>();
    let spentMs = 0;
    for await (const { sequence, text } of log.read(from, last)) {
      if (ending.signal.aborted) return;
      const since = clock.monotonicMs();
      const ended: Gathered[] = [];
      for (const entry of framedEntries(text)) {
        if (!table.has(entry.execution)) continue;
        const gathered = gather(open, entry, sequence);
        if (gathered === undefined || !entry.ends) continue;
        open.delete(entry.execution);
        ended.push(gathered);
      }
      for (const gathered of ended) {
        const finished = await finishedOf(gathered, ports);
        if (ending.signal.aborted) return;
        table.delete(finished.id);
        handOver(finished);
      }
      // Those that began first were noted first.
      const [earliest] = open.values();
      passLow = earliest?.firstSequence ?? sequence + 1;
      spentMs += clock.monotonicMs() - since;
      if (spentMs < CATCH_UP_TURN_MS) continue;
      await clock.sleep(spentMs * (CATCH_UP_SHARE - 1), ending.signal);
      spentMs = 0;
      while (ports.historyWaiting() > REFILL_CHARACTERS) await clock.sleep(PAUSE_MS, ending.signal);
    }
  }

  async function run(): Promise<void> {
    reading = true;
    const before = table.size;
    const since = clock.monotonicMs();
    passLow = low;
    low = Infinity;
    try {
      await pass(passLow, lastSequence());
      if (!ending.signal.aborted) logger.info('Ended executions were read from the log again for history', { lane: log.lane, executions: before - table.size, left: table.size, tookMs: Math.round(clock.monotonicMs() - since) });
    } catch (error) {
      if (ending.signal.aborted) return;
      logger.warn('The log could not be read again for history', { lane: log.lane, left: table.size, error });
      low = Math.min(low, passLow);
      await clock.sleep(RETRY_MS, ending.signal).catch(() => undefined);
    } finally {
      passLow = Infinity;
      low = table.lowest();
      reading = false;
    }
  }

  return {
    get size() {
      return table.size;
    },
    has: (id) => table.has(id),
    take(finished) {
      if (!finished.isWhole || ports.historyWaiting() < BACKLOG_CHARACTERS) return false;
      table.set(finished.id, finished.firstSequence);
      low = Math.min(low, finished.firstSequence);
      return true;
    },
    lowWater: () => Math.min(low, passLow),
    async read(id) {
      const from = table.get(id);
      if (from === undefined) return undefined;
      const open = new Map<string, Gathered>();
      for await (const { sequence, text } of log.read(from, lastSequence())) {
        for (const entry of framedEntries(text)) {
          if (entry.execution !== id) continue;
          const gathered = gather(open, entry, sequence);
          if (gathered !== undefined && entry.ends) return finishedOf(gathered, ports);
        }
      }
      throw new Defect(`lane ${log.lane}: the log has no end of execution ${id}, which ended in it`);
    },
    run() {
      if (reading || table.size === 0 || ports.historyWaiting() > REFILL_CHARACTERS || ending.signal.aborted) return;
      void run();
    },
    close: () => ending.abort(),
  };
}

interface Gathered {
  readonly id: string;
  readonly organisation: string;
  readonly firstSequence: number;
  lastSequence: number;
  readonly journal: Journal;
  readonly first: string;
  last: string;
}

/** Adds an entry to what is known of its execution; undefined for one whose beginning was not seen. */
function gather(open: Map<string, Gathered>, entry: FramedEntry, sequence: number): Gathered | undefined {
  let gathered = open.get(entry.execution);
  if (gathered === undefined) {
    if (!entry.begins) return undefined;
    gathered = { id: entry.execution, organisation: entry.organisation, firstSequence: sequence, lastSequence: sequence, journal: new Journal(), first: entry.text(), last: '' };
    open.set(entry.execution, gathered);
  }
  gathered.last = entry.text();
  gathered.journal.append(gathered.last);
  gathered.lastSequence = sequence;
  return gathered;
}

async function finishedOf({ id, organisation, firstSequence, lastSequence, journal, first: begin, last: end }: Gathered, ports: BacklogPorts): Promise<Finished> {
  const edges = [begin, end];
  const texts = new Map<string, string>();
  for (const name of entryReferencesOf(edges)) texts.set(name, await ports.payload(name));
  const [first, last] = decodeEntries(edges, (name) => texts.get(name) ?? 'null');
  const started = first?.records[0] as StartedRecord;
  const ended = last?.records.at(-1) as EndedRecord;
  return {
    organisation,
    id,
    program: await ports.program(started.definition),
    workflow: started.workflow,
    version: started.version,
    key: started.key,
    input: started.input,
    // Told when it ended.
    replyTo: undefined,
    acceptedAtMs: started.acceptedAtMs,
    endedAtMs: last?.atMs ?? 0,
    end: { status: ended.status, outputText: ended.output === undefined ? undefined : textOf(ended.output), error: ended.error },
    journal,
    segments: 0,
    hop: 0,
    firstSequence,
    isWhole: true,
    lastSequence,
    // Whether one was written while the database was going away is not known.
    checkpointed: true,
    traceparent: started.traceparent,
  };
}
