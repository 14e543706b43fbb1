/**
 * Workflows that workflows run: started through the durable input of their lane, and answered through that of their
 * parent's.
 *
 * Owns the way there and back. Does not own either execution: to the parent its child is an outstanding step, to the
 * child its parent is somebody who waits for a reply.
 *
 * C1 A child's id follows from its parent's step and attempt: however often it is asked for, there is one (E5).
 * C2 An answer that was lost, with whichever process, is asked for again every ASK_AGAIN_MS, doubling; the parent's
 *    step takes the first.
 * C3 Workflows that run workflows do so RUN_DEPTH_MAX deep at most (E6).
 * C4 One that its parent waits for no more is cancelled. The message has its start in front of the cancellation, so that
 *    none overtakes the other, whichever arrives when: the start makes it known, and a later one is the same start.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '@millrace/clock';
import { fault, payloadOf, traceparentOf, PROBLEM_TYPES, type Activation, type ChildInput, type Execution, type JsonValue, type LaneInput, type Problem, type Reply, type StartInput, type StepResult } from '@millrace/engine';
import { keyedIdentityText, makeKeyedId, parseId, slotOf } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
import type { LeftChild } from './lane/left-children.ts';
import type { ReadyStep } from './lane/ports.ts';

/** Most levels of workflows that run workflows. */
export const RUN_DEPTH_MAX = 32;
/** Between questions for the same child, in milliseconds. */
const ASK_AGAIN_MS = { first: 60_000, most: 600_000 } as const;
/** Between tries to append, in milliseconds. */
const RETRY_MS = { first: 50, most: 2_000 } as const;
/** Tries to bring an answer back; then the parent asks again (C2). */
const ANSWER_TRIES_MAX = 10;
const PREFIX = 'millrace.parent/';

/** A step that runs a workflow. */
interface Step {
  readonly execution: Execution;
  readonly activation: Activation;
}

export interface Children {
  /** Starts the child of an outstanding step, or asks for it again. */
  begin(step: ReadyStep): void;
  /** Cancels the child of a step that is outstanding no more; `told` once that is durable. Not one that was never asked for. */
  abandon(lane: number, child: LeftChild, isReplayed: boolean, told: () => void): void;
  /** The first frame of the lane that left a child which is not told yet; Infinity when none did. */
  lowWater(lane: number): number;
  /** The lane is no longer here: its next owner tells them. */
  dropLane(lane: number): void;
  /** Whether a reply is for a parent. */
  isParent(subject: string): boolean;
  /** Brings a child's end to its parent. */
  answer(subject: string, reply: Reply): void;
}

export interface ChildrenOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  laneOf(slot: number): number;
  forward(lane: number, inputs: readonly (LaneInput | ChildInput)[], messageId: string): Promise<void>;
  /** Whether the step is still outstanding, in a lane of this process. */
  isWanted(step: ReadyStep): boolean;
  /** Settles a step of a lane of this process. */
  settle(step: ReadyStep, result: StepResult): void;
}

