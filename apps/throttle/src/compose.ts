/** Brings the throttle's parts together; the only place that knows all of them. */
import { BUCKETS, openBucket } from '@millrace/bus';
import { systemClock as clock } from '@millrace/clock';
import { LeasesService, LimitsService } from '@millrace/contracts/throttle/v1/throttle';
import { AUTHORITY_KEY, createAuthorityHost, createElection, decodeLimits, ORGANISATION_PREFIX, type Candidate } from '@millrace/lease';
import type { Composition, ConfigOf, ServiceContext } from '@millrace/service';
import { createLeasesService } from './adapters/leases-grpc.ts';
import { createLimitsMirror } from './adapters/limits-bucket-mirror.ts';
import { createLimitsService } from './adapters/limits-grpc.ts';
import { createLimitsStore } from './adapters/limits-mongo.ts';
import type { throttleSettings } from './config.ts';
import { createLimitsBook } from './limits-book.ts';
import { keepMirrored } from './keep-mirrored.ts';
import { observeUsage } from './usage-metrics.ts';

export async function compose(context: ServiceContext<ConfigOf<typeof throttleSettings>>): Promise<Composition> {
  const { bus, config, instance, logger, metrics, registry, signal } = context;
  const bucket = await openBucket(bus, BUCKETS.limits);

  const host = createAuthorityHost({
    clock,
    leading: () => election.leading(),
    holder: () => election.holder(),
    limits: () => book.list().map(({ organisation, ...limits }) => [organisation, limits] as const),
    bucket: await openBucket(bus, BUCKETS.permits),
    logger,
  });
  const book = createLimitsBook(createLimitsStore(await context.store(config.database)), createLimitsMirror(bucket), (organisation, limits) =>
    host.setLimits(organisation, limits),
  );

  /** What stands in the registry for this very process: others can reach it. */
  function candidate(): Candidate | undefined {
    const self = registry.list('throttle').find((each) => each.instance === instance && each.incarnation === context.registration?.incarnation);
    if (self?.addresses.grpc === undefined || self.draining) return undefined;
    return { instance, incarnation: self.incarnation, address: self.addresses.grpc };
  }

  const election = createElection({ bucket, candidate, clock, logger, onElected: (predecessor) => host.begin(predecessor), onDeposed: () => host.end() });
  const watch = await bucket.watch(({ key, value, revision }) => {
    if (key === AUTHORITY_KEY) election.take(value, revision);
    else if (key.startsWith(ORGANISATION_PREFIX)) {
      const limits = value === undefined ? undefined : decodeLimits(value);
      if (value !== undefined && limits === undefined) logger.error('Limits in the bucket cannot be read and stay as they were', { key });
      else book.take(key.slice(ORGANISATION_PREFIX.length), limits);
    }
  });
  election.start(() => watch.isFresh());
  void keepMirrored(() => book.repair(), signal, logger);
  observeUsage(metrics, { leading: election.leading, learning: host.learning, owners: host.owners, usage: host.usage });

  return {
    rpcServices: [
      { definition: LeasesService, implementation: { ...createLeasesService(host, logger) } },
      { definition: LimitsService, implementation: { ...createLimitsService(book) } },
    ],
    ready: async () => ({ nats: bus.status() === 'connected', limits: watch.isFresh() }),
    async drain() {
      await election.close();
      host.close();
    },
    async close() {
      watch.stop();
    },
  };
}
