/**
 * What must hold once faults have stopped and everything had its time: every accepted start has ended as the model
 * says (E4), was told to whom it concerns (E9), is readable and traceable (E7), and nothing is left over (T3, E8).
 */
import { decodeJson } from '@millrace/bus';
import { traceOf } from '@millrace/engine';
import { entriesOf } from '@millrace/lane';
import type { Cluster } from '../product/cluster.ts';
import type { Client, StartFate } from '../work/client.ts';
import { expectedOf } from '../work/model.ts';
import { fits } from '../work/performed.ts';

/** What is not over yet, in words; empty once everything is. */
export function unfinished(cluster: Cluster, client: Client): readonly string[] {
  const left: string[] = [];
  if (client.open > 0) left.push(`${client.open} starts without an answer`);
  const { truth } = cluster.observer;
  let running = 0;
  let unstored = 0;
  let untold = 0;
  for (const [id, durable] of truth.executions) {
    if (durable.ends === 0) running++;
    else if (!cluster.database.history.has(id)) unstored++;
    for (const { lane, sequence, index } of durable.told) if (!cluster.events.has(`${lane}/${sequence}/${id}/${index}`)) untold++;
  }
  if (running > 0) left.push(`${running} executions that have not ended`);
  if (unstored > 0) left.push(`${unstored} ends that are not in history`);
  if (untold > 0) left.push(`${untold} events that are not published`);
  for (const fate of client.fates.values()) if (fate.state === 'accepted' && !truth.executions.has(fate.plan.execution)) left.push(`execution ${fate.plan.execution}, accepted, unknown`);
  const moving = cluster.buckets.lanes.keys('move.').filter((key) => ['asked', 'released'].includes((decodeJson(cluster.buckets.lanes.peek(key)?.value ?? new Uint8Array()) as { readonly phase: string }).phase));
  if (moving.length > 0) left.push(`${moving.length} moves of slots under way`);
  const inUse = permitsInUse(cluster);
  if (running === 0 && inUse > 0) left.push(`${inUse} permits in use`);
  return left;
}

/** When the last timer of an execution that has not ended is due, in milliseconds of the epoch; 0 when there is none. */
export function lastDueMs({ observer }: Cluster): number {
  let last = 0;
  for (const { ends, execution } of observer.truth.executions.values()) {
    if (ends === 0) for (const { dueMs } of execution.activations.values()) last = Math.max(last, dueMs ?? 0);
  }
  return last;
}

/** For a trace: who holds what, when something waits at the end. */
function describeThrottle({ world, orchestrators, throttles, settings }: Cluster): void {
  for (const { machine, host } of orchestrators.values()) {
    if (!machine.alive) continue;
    for (const { name } of settings.organisations) {
      const queued = host.leaseHooks.queuedOf(name);
      world.note(`${machine.id} ${name}: ${JSON.stringify(host.leaseHooks.permits.demand(name, queued.steps, queued.starts, machine.clock.monotonicMs()))}, waiting ${JSON.stringify(queued)}`);
    }
    world.note(`${machine.id}: ${host.scheduler.outstanding} steps at workers, ${host.scheduler.waiting} waiting, lanes ${host.lanes.all().map(({ number, epoch, actors }) => `${number}/${epoch}/${actors.size}`).join()}`);
  }
  for (const { machine, authority, leading } of throttles.values()) if (machine.alive) world.note(`${machine.id}: leading ${leading()}, learning ${authority.learning()}, ${JSON.stringify(authority.usage())}`);
}

function permitsInUse(cluster: Cluster): number {
  let sum = 0;
  for (const { machine, host } of cluster.orchestrators.values()) if (machine.alive) for (const { name } of cluster.settings.organisations) sum += host.leaseHooks.permits.running(name);
  return sum;
}

export function checkFinally(cluster: Cluster, client: Client): void {
  if (unfinished(cluster, client).length > 0) describeThrottle(cluster);
  const { violations, truth } = cluster.observer;
  const nowMs = cluster.world.epochMs + cluster.world.nowMs;
  for (const [id, durable] of truth.executions) {
    if (durable.ends > 0) continue;
    const overdue = [...durable.execution.activations.values()].find(({ dueMs }) => dueMs !== undefined && dueMs < nowMs - 5_000);
    violations.check(overdue === undefined ? 'E4' : 'E8', false, () => (overdue === undefined ? `execution ${id} of lane ${durable.lane} has not ended: ${truth.stateOf(id)?.slice(-400) ?? ''}` : `a timer of execution ${id} in lane ${durable.lane} was due ${Math.round(nowMs - (overdue.dueMs ?? 0))} ms ago`));
  }
  const left = unfinished(cluster, client).filter((what) => what.includes('moves'));
  violations.check('E2', left.length === 0, () => left.join());
  violations.check('T3', permitsInUse(cluster) === 0, () => `nothing runs, and ${permitsInUse(cluster)} permits are in use`);
  for (const fate of client.fates.values()) checkStart(cluster, client, fate);
  checkHistory(cluster);
}

