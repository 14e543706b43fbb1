/**
 * Clients: they start executions over gRPC and by webhook, each start with a key and sent again until it is answered;
 * wait for replies; send some starts twice at once and again when they have ended, and some with another input; and
 * cancel. Everything they send and are told is kept for the checks.
 */
import type { ClientCancel, ClientStart, ReadEnd } from '../evidence.ts';
import { connectGateway, pause, RETRY_MS } from './client.ts';
import { documentOf, WORKFLOWS, type TriedWorkflow, type WorkflowName } from './workflows.ts';

/** Of how many starts one is sent twice at once, and one again later. */
const REPEATED_EVERY = 8;
/** Of how many starts one is sent with another input. */
const CONFLICT_EVERY = 25;
/** Requests of webhooks at once. */
const HOOKS_AT_ONCE = 20;
/** How long a webhook's caller waits, in milliseconds: longer than the trigger does before it answers 202. */
const HOOK_MS = 45_000;
/** Executions that are looked at in one go. */
const READS_AT_ONCE = 100;

export interface PlannedStart {
  readonly organisation: string;
  readonly workflow: WorkflowName;
  readonly key: string;
  readonly by: 'grpc' | 'webhook';
}

export interface Workload {
  readonly starts: readonly ClientStart[];
  readonly cancels: readonly ClientCancel[];
  readonly ends: readonly ReadEnd[];
  /** Makes the organisation, applies all workflows in it, and the webhooks. */
  prepare(organisation: string): Promise<void>;
  /** Sends starts until each is accepted, and answered where a client waits; cancels those that are to be cancelled. */
  run(plan: readonly PlannedStart[]): Promise<void>;
  /** Waits until all starts of the plan have ended, as the public API says; sends some once more then. */
  ended(plan: readonly PlannedStart[], timeoutMs: number): Promise<readonly ReadEnd[]>;
  close(): void;
}

