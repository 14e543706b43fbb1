/** One worker: the product's runtime over simulated streams, performing the one operation there is. */
import { followLanes, followRegistry } from '@millrace/bus';
import type { OwnerMessage, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import { ownersByClaims, ownersInRegistry, startWorker, type Dialled, type Step, type StepOutcome, type Transport, type WorkerCall } from '@millrace/worker';
import { answerOf } from '../work/model.ts';
import { OPERATION } from '../work/programs.ts';
import type { Machine } from '../world/machine.ts';
import type { Cluster, WorkerProcess } from './cluster.ts';

interface Arguments {
  readonly n: number;
  readonly add: number;
  readonly fails: number;
  readonly status: number;
  readonly ms: number;
  readonly size: number;
}

export function startWorkerProcess(cluster: Cluster, name: string): WorkerProcess {
  const { world, observer } = cluster;
  const machine = world.spawn(name);
  const { clock } = machine;
  const process: WorkerProcess = { machine };
  cluster.workers.set(name, process);

  function execute(step: Step): StepOutcome | Promise<StepOutcome> {
    const done = observer.performing(machine, step);
    machine.point('worker: step taken');
    const given = JSON.parse(step.argumentsJson) as Arguments;
    const outcome = (): StepOutcome => {
      done();
      const answer = answerOf(given, step.attempt);
      if (answer.kind === 'output') return answer;
      return { kind: 'failure', failure: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: answer.status, title: 'planned', detail: '' } };
    };
    return given.ms === 0 ? outcome() : clock.sleep(given.ms).then(outcome);
  }

  async function run(): Promise<void> {
    const logger = cluster.logger(machine);
    const registry = await followRegistry({ bucket: cluster.buckets.instances.at(machine), clock, logger });
    const lanes = await followLanes(cluster.buckets.lanes.at(machine));
    startWorker({ worker: machine.id, service: 'connector', version: '0.0.0', handler: { operations: [OPERATION], execute }, owners: ownersInRegistry(registry), lanes: ownersByClaims(lanes), log: logger, clock, transport: transportOf(cluster, machine) });
  }
  run().catch((error: unknown) => {
    if (machine.alive) cluster.failedToStart(machine, error, () => startWorkerProcess(cluster, name));
  });
  return process;
}

function transportOf(cluster: Cluster, machine: Machine): Transport {
  const { world, observer } = cluster;
  return {
    dial(address, timeoutMs, ready): Dialled {
      let call: ReturnType<typeof open> | undefined;
      const owner = cluster.orchestratorAt(address);
      const reaches = owner !== undefined && machine.isLinked && owner.machine.isLinked && !world.random.chance(world.weather.lost);
      const cancel = machine.plan(reaches ? world.latencyMs() * 2 : timeoutMs, 'dialled', () => ready(cluster.orchestratorAt(address) === undefined ? new Error('nobody answers') : undefined));
      function open(): { readonly client: WorkerCall } {
        const server = cluster.orchestratorAt(address);
        const pipe = cluster.pipe<WorkerMessage, OwnerMessage>(machine, server?.machine ?? world.spawn(`nobody-${world.nowMs}`), 'work');
        if (server === undefined) {
          pipe.client.breakAfter(1, 'nobody answers');
          return pipe;
        }
        observer.watchWork(pipe, machine, server.machine);
        server.host.dispatch.work(pipe.server);
        return pipe;
      }
      return {
        work() {
          call = open();
          return call.client;
        },
        close: cancel,
      };
    },
  };
}
