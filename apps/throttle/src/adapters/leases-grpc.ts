/** The gRPC service Leases: each call is an owner's stream. */
import type { LeaseGrants, LeasesServer, OwnerReport } from '@millrace/contracts/throttle/v1/throttle';
import { reportFromWire, type AuthorityHost, type OwnerStream } from '@millrace/lease';
import { statusErrorOf } from '@millrace/rpc';
import type { Logger } from '@millrace/telemetry';

export function createLeasesService(host: AuthorityHost, logger: Logger): Pick<LeasesServer, 'hold'> {
  return {
    hold(call) {
      let ended = false;
      const stream: OwnerStream = {
        send(grants: LeaseGrants) {
          if (!ended) call.write(grants);
        },
        end(failure) {
          if (ended) return;
          ended = true;
          if (failure === undefined) call.end();
          else call.emit('error', statusErrorOf(failure));
        },
      };
      const gone = (): void => {
        ended = true;
        host.gone(stream);
      };
      call.on('data', (message: OwnerReport) => {
        if (!ended) host.take(stream, { owner: message.owner, report: reportFromWire(message) });
      });
      call.on('end', () => {
        gone();
        call.end();
      });
      call.on('cancelled', gone);
      call.on('error', (error: Error) => {
        if (!ended) logger.debug('The stream of an owner broke', { error });
        gone();
      });
    },
  };
}
