/**
 * What an execution takes over from another one: results by place, instead of doing things again.
 *
 * Owns how places of two executions are told to be the same, what of a journal can be taken over, and which side
 * effects that leaves to be sent again. Does not own how the new execution comes about.
 *
 * U1 A place is a task's reference with the iterations around it, and how often it was reached before: the n-th time
 *    here takes what the n-th time there came to. What a retried attempt did is not counted: the last one is what counts.
 * U2 Taken over are results of calls, errors of calls that a `try` caught, waits that are over, and what listening
 *    tasks without `foreach` took. Everything else is worked out again by the same rules (D1).
 * U3 Where arguments are compared (a fork), a call whose arguments differ is sent.
 * U4 A person's decision is for what they were asked: it is taken over where nothing differs (a retry, a restart), and
 *    never in a fork, nor for anything that is not the same kind of task.
 */
import { advance, begin, journalFor, start } from './decide.ts';
import { NO_ACTIVATION } from './execution.ts';
import { payloadOf } from './payload.ts';
import type { JsonValue, Program } from './program.ts';
import type { Problem } from './problem.ts';
import type { JournalEntry, JournalRecord, RerunAct, StartedRecord } from './record.ts';

/** Decisions that a plan follows; what lies behind them is shown as sent again, and may be taken over all the same. */
export const PLAN_DECISIONS_MAX = 100_000;

/** What one place came to. */
export interface Reusable {
  /** The call's result, or what a listening task took; absent with an error, and of a wait. */
  readonly result?: JsonValue;
  readonly error?: Problem;
  /** The call's arguments, where they are compared. */
  readonly arguments?: JsonValue;
  /** It is what a person decided (U4). */
  readonly approval?: true;
}

/** By place (U1), in the order in which it was reached. */
export type Reuse = ReadonlyMap<string, readonly Reusable[]>;

/** A side effect of the first execution, and what the new one makes of it. */
export interface PlannedEffect {
  readonly reference: string;
  /** Of the loops around it, the innermost first. */
  readonly iterations: readonly number[];
  readonly operation: string;
  /** `unknown`: it may have happened, and is sent again. */
  readonly outcome: 'reused' | 'resent' | 'unknown';
  readonly because: string;
}

interface Open {
  readonly node: number;
  readonly parent: number;
  readonly path: string;
  readonly arguments: JsonValue | undefined;
  index: number | undefined;
  readonly heard: JsonValue[];
}

interface Found extends Reusable {
  readonly path: string;
  readonly node: number;
  /** The activations around it. */
  readonly around: readonly number[];
}

interface Sent {
  readonly path: string;
  readonly node: number;
  readonly around: readonly number[];
  readonly number: number;
  outcome: 'done' | 'failed' | 'open';
}

export interface Collected {
  readonly reuse: Reuse;
  readonly sent: readonly Sent[];
}

/**
 * What can be taken over of a journal: all of it, or what had been done before a task was first reached.
 *
 * @param before a task's reference; empty: all.
 * @param compares whether calls are taken over only with the same arguments (U3).
 * @returns undefined when the task was never reached.
 */
