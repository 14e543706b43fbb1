/** Limits that server and client share. */
import type { ChannelOptions } from '@grpc/grpc-js';

/** The largest message either side takes, in bytes. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** Silence after which a connection is asked whether it is still there, in milliseconds. */
export const KEEPALIVE_MS = 5_000;
/** Silence after that question which ends it, in milliseconds. */
export const KEEPALIVE_TIMEOUT_MS = 5_000;

/** The options of both sides. */
export function channelOptions(messageBytesMax = MESSAGE_BYTES_MAX): ChannelOptions {
  return {
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.keepalive_permit_without_calls': 1,
    // Whether a call may be repeated is decided where its meaning is known.
    'grpc.enable_retries': 0,
  };
}
