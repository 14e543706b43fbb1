/** What a lane needs from outside; adapters and the process's other parts provide it. */
import type { Activation, Execution, LaneInput, Payload, Problem, Program, Reply } from '@millrace/engine';
import type { Actor, End, Finished } from './actor.ts';
import type { Stored } from '../history/history-store.ts';
import type { LeftChild } from './left-children.ts';
import type { SleeperStore } from './sleepers.ts';
import type { TaskFact } from './task-events.ts';

/** An outstanding step, on its way to a worker. */
export interface ReadyStep {
  readonly lane: number;
  readonly epoch: number;
  readonly execution: Execution;
  readonly activation: Activation;
  readonly readyAtMs: number;
}

export interface LanePorts {
  /** The record format to write: the agreed one. */
  format(): number;
  /** Whether this process's lease is known to hold at this moment. */
  leaseHolds(): boolean;
  /** Hands a step to the fair queue. */
  schedule(step: ReadyStep): void;
  /** The execution has ended, or a part of it: yields what cancels the outstanding steps for which it waits no more at this moment. */
  abandon(execution: Execution): () => void;
  /**
   * Cancels a workflow that is waited for no more, at least once; `told` when that is durable. Until then
   * `outboxLowWater` is its frame at most. `isReplayed`: decided by a former owner, who may have started it.
   */
  abandonChild(lane: number, child: LeftChild, isReplayed: boolean, told: () => void): void;
  /** What one decision for an organisation took of a core, in microseconds: some of them are measured, for its share. */
  spent?(organisation: string, microseconds: number): void;
  /** Asks for the permit to begin; false: `go` is sent once it may. */
  tryBegin(lane: number, organisation: string, execution: string): boolean;
  /** New starts are refused with this sentence, while there is one. */
  startsRefusedBecause(): string | undefined;
  /** Stores payload texts before the frame that refers to them. */
  storePayloads(payloads: readonly { readonly name: string; readonly text: string }[]): Promise<void>;
  /** History shall have it; `stored` is called when it does. */
  finish(finished: Finished, stored: Stored): void;
  /** Writes checkpoints; resolves when they are stored, with the names of payloads that the log alone needs as objects from then on; rejects when not. */
  checkpoint(lane: number, epoch: number, actors: readonly Actor[]): Promise<readonly string[]>;
  /** No frame of the lane's log names these payloads any more, and the database has them. */
  forgetPayloads(names: readonly string[]): Promise<void>;
  /** Characters of journals that wait for history. */
  historyWaiting(): number;
  /** The program of a definition's hash. */
  program(hash: string): Promise<Program>;
  /** A payload by reference. */
  payload(name: string): Promise<string>;
  /** Disk that the log of one lane may take before new starts are refused, in bytes; what runs goes on. */
  readonly logBytesMax: number;
  /** Sleeping executions, in the store. */
  readonly sleepers: SleeperStore;
  /** Workflow-level lifecycle events; the outbox keeps them until JetStream has them. */
  announce(event: LifecycleEvent): void;
  /** Events of tasks, where they are asked for; each is told once. */
  readonly announceTask?: (event: TaskLifecycleEvent) => void;
  /** The first frame of the lane of whose events, or cancelled workflows, JetStream does not know yet; Infinity when it knows all. */
  outboxLowWater(lane: number): number;
  /** The lane of a slot as the table has it at the moment. */
  laneOf(slot: number): number;
  /** Sends inputs to another lane, durably; `messageId` makes it once. Rejects when that is not known. */
  forward(lane: number, inputs: readonly LaneInput[], messageId: string): Promise<void>;
  /** The executions have left with their slots: nothing of them is dispatched or begun here any more. */
  letGo(lane: number, executions: readonly Execution[]): void;
  reply(subject: string, reply: Reply): void;
  /** The end of an execution that is in no lane's memory. */
  endOf(execution: string): Promise<End | undefined>;
}

/** A fact about a task, told once its frame is durable, and not again by a later owner. */
export interface TaskLifecycleEvent extends Pick<LifecycleEvent, 'lane' | 'sequence' | 'atMs' | 'organisation' | 'execution'> {
  readonly fact: TaskFact;
}

/**
 * A fact for the outside, made once its frame is durable (E9). Made again by a later owner it is the same:
 * lane, sequence, execution and index identify it.
 */
export interface LifecycleEvent {
  readonly kind: 'started' | 'suspended' | 'resumed' | 'completed' | 'faulted' | 'cancelled';
  readonly lane: number;
  readonly sequence: number;
  /** 0 the start, 1 the end, from 2 on what was done by hand. */
  readonly index: number;
  readonly atMs: number;
  readonly organisation: string;
  readonly execution: string;
  readonly program: Pick<Program, 'namespace' | 'name' | 'version'>;
  readonly output?: Payload;
  readonly error?: Problem;
}
