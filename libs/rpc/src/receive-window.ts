/**
 * How much a client may send ahead on one connection to this process.
 *
 * HTTP/2 begins with 64 KiB for each stream (RFC 9113, section 6.9.2), so a larger message waits for a round trip each
 * 64 KiB. grpc-js lets clients raise it and servers not; the runtime tells of every stream a server opens, and the
 * first one of a connection raises it here.
 */
import diagnostics from 'node:diagnostics_channel';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Logger } from '@millrace/telemetry';

const raised = new WeakSet<ServerHttp2Session>();
let watching = false;

/** Raises the windows of connections that servers of this process accept from now on; the first call's size counts. */
export function raiseReceiveWindows(bytes: number, logger: Logger): void {
  if (watching) return;
  watching = true;
  diagnostics.subscribe('http2.server.stream.created', (message) => {
    const { session } = (message as { readonly stream: ServerHttp2Stream }).stream;
    if (session === undefined || raised.has(session as ServerHttp2Session)) return;
    raised.add(session as ServerHttp2Session);
    try {
      (session as ServerHttp2Session).settings({ initialWindowSize: bytes });
      (session as ServerHttp2Session).setLocalWindowSize(bytes);
    } catch (error) {
      // The connection is about to end; what goes on over it is slower, not wrong.
      logger.debug('The window of a connection was not raised', { error });
    }
  });
}
