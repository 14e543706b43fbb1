/**
 * Formats: which release can read what.
 *
 * One number covers everything that outlives the process that wrote it: frames and their heads, records,
 * snapshots, journal entries in segments and history, inputs of lanes. Owns the numbers and what belongs to each.
 * Does not own which one the instances of an installation have agreed on: a host does, and gives it to writers.
 *
 * V1 A release reads every format from FORMAT_OLDEST to FORMAT_NEWEST, for ever: logs and history keep them.
 * V2 A writer writes nothing of a format above the agreed one, so that every live instance can read it.
 * V3 Within a format nothing changes its meaning. What is new, a record's kind, a field of a head, a part of a
 *    snapshot, gets the number of the first format that has it, and is written from that one on.
 *
 * | format | what it added |
 * |---|---|
 * | 1 | release 0.1.0: frames, the thirteen records from `started` to `ended`, snapshots, starts and cancels as inputs |
 * | 2 | forks, listening and timeouts (RECORD_FORMATS, NODE_FORMATS), moves of slots in heads (MOVES_FORMAT), snapshots with each value once |
 */
import { WORKFLOW_OPERATION, type Node, type Program } from './program.ts';
import type { JournalRecord } from './record.ts';

/** The first format. An installation that has agreed on nothing yet writes it. */
export const FORMAT_OLDEST = 1;
/** The newest format that this release reads, and writes once it is agreed. */
export const FORMAT_NEWEST = 2;

/** The first format that has each kind of record. */
export const RECORD_FORMATS: Readonly<Record<JournalRecord['kind'], number>> = {
  started: 1,
  begun: 1,
  entered: 1,
  passed: 1,
  skipped: 1,
  resolved: 1,
  exited: 1,
  iterated: 1,
  failed: 1,
  retrying: 1,
  resumed: 1,
  caught: 1,
  heard: 2,
  collected: 2,
  cut: 2,
  expired: 2,
  operated: 2,
  ended: 1,
};

/** The first format that can hold what a task of each kind writes. */
export const NODE_FORMATS: Readonly<Record<Node['kind'], number>> = {
  do: 1,
  set: 1,
  switch: 1,
  for: 1,
  fork: 2,
  listen: 2,
  try: 1,
  raise: 1,
  wait: 1,
  call: 1,
};

const formats = new WeakMap<Program, number>();

/** The first format that can hold an execution of the program; one may start once that is agreed. */
export function formatOf(program: Program): number {
  let format = formats.get(program);
  if (format === undefined) {
    format = program.nodes.reduce((highest, node) => Math.max(highest, formatOfNode(node)), FORMAT_OLDEST);
    formats.set(program, format);
  }
  return format;
}

/** A task with a time limit writes it: format 2 has fields for that. One that runs a workflow is answered by an input of that format. */
function formatOfNode(node: Node): number {
  const isTimed = node.timeoutMs !== undefined || (node.kind === 'try' && node.catch.retry?.attemptMs !== undefined);
  if (node.kind === 'call' && node.operation === WORKFLOW_OPERATION) return 2;
  return isTimed ? Math.max(2, NODE_FORMATS[node.kind]) : NODE_FORMATS[node.kind];
}

/** Whether this release reads a format. */
export function isReadable(format: unknown): format is number {
  return typeof format === 'number' && Number.isInteger(format) && format >= FORMAT_OLDEST && format <= FORMAT_NEWEST;
}
