export { EXIT, runService } from './run-service.ts';
export { STOP_GRACE_MS } from './life.ts';
export type { RpcService } from '@millrace/rpc';
export type { CommonConfig, Composition, ServiceContext, ServiceOptions } from './composition.ts';
export { READY_TIMEOUT_MS, type HttpHandler, type Readiness } from './admin.ts';
export type { HttpServer } from './http-server.ts';
export { readConfiguration, redact, type ConfigOf, type Environment, type Schema } from './configuration.ts';
export { choice, durationMs, flag, integer, list, optional, secret, text, url, type Description, type Range, type Reading, type Setting } from './settings.ts';
export { commonSettings } from './common-settings.ts';
