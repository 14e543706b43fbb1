export { ownersByClaims, ownersInRegistry } from './bus-directories.ts';
export { startWorker, type Worker, type WorkerOptions, type WorkerStats } from './worker.ts';
export { type Dialled, type Transport, type WorkerCall } from './transport.ts';
export { traceparentOf } from './step-trace.ts';
export { DEFAULT_WORKER_LIMITS, HEARTBEAT_MS, type WorkerLimits } from './limits.ts';
export type {
  LaneDirectory,
  OwnerAddress,
  OwnerDirectory,
  Step,
  StepControl,
  StepFailure,
  StepHandler,
  StepOutcome,
  WorkerLog,
} from './ports.ts';
