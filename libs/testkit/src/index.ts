export { eventually, EVENTUALLY_INTERVAL_MS, EVENTUALLY_TIMEOUT_MS, type EventuallyOptions } from './eventually.ts';
export { freePort, freePorts } from '@millrace/servers';
export { temporaryFolder, type TemporaryFolder } from './temporary-folder.ts';
export { startTcpProxy, type Direction, type LinkState, type TcpProxy, type TcpProxyOptions } from './tcp-proxy.ts';
export { startHttpTarget, TARGET_BODY_BYTES_MAX, type Arrival, type HttpTarget, type HttpTargetOptions, type TargetAnswer } from './http-target.ts';
export { startSmtpSink, SINK_MESSAGE_BYTES_MAX, type SinkAnswer, type SmtpSink, type SmtpSinkOptions, type SunkMail } from './smtp-sink.ts';
export { ARRIVAL_TIMEOUT_MS, type Await } from './arrival-log.ts';
export {
  PROCESS_TIMEOUT_MS,
  REPOSITORY_ROOT,
  startService,
  waitUntilReady,
  type Exit,
  type PrintedLine,
  type ServiceProcess,
  type ServiceProcessOptions,
} from './service-process.ts';
export { createJournalReader, type StoredJournal } from './stored-journal.ts';
export { startWebSocketServer, type WebSocketServer } from './web-socket-server.ts';
