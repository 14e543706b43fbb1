/** One throttle: the product's election and authority over simulated streams. Limits stand in the bucket. */
import { keepPlace } from '@millrace/bus';
import type { OwnerReport } from '@millrace/contracts/throttle/v1/throttle';
import { AUTHORITY_KEY, createAuthorityHost, createElection, decodeLimits, ORGANISATION_PREFIX, reportFromWire, type OwnerStream, type StoredLimits } from '@millrace/lease';
import { STRICT_HOLD_MS } from './settings.ts';
import type { Cluster, ThrottleProcess } from './cluster.ts';

export function startThrottle(cluster: Cluster, name: string): ThrottleProcess {
  const { world } = cluster;
  const machine = world.spawn(name);
  const { clock } = machine;
  const logger = cluster.logger(machine);
  const book = new Map<string, StoredLimits>();
  let isCandidate = false;

  const authority = createAuthorityHost({
    clock,
    leading: () => election.leading(),
    holder: () => election.holder(),
    limits: () => book,
    bucket: cluster.buckets.permits.at(machine, () => machine.point('throttle: permits written down')),
    logger,
    strictHoldMs: STRICT_HOLD_MS,
  });
  const bucket = cluster.buckets.limits.at(machine, (key) => {
    if (key === AUTHORITY_KEY) machine.point('throttle: seat renewed');
  });
  const election = createElection({
    bucket,
    candidate: () => (isCandidate ? { instance: name, incarnation: machine.id, address: `${name}:1` } : undefined),
    clock,
    logger,
    onElected: (predecessor) => authority.begin(predecessor),
    onDeposed: () => authority.end(),
  });

  const process: ThrottleProcess = {
    machine,
    authority,
    leading: () => election.leading(),
    hold({ server }) {
      let ended = false;
      const stream: OwnerStream = {
        send(grants) {
          if (ended) return;
          server.write(grants);
          machine.point('throttle: grants given');
        },
        end(failure) {
          if (ended) return;
          ended = true;
          if (failure === undefined) server.end();
          else server.refuse(failure);
        },
      };
      const gone = (): void => {
        ended = true;
        authority.gone(stream);
      };
      server.on('data', (message: OwnerReport) => {
        if (!ended) authority.take(stream, { owner: message.owner, report: reportFromWire(message) });
      });
      server.on('end', () => {
        gone();
        server.end();
      });
      server.on('cancelled', gone);
      server.on('error', gone);
    },
  };
  cluster.throttles.set(name, process);

  async function run(): Promise<void> {
    await keepPlace({ bucket: cluster.buckets.instances.at(machine), joining: { service: 'throttle', instance: name, version: '0.0.0', addresses: { grpc: `${name}:1` } }, incarnation: machine.id, clock, logger, isClosed: () => false });
    isCandidate = true;
    const watch = await bucket.watch(({ key, value, revision }) => {
      if (key === AUTHORITY_KEY) election.take(value, revision);
      else if (key.startsWith(ORGANISATION_PREFIX)) {
        const organisation = key.slice(ORGANISATION_PREFIX.length);
        const limits = value === undefined ? undefined : decodeLimits(value);
        if (limits === undefined) book.delete(organisation);
        else book.set(organisation, limits);
        authority.setLimits(organisation, limits);
      }
    });
    election.start(() => watch.isFresh());
  }
  run().catch((error: unknown) => {
    if (machine.alive) cluster.failedToStart(machine, error, () => startThrottle(cluster, name));
  });
  return process;
}
