/** The gRPC service Limits. On the wire 0 stands for no limit, and a weight of 0 for 1. */
import type { LimitsReference, LimitsServer, OrganisationLimits } from '@millrace/contracts/throttle/v1/throttle';
import { MillraceError } from '@millrace/errors';
import { unary } from '@millrace/rpc';
import type { LimitsBook } from '../limits-book.ts';
import type { OrganisationLimitsRecord } from '../ports.ts';

export function createLimitsService(book: LimitsBook): Pick<LimitsServer, 'put' | 'get' | 'list'> {
  return {
    put: unary(async (request: OrganisationLimits) => {
      const { organisation, concurrency, startsPerSecond, weight, strict } = request;
      if (startsPerSecond < 0) throw new MillraceError('argument-invalid', { message: 'startsPerSecond must not be negative; 0 means no limit' });
      return toWire(
        await book.put(organisation, {
          concurrency: concurrency === 0 ? undefined : concurrency,
          startsPerSecond: startsPerSecond === 0 ? undefined : startsPerSecond,
          weight: weight === 0 ? 1 : weight,
          strict,
        }),
      );
    }),
    get: unary(({ organisation }: LimitsReference) => toWire(book.get(organisation))),
    list: unary(() => ({ limits: book.list().map(toWire) })),
  };
}

function toWire({ organisation, concurrency = 0, startsPerSecond = 0, weight, strict, revision }: OrganisationLimitsRecord): OrganisationLimits {
  return { organisation, concurrency, startsPerSecond, weight, strict, revision };
}
