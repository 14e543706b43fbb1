/**
 * Planted defects: changes of the product's own source, made while it is loaded, by which the simulation proves that it
 * can find such a defect.
 *
 * - A plant names a file, a text that stands in it exactly once, and what stands there instead. When the text is not
 *   there the run fails: the plant has to follow the product.
 * - `found` names the invariants by which it may be found.
 */
import type { Invariant } from './checks/violations.ts';

export interface Plant {
  readonly name: string;
  /** What is broken, in words. */
  readonly defect: string;
  /** From the root of the repository. */
  readonly file: string;
  readonly text: string;
  readonly instead: string;
  readonly found: readonly Invariant[];
}

export const PLANTS: readonly Plant[] = [
  {
    name: 'no-fence',
    defect: 'A lane is taken by reading its log, without a first frame that shuts the older owner out.',
    file: 'libs/lane/src/lane/take-lane.ts',
    text: 'const fence = await raiseFence(log, epoch, instance',
    instead: "const fence = await log.tail().then(async ({ sequence }) => (sequence === 0 ? raiseFence(log, epoch, instance, 1) : (log.expectAfter(sequence), sequence)));\n  if (false as boolean) await raiseFence(log, epoch, instance",
    found: ['E2'],
  },
  {
    name: 'effect-before-frame',
    defect: 'Effects are performed before their frame is appended.',
    file: 'libs/lane/src/lane/lane.ts',
    text: 'const sequence = await this.#append({}, !turn.isExact);',
    instead: 'for (const effect of turn.effects.splice(0)) effect(this.#lastSequence + 1);\n      const sequence = await this.#append({}, !turn.isExact);',
    found: ['E1'],
  },
  {
    name: 'dropped-outbox',
    defect: 'Events whose publishing failed are forgotten.',
    file: 'libs/lane/src/outbox.ts',
    text: 'queues.set(organisation, [...batch, ...(queues.get(organisation) ?? [])]);',
    instead: '',
    found: ['E9'],
  },
  {
    name: 'watermark-too-high',
    defect: 'The log is truncated above frames that no checkpoint covers.',
    file: 'libs/lane/src/lane/lane-upkeep.ts',
    text: 'for (const actor of dirty) low = Math.min(low, actor.firstDirtySequence);',
    instead: '',
    found: ['E3', 'E4'],
  },
  {
    name: 'reused-key',
    defect: 'The next iteration of a loop gives its tasks the activations of the one before.',
    file: 'libs/engine/src/apply.ts',
    text: 'activation.loop.index = record.index;',
    instead: 'activation.loop.index = record.index;\n      execution.lastActivation = activation.number;',
    found: ['E5'],
  },
  {
    name: 'stale-epoch-accepted',
    defect: 'A worker performs steps of an owner that was displaced.',
    file: 'libs/worker/src/step-ledger.ts',
    text: "else if (step.epoch < highest) return { kind: 'stale', highestEpoch: highest };",
    instead: '',
    found: ['E2'],
  },
  {
    name: 'checkpoint-ahead-of-the-log',
    defect: 'A checkpoint says that it holds a frame more than it does.',
    file: 'libs/lane/src/history/checkpoint-store.ts',
    text: '    sequence: actor.lastSequence,\n    segments: actor.segments,',
    instead: '    sequence: actor.lastSequence + 1,\n    segments: actor.segments,',
    found: ['E3'],
  },
  {
    name: 'input-skipped',
    defect: 'A new owner reads the inputs of its lane from one too far.',
    file: 'libs/lane/src/lane/input-reader.ts',
    text: 'let next = lane.inputSequence + 1;',
    instead: 'let next = lane.inputSequence + (lane.epoch > 1 ? 2 : 1);',
    found: ['E4'],
  },
  {
    name: 'timer-lost',
    defect: 'A new owner does not arm the timers that it finds in the log.',
    file: 'libs/lane/src/lane/lane-executions.ts',
    text: 'if (activation.dueMs !== undefined) this.timers.wait(activation.dueMs, execution.id, activation.number);',
    instead: '',
    found: ['E8'],
  },
  {
    name: 'result-applied-twice',
    defect: 'A result is applied though its attempt is over.',
    file: 'libs/engine/src/decide.ts',
    text: 'if (activation?.arguments === undefined || activation.attempt !== result.attempt || execution.run !== result.run) return false;',
    instead: "if (execution.end !== undefined || execution.run !== result.run) return false;\n  if (activation?.arguments === undefined || activation.attempt !== result.attempt) {\n    journal.emit({ kind: 'failed', activation: result.activation, node: 1, parent: 1, attempt: result.attempt, step: { dispatchedAtMs: 0, startedAtMs: 0, endedAtMs: 0, worker: '' }, error: { type: 'twice', status: 500 } });\n    return true;\n  }",
    found: ['E5'],
  },
  {
    name: 'lease-chunk-counted-twice',
    defect: 'An owner that is granted a chunk uses it twice.',
    file: 'libs/fairness/src/permits.ts',
    text: 'if (account.entitlement !== undefined && nowMs < leasesExpireAtMs) return account.entitlement.concurrency;',
    instead: 'if (account.entitlement !== undefined && nowMs < leasesExpireAtMs) return account.entitlement.concurrency * 2;',
    found: ['T1'],
  },
  {
    name: 'history-lost',
    defect: 'An end whose writing failed counts as stored.',
    file: 'libs/lane/src/history/history-store.ts',
    text: 'queue = [...batch, ...queue];',
    instead: 'for (const { stored } of batch) stored();',
    found: ['E3', 'E4', 'E7'],
  },
  {
    name: 'slot-served-by-two-lanes',
    defect: 'A lane goes on with the executions of a slot that it has given away.',
    file: 'libs/lane/src/lane/lane-moves.ts',
    text: '    executions.actors.delete(actor.execution.id);\n    executions.upkeep.letGo(actor);',
    instead: '    executions.upkeep.letGo(actor);',
    found: ['E2', 'E3'],
  },
  {
    name: 'moved-execution-lost',
    defect: 'A lane that takes slots over leaves one of their executions behind.',
    file: 'libs/lane/src/lane/lane-moves.ts',
    text: 'for (const actor of state.actors) {',
    instead: 'for (const actor of state.actors.slice(1)) {',
    found: ['E3', 'E4'],
  },
  {
    name: 'input-of-a-moved-slot-lost',
    defect: 'An input for a slot that has left counts as sent on, and is not.',
    file: 'libs/lane/src/lane/send-on.ts',
    text: 'await forward(to, batch.map(',
    instead: 'if ((to as number) < 0) await forward(to, batch.map(',
    found: ['E4'],
  },
  {
    name: 'sleeper-not-woken',
    defect: 'A sleeping execution whose timer comes near is not read from the store.',
    file: 'libs/lane/src/lane/sleepers.ts',
    text: 'wanted.add(id);\n        if (dueMs > nowMs) ahead.push(dueMs);',
    instead: 'if (dueMs > nowMs) ahead.push(dueMs);',
    found: ['E4', 'E8'],
  },
  {
    name: 'strict-permit-returned-early',
    defect: 'A permit of a strict limit is free as soon as nothing waits for its step any more, though that may still run.',
    file: 'libs/lane/src/dispatch/scheduler.ts',
    text: 'if (permits.strict(organisation) && lingering.add(keyOf(step), worker, organisation)) return;',
    instead: '',
    found: ['T1'],
  },
];
