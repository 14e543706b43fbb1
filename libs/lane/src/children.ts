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
 */
import { createHash } from 'node:crypto';
import type { Clock } from '@millrace/clock';
import { fault, payloadOf, traceparentOf, PROBLEM_TYPES, type ChildInput, type JsonValue, type LaneInput, type Problem, type Reply, type StepResult } from '@millrace/engine';
import { keyedIdentityText, makeKeyedId, parseId, slotOf } from '@millrace/identity';
import type { Logger } from '@millrace/telemetry';
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

export interface Children {
  /** Starts the child of an outstanding step, or asks for it again. */
  begin(step: ReadyStep): void;
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

  /** Steps whose child is asked for at the moment. */
  const asking = new WeakSet<ReadyStep['activation']>();

  async function ask(step: ReadyStep): Promise<void> {
    const { execution, activation } = step;
    const node = execution.program.nodes[activation.node];
    const { workflow, input } = activation.arguments?.value as { readonly workflow: string; readonly input: JsonValue };
    const depth = depthOf(execution.key) + 1;
    if (depth > RUN_DEPTH_MAX) {
      settleNow(step, { kind: 'failure', problem: fault('runtime', `workflows run workflows ${RUN_DEPTH_MAX} deep, the most that they may`).problem });
      return;
    }
    const own = `${execution.id}/${execution.run}/${activation.number}/${activation.attempt}`;
    const key = `run/${depth}/${own}`;
    const id = childId(execution.organisation, workflow, key, parseId(execution.id)?.cell ?? 0);
    const isDetached = node?.kind === 'call' && node.isDetached === true;
    for (let count = 0, waitMs: number = ASK_AGAIN_MS.first; isWanted(step); count++, waitMs = Math.min(waitMs * 2, ASK_AGAIN_MS.most)) {
      const replyTo = `${PREFIX}${own}${count === 0 ? '' : `/${count}`}`;
      const start: LaneInput = {
        kind: 'start',
        organisation: execution.organisation,
        execution: id,
        workflow,
        input,
        key,
        traceparent: traceparentOf(execution, activation.number, activation.attempt),
        acceptedAtMs: Math.round(activation.enteredAtMs),
        acceptedBy: 'workflow',
        ...(isDetached ? {} : { replyTo }),
      };
      if (!(await append([start], `${PREFIX}${own}/${step.epoch}/${count}`, () => isWanted(step)))) return;
      if (isDetached) {
        settleNow(step, { kind: 'output', payload: payloadOf({ execution: id }) });
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
