/** One orchestrator: the product's lanes, dispatch, stores, leases and registration over the simulated servers. */
import { decodeJson, followRegistry, keepPlace } from '@millrace/bus';
import { agreeOnFormat, createLaneHost, type FormatAgreement, type HostPrograms } from '@millrace/lane';
import { Defect } from '@millrace/errors';
import { keepLeases } from '@millrace/lease';
import type { LeaseGrants, OwnerReport } from '@millrace/contracts/throttle/v1/throttle';
import { encodeLaneInputs, FORMAT_NEWEST, NO_NODE, type Program } from '@millrace/engine';
import type { Machine } from '../world/machine.ts';
import type { Cluster, OrchestratorProcess } from './cluster.ts';
import { STRICT_HOLD_MS } from './settings.ts';

/** How long a stopping orchestrator waits for history, in milliseconds. */
const HISTORY_DRAIN_MS = 3_000;

/** Starts one; it joins and claims lanes as the simulated servers let it. */
export function startOrchestrator(cluster: Cluster, name: string): OrchestratorProcess {
  const { world, settings, observer } = cluster;
  const machine = world.spawn(name, world.random.chance(0.3) ? world.random.between(-2_000, 2_000) : 0);
  const { clock } = machine;
  const logger = cluster.logger(machine);
  const ending = new AbortController();
  let agreement: FormatAgreement | undefined;
  /** Asked only once the process has joined. */
  const agreed = (): FormatAgreement => {
    if (agreement === undefined) throw new Error('the format is asked for before it is agreed');
    return agreement;
  };
  const host = createLaneHost({
    instance: name,
    clock,
    logger,
    signal: ending.signal,
    agreement: { get formats() { return agreed().formats; }, agreed: () => agreed().agreed() },
    logBytesMax: settings.logBytesMax,
    strictHoldMs: STRICT_HOLD_MS,
    open: cluster.logs.opener(machine),
    inputs: {
      prepare: () => Promise.resolve(),
      read: (lane, from, signal) => cluster.logs.readInputs(machine, lane, from, signal),
      append: (lane, inputs, messageId) => {
        machine.point('inputs sent on');
        return world.request(machine, 'nats', 'inputs sent on', () => cluster.addInput(lane, encodeLaneInputs(inputs), messageId));
      },
    },
    async publish(organisation, batch) {
      const events = JSON.parse(batch) as readonly { readonly id: string }[];
      observer.publishing(machine, events.map(({ id }) => id));
      await world.request(machine, 'nats', 'events published', () => {
        for (const { id } of events) cluster.events.add(id);
      });
      machine.point('events published, not answered');
      void organisation;
    },
    checkpoints: cluster.database.checkpointsAt(machine),
    history: cluster.database.historyAt(machine),
    payloads: {
      put: (payloads) => cluster.putPayloads(machine, payloads),
      remove: (names) => {
        machine.point('payloads removed');
        return cluster.untilAnswered(machine, 'payloads removed', () => names.forEach((each) => cluster.objects.delete(each)));
      },
      async get(payload) {
        const text = await cluster.untilAnswered(machine, 'payload read', () => cluster.objects.get(payload));
        if (text === undefined) throw new Defect(`the payload ${payload}, which a frame names, is not in the object bucket`);
        return text;
      },
    },
    programs: programsOf(cluster, machine),
    reply: (subject, reply) => {
      machine.point('between effects');
      if (machine.alive) observer.replied(machine, subject, reply);
    },
    ended: () => machine.point('between effects'),
  });
  const process: OrchestratorProcess = { machine, host, leave: () => leave() };
  cluster.orchestrators.set(name, process);
  let leave: () => Promise<void> = () => Promise.resolve();

  async function run(): Promise<void> {
    const registry = await followRegistry({ bucket: cluster.buckets.instances.at(machine), clock, logger });
    const claimed = (key: string, value: Uint8Array): void => {
      if (!key.startsWith('claim.')) return machine.point(key.startsWith('move.') ? 'move brought forward' : 'slot table written');
      machine.point(isFree(value) ? 'claim freed' : 'claim written');
    };
    const lanes = cluster.buckets.lanes.at(machine, claimed);
    agreement = await agreeOnFormat({ bucket: lanes, registry, instance: name, allows: FORMAT_NEWEST, clock, logger, onUnreadable: (error) => observer.defect(`${machine.id}: ${error.message}`) });
    const leases = await keepLeases({
      bucket: cluster.buckets.limits.at(machine),
      owner: `${name}/${machine.life}`,
      clock,
      logger,
      ...host.leaseHooks,
      owners: () => Math.max(1, registry.list('orchestrator').length),
      hold(authority) {
        const found = cluster.throttleAt(authority.address);
        const server = found?.machine ?? world.spawn(`nobody-${world.nowMs}`);
        const pipe = cluster.pipe<OwnerReport, LeaseGrants>(machine, server, 'lease');
        if (found === undefined || !machine.isLinked) pipe.client.breakAfter(world.random.between(1, 50), 'nobody answers');
        else found.hold(pipe);
        return pipe.client;
      },
    });
    const registration = await keepPlace({
      bucket: cluster.buckets.instances.at(machine, () => machine.point('lease renewed')),
      joining: { service: 'orchestrator', instance: name, version: '0.0.0', addresses: { grpc: `${name}:1` }, attributes: { formats: agreement.formats } },
      incarnation: machine.id,
      clock,
      logger,
      isClosed: () => false,
    });
    // A process whose name another has taken ends itself.
    registration.onLost((loss) => {
      if (loss === 'replaced') machine.crash();
    });
    observer.joined(machine, () => registration.leaseDeadline());
    while (registry.list('orchestrator').every((each) => each.instance !== name || each.incarnation !== machine.id)) await clock.sleep(10);
    agreement.follow();
    await host.join({
      bucket: {
        ...lanes,
        update(key, value, revision, options) {
          if (key.startsWith('claim.') && isFree(value)) machine.point('lane left, claim not free');
          return lanes.update(key, value, revision, options);
        },
      },
      registry,
      registration,
      address: `${name}:1`,
      initialLanes: settings.lanes,
      grows: settings.grows,
    });
    leave = async () => {
      const late = new AbortController();
      clock.after(HISTORY_DRAIN_MS, () => late.abort());
      await registration.setDraining();
      await host.drain(late.signal);
      agreement?.close();
      leases.close();
      await host.close();
      await registration.leave();
      machine.crash();
    };
  }
  run().catch((error: unknown) => {
    if (machine.alive) cluster.failedToStart(machine, error, () => startOrchestrator(cluster, name));
  });
  return process;
}

function isFree(claim: Uint8Array): boolean {
  return (decodeJson(claim) as { readonly owner: string }).owner === '';
}

function programsOf(cluster: Cluster, machine: Machine): HostPrograms {
  const { world } = cluster;
  const compiled = new Map<string, Program>();
  const find = (workflow: string): Program | undefined => cluster.workflows.get(workflow)?.program;
  return {
    atHand: (_, workflow) => compiled.get(workflow),
    async resolve(_, workflow) {
      await machine.clock.sleep(world.latencyMs());
      const found = find(workflow);
      if (found !== undefined) compiled.set(workflow, found);
      return found;
    },
    async byHash(hash) {
      await machine.clock.sleep(world.latencyMs());
      const found = cluster.programs.get(hash);
      if (found === undefined) throw new Error(`no program ${hash}`);
      return found;
    },
    missing: (workflow) => ({ hash: `missing:${workflow}`, namespace: 'missing', name: workflow, version: '0.0.0', document: null, nodes: [{ kind: 'do', number: 0, name: 'do', reference: '/do', parent: NO_NODE, next: NO_NODE, then: { kind: 'continue' }, definition: null, first: NO_NODE }] }),
  };
}
