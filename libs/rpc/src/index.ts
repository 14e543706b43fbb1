export { createRpcServer, type RpcServer, type RpcServerOptions, type RpcService } from './server.ts';
export { serverStream, unary } from './handlers.ts';
export { contextOf, requireOrganisation, type CallContext, type ServerCall } from './context.ts';
export { failureOf, statusErrorOf, statusOf, type CallStatus } from './status.ts';
export { HEADERS } from './headers.ts';
export { KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, MESSAGE_BYTES_MAX } from './limits.ts';
export { HEALTH_SERVICE } from './health.ts';
export {
  CALL_DEADLINE_MS,
  CHANNEL_LINGER_MS,
  createChannelPool,
  type CallOptions,
  type ChannelPool,
  type ChannelPoolOptions,
  type ClientClass,
  type RequestOf,
  type ResponseOf,
  type UnaryMethod,
} from './pool.ts';
export { AVOID_MS, createBalancer, type Balancer } from './balancer.ts';