export function createChildren({ clock, logger, signal, laneOf, forward, isWanted, settle }: ChildrenOptions): Children {
  async function append(inputs: readonly (LaneInput | ChildInput)[], messageId: string, goesOn: () => boolean): Promise<boolean> {
    for (let waitMs: number = RETRY_MS.first; goesOn() && !signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
      try {
        await forward(laneOf(slotOf(inputs[0]?.execution ?? '')), inputs, messageId);
        return true;
      } catch (error) {
        logger.debug('A workflow run by another could not be reached yet', { execution: inputs[0]?.execution, error });
        await clock.sleep(waitMs, signal).catch(() => undefined);
      }
    }
    return false;
  }

  function settleNow(step: ReadyStep, outcome: StepResult['outcome']): void {
    const atMs = clock.wallMs();
    const { activation, execution } = step;
    settle(step, { activation: activation.number, attempt: activation.attempt, run: execution.run, outcome, dispatchedAtMs: atMs, startedAtMs: atMs, endedAtMs: atMs, worker: 'workflow' });
  }

  /** Steps whose child is asked for at the moment, and those for which it was at some time. */
  const asking = new WeakSet<Activation>();
  const asked = new WeakSet<Activation>();
  /** Children that are not told yet that nobody waits for them, by lane. */
  const leaving = new Map<number, Set<LeftChild>>();

  async function tell(lane: number, child: LeftChild, told: () => void): Promise<void> {
    const list = leaving.get(lane) ?? new Set();
    leaving.set(lane, list.add(child));
    const start = startOf(child);
    const { execution, organisation } = start;
    if (!(await append([start, { kind: 'cancel', organisation, execution }], `${PREFIX}${execution}/cancel`, () => list.has(child)))) return;
    if (!list.delete(child)) return;
    told();
  }

  async function ask(step: ReadyStep): Promise<void> {
    const { execution, activation } = step;
    const node = execution.program.nodes[activation.node];
    if (depthOf(execution.key) + 1 > RUN_DEPTH_MAX) {
      settleNow(step, { kind: 'failure', problem: fault('runtime', `workflows run workflows ${RUN_DEPTH_MAX} deep, the most that they may`).problem });
      return;
    }
    asked.add(activation);
    const own = placeOf(step);
    const first = startOf(step);
    const isDetached = node?.kind === 'call' && node.isDetached === true;
    for (let count = 0, waitMs: number = ASK_AGAIN_MS.first; isWanted(step); count++, waitMs = Math.min(waitMs * 2, ASK_AGAIN_MS.most)) {
      const replyTo = `${PREFIX}${own}${count === 0 ? '' : `/${count}`}`;
      const start: StartInput = isDetached ? first : { ...first, replyTo };
      if (!(await append([start], `${PREFIX}${own}/${step.epoch}/${count}`, () => isWanted(step)))) return;
      if (isDetached) {
        settleNow(step, { kind: 'output', payload: payloadOf({ execution: first.execution }) });
        return;
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  return {
    begin(step) {
      if (asking.has(step.activation)) return;
      asking.add(step.activation);
      ask(step)
        .catch((error: unknown) => logger.error('A workflow could not be run by another', { execution: step.execution.id, error }))
        .finally(() => asking.delete(step.activation));
    },
    abandon(lane, child, isReplayed, told) {
      if (!isReplayed && !asked.has(child.activation)) told();
      else void tell(lane, child, told).catch((error: unknown) => logger.error('A workflow run by another could not be cancelled', { execution: child.execution.id, error }));
    },
    lowWater(lane) {
      let low = Infinity;
      for (const { sequence } of leaving.get(lane) ?? []) low = Math.min(low, sequence);
      return low;
    },
    dropLane(lane) {
      leaving.get(lane)?.clear();
      leaving.delete(lane);
    },
    isParent: (subject) => subject.startsWith(PREFIX),
    answer(subject, reply) {
      const [execution = '', run, activation, attempt] = subject.slice(PREFIX.length).split('/');
      const problem = problemOf(reply);
      const input: ChildInput = {
        kind: 'child',
        execution,
        run: Number(run),
        activation: Number(activation),
        attempt: Number(attempt),
        endedAtMs: clock.wallMs(),
        ...(problem === undefined ? { output: reply.output ?? null } : { error: problem }),
      };
      let tries = 0;
      void append([input], `${subject}/end`, () => tries++ < ANSWER_TRIES_MAX);
    },
  };
}

/** Names a step and its attempt. */
function placeOf({ execution, activation }: Step): string {
  return `${execution.id}/${execution.run}/${activation.number}/${activation.attempt}`;
}

/** The start of a step's child, which answers to nobody (C1). */
function startOf(step: Step): StartInput {
  const { execution, activation } = step;
  const { organisation, id } = execution;
  const { workflow, input } = activation.arguments?.value as { readonly workflow: string; readonly input: JsonValue };
  const key = `run/${depthOf(execution.key) + 1}/${placeOf(step)}`;
  return {
    kind: 'start',
    organisation,
    execution: childId(organisation, workflow, key, parseId(id)?.cell ?? 0),
    workflow,
    input,
    key,
    traceparent: traceparentOf(execution, activation.number, activation.attempt),
    acceptedAtMs: Math.round(activation.enteredAtMs),
    acceptedBy: 'workflow',
  };
}

/** How deep the execution itself stands, by the key that this file gives. */
function depthOf(key: string | undefined): number {
  const found = /^run\/(\d+)\//.exec(key ?? '');
  return found === null ? 0 : Number(found[1]);
}

function childId(organisation: string, workflow: string, key: string, cell: number): string {
  return makeKeyedId({ cell, hash: createHash('sha256').update(keyedIdentityText(organisation, workflow, key)).digest() });
}

function problemOf({ status, error, execution }: Reply): Problem | undefined {
  if (status === 'completed') return undefined;
  if (status === 'cancelled') return { ...PROBLEM_TYPES.runtime, detail: `the workflow was cancelled (execution ${execution})` };
  return error ?? { ...PROBLEM_TYPES.runtime, detail: `the workflow ended as ${status} (execution ${execution})` };
}