function checkStart(cluster: Cluster, client: Client, { plan, state, reason }: StartFate): void {
  const { violations, truth, replies } = cluster.observer;
  const durable = truth.executions.get(plan.execution);
  violations.check('E4', state !== 'sent', () => `nothing definite was ever said of the start of execution ${plan.execution}`);
  if (state === 'refused') {
    const first = (durable?.execution.rawInput.value as { readonly n: number } | undefined)?.n;
    violations.check('E4', reason === 'idempotency-conflict' && first !== plan.n, () => `the start of execution ${plan.execution} was refused: ${reason}`);
    return;
  }
  if (!violations.check('E4', durable !== undefined, () => `the start of execution ${plan.execution} was accepted, and it never began`) || durable === undefined) return;
  const { end } = durable.execution;
  if (end === undefined) return;
  // A start repeated under a key is told by whoever has it in memory; only the first one's subject is in the log.
  if (durable.execution.replyTo === `reply.${plan.index}`) {
    violations.check('E9', replies.has(`reply.${plan.index}`), () => `nobody was told at reply.${plan.index} that execution ${plan.execution} has ended`);
  }
  const workflow = cluster.workflows.get(plan.workflow);
  if (workflow === undefined) return;
  const { n } = durable.execution.rawInput.value as { readonly n: number };
  const expected = expectedOf(workflow.body, n);
  const { performed } = durable;
  if (end.status === 'cancelled') {
    violations.check('model', client.cancelled.has(plan.execution), () => `execution ${plan.execution} was cancelled, and nobody asked for that`);
    violations.check('model', fits(performed, expected.performed, false), () => `execution ${plan.execution} of ${plan.workflow} performed ${performed.join()} before it was cancelled, the model ${JSON.stringify(expected.performed)}`);
    return;
  }
  const output = end.output?.value as { readonly n?: number } | undefined;
  violations.check('model', end.status === expected.status && (expected.status === 'completed' ? output?.n === expected.n : end.error?.status === expected.errorStatus), () => `execution ${plan.execution} of ${plan.workflow} with ${n} is ${end.status} with ${JSON.stringify(output ?? end.error)}, the model says ${JSON.stringify(expected)}`);
  violations.check('model', fits(performed, expected.performed, true), () => `execution ${plan.execution} of ${plan.workflow} performed ${performed.join()}, the model ${JSON.stringify(expected.performed)}`);
}

function checkHistory(cluster: Cluster): void {
  const { violations, truth } = cluster.observer;
  for (const [id, durable] of truth.executions) {
    if (durable.ends === 0) continue;
    const document = cluster.database.history.get(id);
    if (!violations.check('E4', document !== undefined, () => `execution ${id} has ended, and history does not have it`) || document === undefined) continue;
    const program = cluster.programs.get(document.definition);
    if (program === undefined) continue;
    const segments = [...cluster.database.segments.values()].filter((segment) => segment.execution === id && segment.number < document.segments).sort((a, b) => a.number - b.number);
    const texts = [...segments.flatMap(({ entries }) => entries), ...entriesOf(document)];
    for (const { lane, sequence, index } of durable.told) violations.check('E9', cluster.events.has(`${lane}/${sequence}/${id}/${index}`), () => `the event ${lane}/${sequence}/${id}/${index} was never published`);
    try {
      const entries = cluster.decode(texts);
      const attempts = entries.flatMap(({ records }) => records.filter((record) => record.kind === 'resolved' || (record.kind === 'failed' && record.step !== undefined))).length;
      violations.check('E7', attempts === durable.performed.length, () => `the journal of execution ${id} in history has ${attempts} results of steps, its log had ${durable.performed.length}`);
      const { spans } = traceOf({ organisation: document.organisation, execution: id }, program, entries);
      violations.check('E7', spans.length >= attempts && new Set(spans.map(({ spanId }) => spanId)).size === spans.length, () => `the trace of execution ${id} has ${spans.length} spans for ${attempts} attempts, or the same one twice`);
    } catch (error) {
      violations.check('E7', false, () => `execution ${id} cannot be traced from history: ${String(error)}`);
    }
  }
}