export function createWorkload(addresses: { readonly gatewayGrpc: string; readonly triggerHttp: string }, key: string, targetUrl: string): Workload {
  const gateway = connectGateway(addresses.gatewayGrpc, key);
  const starts = new Map<string, ClientStart>();
  const cancels = new Map<string, ClientCancel>();
  const ends = new Map<string, ReadEnd>();
  const nameOf = ({ organisation, workflow, key: startKey }: PlannedStart): string => `${organisation}/${workflow}/${startKey}`;
  const recordOf = (planned: PlannedStart): ClientStart => {
    const { organisation, workflow, key: startKey } = planned;
    const known = starts.get(nameOf(planned));
    if (known !== undefined) return known;
    const made: ClientStart = { organisation, workflow, key: startKey, answers: [], conflicts: [] };
    starts.set(nameOf(planned), made);
    return made;
  };
  const isAnswered = (planned: PlannedStart): boolean => {
    const { answers } = recordOf(planned);
    return WORKFLOWS[planned.workflow].waits ? answers.some(({ status }) => status !== 'pending') : answers.length > 0;
  };

  async function byGrpc(plan: readonly PlannedStart[], enough: (planned: PlannedStart) => boolean): Promise<void> {
    for (let open = plan.filter((each) => !enough(each)); open.length > 0; open = open.filter((each) => !enough(each))) {
      const sent = open;
      await gateway.startOnce(
        sent.map(({ organisation, workflow, key: startKey }, number) => ({ number, organisation, workflow, inputJson: JSON.stringify({ n: startKey }), idempotencyKey: startKey, wait: WORKFLOWS[workflow].waits, acknowledge: true, traceparent: '' })),
        ({ number, execution, status, outputJson }) => {
          const planned = sent[number];
          if (planned !== undefined && status !== 'refused') recordOf(planned).answers.push({ execution, status, atMs: Date.now(), ...(status === 'completed' ? { outputJson } : {}) });
        },
        () => sent.every(enough),
      );
      if (!sent.every(enough)) await pause(RETRY_MS);
    }
  }

  async function byWebhook(planned: PlannedStart): Promise<void> {
    while (!isAnswered(planned)) {
      try {
        const answer = await fetch(`${addresses.triggerHttp}/v1/hooks/${planned.organisation}/${planned.workflow}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ n: planned.key }), signal: AbortSignal.timeout(HOOK_MS) });
        const text = await answer.text();
        const execution = answer.headers.get('millrace-execution');
        // 202 says that the start is durable, 200 is the output; a problem that names an execution is its fault.
        if (execution !== null && answer.status === 202) recordOf(planned).answers.push({ execution, status: 'pending', atMs: Date.now() });
        else if (execution !== null && answer.status === 200) recordOf(planned).answers.push({ execution, status: 'completed', outputJson: text, atMs: Date.now() });
        else if (execution !== null && answer.status === 422) recordOf(planned).answers.push({ execution, status: 'faulted', atMs: Date.now() });
      } catch {
        // Not accepted as far as we know: the same request again is the same start.
      }
      if (!isAnswered(planned)) await pause(RETRY_MS);
    }
  }

  /** Once more, whatever was answered before. */
  async function again(plan: readonly PlannedStart[]): Promise<void> {
    const before = new Map(plan.map((each) => [each, recordOf(each).answers.length]));
    await byGrpc(plan, (planned) => recordOf(planned).answers.length > (before.get(planned) ?? 0));
  }

  async function withOtherInput(plan: readonly PlannedStart[]): Promise<void> {
    let answered = 0;
    await gateway.startOnce(
      plan.map(({ organisation, workflow, key: startKey }, number) => ({ number, organisation, workflow, inputJson: JSON.stringify({ n: `not ${startKey}` }), idempotencyKey: startKey, wait: false, acknowledge: true, traceparent: '' })),
      ({ number, execution, status }) => {
        answered++;
        const planned = plan[number];
        if (planned !== undefined && status !== 'refused') recordOf(planned).conflicts.push(execution);
      },
      () => answered >= plan.length,
    );
  }

  async function cancelAll(plan: readonly PlannedStart[]): Promise<void> {
    await Promise.all(plan.map(async (planned) => {
      for (const { execution } of recordOf(planned).answers.slice(0, 1)) {
        for (let status: string | undefined; status === undefined; ) {
          // Before the call: whoever is not answered has asked all the same.
          cancels.set(execution, { execution, status: status ?? 'asked' });
          status = await gateway.cancelOnce(planned.organisation, execution);
          if (status === undefined) {
            if ((await gateway.endOf(planned.organisation, execution)) !== undefined) break;
            await pause(RETRY_MS);
          }
        }
      }
    }));
  }

  return {
    get starts() {
      return [...starts.values()];
    },
    get cancels() {
      return [...cancels.values()];
    },
    get ends() {
      return [...ends.values()];
    },
    async prepare(organisation) {
      if (organisation !== 'default') await gateway.applyOrganisation(organisation);
      for (const workflow of Object.values(WORKFLOWS) as readonly TriedWorkflow[]) {
        await gateway.applyWorkflow(organisation, documentOf(workflow, targetUrl, organisation));
        await gateway.applyResource(organisation, 'webhook', workflow.name, { workflow: workflow.name, reply: workflow.waits ? 'output' : 'accepted', idempotencyKey: '.body.n' });
      }
    },
    async run(plan) {
      const grpc = plan.filter(({ by }) => by === 'grpc');
      const hooks = plan.filter(({ by }) => by === 'webhook');
      const twice = grpc.filter((_, index) => index % REPEATED_EVERY === 0);
      await Promise.all([byGrpc(grpc, isAnswered), byGrpc(twice, isAnswered), eachOf(hooks, HOOKS_AT_ONCE, byWebhook)]);
      await cancelAll(plan.filter(({ workflow }) => WORKFLOWS[workflow].cancels));
    },
    async ended(plan, timeoutMs) {
      const wanted = plan.flatMap((planned) => [...new Set(recordOf(planned).answers.map(({ execution }) => execution))].map((execution) => ({ execution, organisation: planned.organisation })));
      for (const until = performance.now() + timeoutMs; performance.now() < until; await pause(100)) {
        const open = wanted.filter(({ execution }) => !ends.has(execution)).slice(0, READS_AT_ONCE);
        if (open.length === 0) break;
        for (const end of await Promise.all(open.map(({ organisation, execution }) => gateway.endOf(organisation, execution)))) if (end !== undefined) ends.set(end.execution, end);
      }
      const grpc = plan.filter(({ by }) => by === 'grpc');
      await again(grpc.filter((_, index) => index % REPEATED_EVERY === 1));
      await withOtherInput(grpc.filter((_, index) => index % CONFLICT_EVERY === 0));
      return wanted.map(({ execution }) => ends.get(execution) ?? { execution, status: 'not ended', outputJson: '', detail: '' });
    },
    close: () => gateway.close(),
  };
}

async function eachOf<T>(list: readonly T[], atOnce: number, run: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...list];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(next);
  }));
}