export function collectReuse(program: Program, entries: readonly JournalEntry[], before: string, compares: boolean): Collected | undefined {
  const live = new Map<number, Open>();
  let found: Found[] = [];
  const sent: Sent[] = [];
  /** Errors of calls by the activation they have reached. */
  const raised = new Map<number, Found>();
  let reached = before === '';
  const around = (parent: number): number[] => {
    const list: number[] = [];
    for (let each = parent; each !== NO_ACTIVATION; each = live.get(each)?.parent ?? NO_ACTIVATION) list.push(each);
    return list;
  };
  const pathAt = (node: number, parent: number): string => {
    let path = program.nodes[node]?.reference ?? '';
    for (const each of around(parent)) {
      const { index } = live.get(each) ?? {};
      if (index !== undefined) path += `.${index}`;
    }
    return path;
  };
  const isApprovalNode = (number: number): boolean => {
    const node = program.nodes[number];
    return node?.kind === 'listen' && node.approval !== undefined;
  };
  const keep = (open: Open, what: Reusable): void => void found.push({ path: open.path, node: open.node, around: around(open.parent), ...what, ...(compares && open.arguments !== undefined ? { arguments: open.arguments } : {}) });
  for (const { records } of entries) {
    for (const record of records) {
      const isFirst = (record.kind === 'entered' || record.kind === 'passed' || record.kind === 'skipped' || (record.kind === 'failed' && !live.has(record.activation))) && program.nodes[record.node]?.reference === before;
      reached ||= isFirst;
      // What had been sent before and has not come back by then is told of all the same.
      const isTaken = before === '' || !reached;
      switch (record.kind) {
        case 'entered': {
          const open: Open = { node: record.node, parent: record.parent, path: pathAt(record.node, record.parent), arguments: record.arguments?.value, index: undefined, heard: [] };
          live.set(record.activation, open);
          if (record.arguments !== undefined) sent.push({ path: open.path, node: open.node, around: around(open.parent), number: record.activation, outcome: 'open' });
          break;
        }
        case 'passed':
          // Taken over from an execution before.
          if (isTaken && record.reused === true && !(compares && isApprovalNode(record.node))) found.push({ ...(isApprovalNode(record.node) ? { approval: true } : {}), path: pathAt(record.node, record.parent), node: record.node, around: around(record.parent), ...(record.raw === undefined ? {} : { result: record.raw.value }) });
          break;
        case 'resolved': {
          const open = live.get(record.activation);
          settle(sent, record.activation, 'done');
          if (open !== undefined && isTaken) keep(open, { result: record.result.value });
          live.delete(record.activation);
          break;
        }
        case 'heard':
          if (record.event !== undefined) live.get(record.activation)?.heard.push(record.event.value);
          break;
        case 'exited': {
          const open = live.get(record.activation);
          const node = program.nodes[open?.node ?? -1];
          if (open !== undefined && isTaken && node?.kind === 'wait') keep(open, {});
          if (open !== undefined && isTaken && node?.kind === 'listen' && open.index === undefined) {
            if (node.approval === undefined) keep(open, { result: open.heard });
            else if (!compares) keep(open, { result: open.heard[0] ?? null, approval: true });
          }
          live.delete(record.activation);
          break;
        }
        case 'iterated': {
          const open = live.get(record.activation);
          if (open !== undefined) open.index = record.index;
          break;
        }
        case 'failed': {
          const open = live.get(record.activation);
          settle(sent, record.activation, 'failed');
          if (record.step !== undefined && record.error !== undefined && open !== undefined) raised.set(record.parent, { path: open.path, node: open.node, around: around(open.parent), error: record.error, ...(compares && open.arguments !== undefined ? { arguments: open.arguments } : {}) });
          else if (record.reused === true && record.error !== undefined) raised.set(record.parent, { path: pathAt(record.node, record.parent), node: record.node, around: around(record.parent), error: record.error });
          else if (raised.has(record.activation)) raised.set(record.parent, raised.get(record.activation) as Found);
          raised.delete(record.activation);
          live.delete(record.activation);
          break;
        }
        case 'retrying':
          raised.delete(record.activation);
          found = found.filter((each) => !each.around.includes(record.activation));
          break;
        case 'caught': {
          const failure = raised.get(record.activation);
          raised.delete(record.activation);
          if (failure !== undefined && isTaken) found.push(failure);
          break;
        }
        default:
          break;
      }
    }
  }
  if (!reached) return undefined;
  const reuse = new Map<string, Reusable[]>();
  for (const { path, node: _node, around: _around, ...what } of found) {
    const list = reuse.get(path);
    if (list === undefined) reuse.set(path, [what]);
    else list.push(what);
  }
  return { reuse, sent };
}

function settle(sent: readonly Sent[], activation: number, outcome: Sent['outcome']): void {
  const step = sent.findLast(({ number }) => number === activation);
  if (step !== undefined) step.outcome = outcome;
}

/** How the new execution is linked to the first. */
export interface RerunOrigin {
  readonly execution: string;
  readonly act: RerunAct;
  readonly by: string;
  readonly reason?: string;
  /** The task from which everything is done again. */
  readonly from?: string;
}

/**
 * Follows the new execution until it waits for something, without doing anything: what it takes over is exactly what
 * the real one will. Yields what becomes of the side effects of the first.
 */
export async function planRerun(first: Program, collected: Collected, started: StartedRecord, program: Program, pause: () => Promise<void>): Promise<{ readonly effects: readonly PlannedEffect[]; readonly reuse: Reuse }> {
  const execution = start('', '', program, { ...started, reuse: reuseRecord(collected.reuse) });
  const records: JournalRecord[] = [];
  begin(execution, journalFor(execution, started.acceptedAtMs, records));
  for (let decided = 0; decided < PLAN_DECISIONS_MAX && execution.end === undefined && execution.ready.length > 0; decided += 32) {
    advance(execution, journalFor(execution, started.acceptedAtMs, records));
    await pause();
  }
  const left = new Map([...execution.reuse].map(([path, list]) => [path, list.length]));
  // Whoever was not reached is not taken over: what is done from there on may have changed what they stand for.
  const reuse = new Map<string, readonly Reusable[]>();
  for (const [path, list] of collected.reuse) {
    const taken = list.length - (left.get(path) ?? 0);
    if (taken > 0) reuse.set(path, list.slice(0, taken));
  }
  const counted = new Map<string, number>();
  const effects = collected.sent.map(({ path, node: number, outcome }): PlannedEffect => {
    const node = first.nodes[number];
    const [reference = '', ...iterations] = [node?.reference ?? '', ...path.slice((node?.reference ?? '').length).split('.').slice(1).map(Number)];
    const head = { reference: String(reference), iterations: iterations as readonly number[], operation: node?.kind === 'call' ? node.operation : '' };
    if (outcome === 'open') return { ...head, outcome: 'unknown', because: 'it was sent, and its result never came' };
    const place = counted.get(path) ?? 0;
    const isTaken = place < (reuse.get(path)?.length ?? 0);
    counted.set(path, place + 1);
    if (isTaken) return { ...head, outcome: 'reused', because: outcome === 'done' ? 'its result stands in the journal' : 'its error was handled, and stands in the journal' };
    return { ...head, outcome: 'resent', because: outcome === 'failed' ? 'it had failed' : 'it is done again, if the new run reaches it' };
  });
  return { effects, reuse };
}

export function reuseRecord(reuse: Reuse): ReturnType<typeof payloadOf> {
  const value = [...reuse].map(([path, list]) => [path, list as unknown as JsonValue]);
  return payloadOf(value as unknown as JsonValue);
}
