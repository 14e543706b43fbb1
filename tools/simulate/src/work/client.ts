/**
 * Who starts executions: a gateway over the product's start streams, and a trigger through the inputs of lanes.
 *
 * A start is sent again, with the same id, until something definite was said of it; that is what callers of the product
 * do. What was accepted is remembered: it must end (E4).
 */
import { followLanes, type LaneDirectory } from '@millrace/bus';
import type { Start, StartBatch, Started, StartedBatch } from '@millrace/contracts/orchestrator/v1/executions';
import { encodeLaneInputs } from '@millrace/engine';
import { serveStarts } from '@millrace/lane';
import type { Cluster } from '../product/cluster.ts';
import type { End } from '../world/duplex.ts';
import type { Machine } from '../world/machine.ts';

/** Before a start is sent again, in milliseconds. */
const AGAIN_MS = 200;
/** Without any answer to a start, in milliseconds, it is sent again. */
const PATIENCE_MS = 5_000;

export interface StartPlan {
  readonly index: number;
  readonly atMs: number;
  readonly organisation: string;
  readonly workflow: string;
  readonly execution: string;
  readonly n: number;
  readonly key: string | undefined;
  readonly through: 'gateway' | 'trigger';
  /** The caller waits for the end. */
  readonly waits: boolean;
  /** A command to cancel comes so long after the start. */
  readonly cancelAfterMs: number | undefined;
}

export interface StartFate {
  readonly plan: StartPlan;
  state: 'sent' | 'accepted' | 'refused';
  reason: string;
  /** It was written to a stream before, and may have run. */
  wasWritten: boolean;
  /** How often it was sent: what was planned after an earlier time is void. */
  sends: number;
}

export class Client {
  readonly machine: Machine;
  readonly fates = new Map<number, StartFate>();
  readonly cancelled = new Set<string>();
  readonly #cluster: Cluster;
  readonly #directory: Promise<LaneDirectory>;
  readonly #streams = new Map<string, { readonly end: End<StartedBatch, StartBatch>; readonly pending: Map<number, StartFate> }>();
  #numbers = 0;
  #inputs = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.machine = cluster.world.spawn('client');
    this.#directory = followLanes(cluster.buckets.lanes.at(this.machine));
  }

  /** Starts of which nothing definite is known yet. */
  get open(): number {
    let open = 0;
    for (const fate of this.fates.values()) if (fate.state === 'sent') open++;
    return open;
  }

  start(plan: StartPlan): void {
    const fate: StartFate = { plan, state: 'sent', reason: '', wasWritten: false, sends: 0 };
    this.fates.set(plan.index, fate);
    if (plan.through === 'gateway') this.#send(fate);
    else void this.#append(fate);
    const { cancelAfterMs } = plan;
    if (cancelAfterMs !== undefined) this.machine.plan(cancelAfterMs, 'cancel', () => void this.#cancel(plan));
  }

  async #cancel({ execution, organisation }: StartPlan): Promise<void> {
    this.cancelled.add(execution);
    await this.#input(execution, encodeLaneInputs([{ kind: 'cancel', organisation, execution }]));
  }

  async #append(fate: StartFate): Promise<void> {
    const { organisation, workflow, execution, n, key, index, waits } = fate.plan;
    const text = encodeLaneInputs([
      { kind: 'start', organisation, execution, workflow, input: { n }, ...(key === undefined ? {} : { key }), acceptedAtMs: this.machine.clock.wallMs(), acceptedBy: 'trigger', ...(waits ? { replyTo: `reply.${index}` } : {}) },
    ]);
    await this.#input(execution, text);
    fate.state = 'accepted';
  }

  /** Makes an input durable in the lane of its execution, trying again under one message id and, as the trigger does, in that very lane: its owner sends on what has moved. */
  async #input(execution: string, text: string): Promise<void> {
    const cluster = this.#cluster;
    const messageId = `input-${this.#inputs++}`;
    const directory = await this.#directory;
    for (let lane = directory.laneOf(execution); ; lane ??= directory.laneOf(execution)) {
      if (lane !== undefined) {
        try {
          await cluster.world.request(this.machine, 'nats', 'input appended', () => cluster.addInput(lane, text, messageId));
          return;
        } catch {
          // The same again: the stream knows the message by its id.
        }
      }
      await this.machine.clock.sleep(AGAIN_MS);
    }
  }

  #send(fate: StartFate): void {
    if (fate.state !== 'sent') return;
    const sends = ++fate.sends;
    void this.#directory.then((directory) => {
      const { organisation, workflow, execution, n, key, waits } = fate.plan;
      const lane = directory.laneOf(execution);
      const address = lane === undefined ? undefined : directory.claim(lane)?.address;
      const stream = address === undefined ? undefined : this.#streamTo(address);
      if (stream === undefined) return this.#again(fate);
      const number = ++this.#numbers;
      const start: Start = { number, organisation, execution, workflow, inputJson: JSON.stringify({ n }), idempotencyKey: key ?? '', traceparent: '', acceptedAtMs: 0, wait: waits, attach: false, resent: fate.wasWritten };
      fate.wasWritten = true;
      stream.pending.set(number, fate);
      stream.end.write({ starts: [start] });
      this.machine.plan(PATIENCE_MS, 'patience', () => fate.sends === sends && this.#send(fate));
    });
  }

  #again(fate: StartFate): void {
    const { sends } = fate;
    this.machine.plan(AGAIN_MS, 'again', () => fate.sends === sends && this.#send(fate));
  }

  #streamTo(address: string) {
    const known = this.#streams.get(address);
    if (known !== undefined) return known;
    const owner = this.#cluster.orchestratorAt(address);
    if (owner === undefined || !owner.machine.isLinked || !this.machine.isLinked) return undefined;
    const pipe = this.#cluster.pipe<StartBatch, StartedBatch>(this.machine, owner.machine, 'starts');
    const stream = { end: pipe.client, pending: new Map<number, StartFate>() };
    this.#streams.set(address, stream);
    const lost = (): void => {
      if (this.#streams.get(address) === stream) this.#streams.delete(address);
      for (const fate of stream.pending.values()) this.#again(fate);
      stream.pending.clear();
    };
    pipe.client.on('data', ({ answers }: StartedBatch) => {
      for (const answer of answers) this.#take(answer, stream.pending);
    });
    pipe.client.on('error', lost);
    pipe.client.on('end', lost);
    serveStarts(pipe.server, owner.host.starts);
    return stream;
  }

  #take({ number, answer }: Started, pending: Map<number, StartFate>): void {
    const fate = pending.get(number);
    if (fate === undefined || answer === undefined) return;
    const { observer } = this.#cluster;
    switch (answer.$case) {
      case 'accepted':
        observer.accepted(answer.value.execution);
        if (fate.state === 'sent') fate.state = 'accepted';
        if (!fate.plan.waits) pending.delete(number);
        return;
      case 'ended':
        pending.delete(number);
        observer.endTold(fate.plan.execution, answer.value.status, answer.value.outputJson);
        if (fate.state === 'sent') fate.state = 'accepted';
        return;
      case 'refused':
        pending.delete(number);
        if (answer.value.reason === 'idempotency-conflict') {
          fate.state = 'refused';
          fate.reason = answer.value.reason;
        } else if (fate.state === 'sent') this.#again(fate);
        return;
      default:
    }
  }
}
