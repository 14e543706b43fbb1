/**
 * The installation of one round: simulated servers, and processes that run the product's own code against them.
 *
 * Owns which processes are up and how they reach each other. Does not own what goes wrong (faults.ts) nor what is
 * checked (checks/).
 */
import type { OwnerMessage, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import type { StartBatch, StartedBatch } from '@millrace/contracts/orchestrator/v1/executions';
import type { LeaseGrants, OwnerReport } from '@millrace/contracts/throttle/v1/throttle';
import { decodeEntries, type JournalEntry, type Program } from '@millrace/engine';
import { MillraceError } from '@millrace/errors';
import type { LaneHost } from '@millrace/lane';
import type { AuthorityHost } from '@millrace/lease';
import type { Logger } from '@millrace/telemetry';
import { BucketServer } from '../world/bucket-server.ts';
import { Database } from '../world/database.ts';
import { openPipe, type Pipe } from '../world/duplex.ts';
import { LogServer } from '../world/log-server.ts';
import type { Machine } from '../world/machine.ts';
import type { World } from '../world/world.ts';
import type { Observer } from '../checks/observer.ts';
import type { Workflow } from '../work/programs.ts';
import { loggerTo, type LogLine } from './logger.ts';
import type { Settings } from './settings.ts';

/** Orchestrators forget instances that vanished after this time, in milliseconds; the bucket does. */
const INSTANCE_TTL_MS = 30_000;
/** A supervisor starts a process that failed again after so long, in milliseconds. */
const RESTART_MS = 1_000;

export interface OrchestratorProcess {
  readonly machine: Machine;
  readonly host: LaneHost;
  leave(): Promise<void>;
}

export interface WorkerProcess {
  readonly machine: Machine;
}

export interface ThrottleProcess {
  readonly machine: Machine;
  readonly authority: AuthorityHost;
  leading(): boolean;
  hold(pipe: Pipe<OwnerReport, LeaseGrants>): void;
}

export class Cluster {
  readonly world: World;
  readonly settings: Settings;
  readonly observer: Observer;
  readonly buckets: Readonly<Record<'instances' | 'lanes' | 'limits' | 'permits', BucketServer>>;
  readonly logs: LogServer;
  readonly database: Database;
  readonly objects = new Map<string, string>();
  readonly programs = new Map<string, Program>();
  readonly workflows = new Map<string, Workflow>();
  /** Lifecycle events that JetStream has, by id. */
  readonly events = new Set<string>();
  readonly orchestrators = new Map<string, OrchestratorProcess>();
  readonly workers = new Map<string, WorkerProcess>();
  readonly throttles = new Map<string, ThrottleProcess>();
  readonly pipes = new Set<{ readonly name: string; break(): void; readonly isOpen: boolean }>();
  readonly #line: LogLine;

  constructor(world: World, settings: Settings, observer: Observer, line: LogLine) {
    this.world = world;
    this.settings = settings;
    this.observer = observer;
    this.#line = line;
    this.buckets = { instances: new BucketServer(world, 'instances', INSTANCE_TTL_MS), lanes: new BucketServer(world, 'lanes'), limits: new BucketServer(world, 'limits'), permits: new BucketServer(world, 'permits') };
    this.logs = new LogServer(world, observer);
    this.database = new Database(world, observer);
  }

  logger(machine: Machine): Logger {
    return loggerTo((level, message, attributes) => {
      if (machine.alive) this.#line(level, `${machine.id}: ${message}`, attributes);
    });
  }

  addWorkflow(workflow: Workflow): void {
    this.workflows.set(workflow.name, workflow);
    this.programs.set(workflow.program.hash, workflow.program);
  }

  /** An open stream between two processes, known to the world so that it can be broken. */
  pipe<ToServer, ToClient>(client: Machine, server: Machine, name: string): Pipe<ToServer, ToClient> {
    const pipe = openPipe<ToServer, ToClient>(client, server, name);
    const entry = {
      name,
      break: () => pipe.break(),
      get isOpen() {
        return !pipe.client.destroyed || !pipe.server.destroyed;
      },
    };
    this.pipes.add(entry);
    const forget = (): void => void this.pipes.delete(entry);
    pipe.client.on('close', forget);
    pipe.server.on('close', forget);
    return pipe;
  }

  /** A process whose start failed ends; whoever supervises it starts it again. Anything but an outage is a defect. */
  failedToStart(machine: Machine, error: unknown, again: () => void): void {
    this.world.note(`${machine.id} could not start: ${String(error)}`);
    if (!(error instanceof MillraceError)) this.observer.defect(`${machine.id} could not start: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    machine.crash();
    this.world.timeline.plan(RESTART_MS, 'started again', undefined, () => {
      if (!this.world.machines.has(machine.name)) again();
    });
  }

  /** Makes an input durable; the same message id again is the same message. */
  addInput(lane: number, text: string, messageId: string): void {
    this.observer.addedInput(lane, this.logs.addInput(lane, text, messageId), text);
  }

  /** Entries of a journal, payloads by reference included. */
  decode(texts: readonly string[]): readonly JournalEntry[] {
    return decodeEntries(texts, (name) => {
      const text = this.objects.get(name) ?? this.database.payloads.get(name)?.text;
      if (text === undefined) throw new Error(`the payload ${name} is nowhere`);
      return text;
    });
  }

  orchestratorAt(address: string): OrchestratorProcess | undefined {
    const found = this.orchestrators.get(address.split(':')[0] ?? '');
    return found?.machine.alive === true ? found : undefined;
  }

  throttleAt(address: string): ThrottleProcess | undefined {
    const found = this.throttles.get(address.split(':')[0] ?? '');
    return found?.machine.alive === true ? found : undefined;
  }

  /** Stores payload texts as the product's adapter does: again and again until the server has them. */
  async putPayloads(machine: Machine, payloads: readonly { readonly name: string; readonly text: string }[]): Promise<void> {
    for (const { name, text } of payloads) await this.untilAnswered(machine, 'payload stored', () => void this.objects.set(name, text));
    if (payloads.length > 0) machine.point('payloads stored, frame not sent');
  }

  async untilAnswered<T>(machine: Machine, kind: string, serve: () => T): Promise<T> {
    for (let waitMs = 50; ; waitMs = Math.min(waitMs * 2, 2_000)) {
      try {
        return await this.world.request(machine, 'nats', kind, serve);
      } catch {
        await machine.clock.sleep(waitMs);
      }
    }
  }
}

export type WorkPipe = Pipe<WorkerMessage, OwnerMessage>;
export type StartPipe = Pipe<StartBatch, StartedBatch>;
