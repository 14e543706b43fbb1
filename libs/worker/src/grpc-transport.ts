/** Streams to orchestrators over gRPC. */
import { credentials } from '@grpc/grpc-js';
import { DispatchClient } from '@millrace/contracts/orchestrator/v1/dispatch';
import { KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, MESSAGE_BYTES_MAX } from './limits.ts';
import type { Transport } from './transport.ts';

export const grpcTransport: Transport = {
  dial(address, timeoutMs, ready) {
    const client = new DispatchClient(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.use_local_subchannel_pool': 1,
    });
    client.waitForReady(Date.now() + timeoutMs, ready);
    return { work: () => client.work(), close: () => client.close() };
  },
};
