/** Every limit of the runtime: name, unit and default. A host may set those of `WorkerLimits`. */

/** Most steps an orchestrator may have outstanding on one stream. */
export const STEPS_PER_STREAM_MAX = 4_096;
/** Most bytes of arguments outstanding on one stream. */
export const BYTES_PER_STREAM_MAX = 32 * 1024 * 1024;
/** Steps that run at once above which nothing more is read from the streams: an owner that respects its credits never gets there. */
export const RUNNING_STEPS_MAX = 16_384;
/** Kept results above which no credits are granted. */
export const KEPT_RESULTS_MAX = 65_536;
/** Bytes of kept results above which no credits are granted. */
export const KEPT_BYTES_MAX = 128 * 1024 * 1024;
/** Share of the two limits above under which credits are granted again. */
export const KEPT_RESUME_SHARE = 0.75;
/** Time between two heartbeats on a stream, milliseconds; also how often an unplaced result is offered again. */
export const HEARTBEAT_MS = 2_000;
/** First and longest wait before a stream is dialled again, milliseconds. */
export const REDIAL_FIRST_MS = 50;
export const REDIAL_MAX_MS = 1_000;
/** How long one attempt to connect may take, milliseconds. */
export const DIAL_TIMEOUT_MS = 2_000;
/** How long a stopping worker waits for an owner to end the stream, milliseconds. */
export const STOP_TIMEOUT_MS = 1_000;
/** Results in one message, and their text in bytes: well below the largest message (4 MiB). */
export const BATCH_RESULTS_MAX = 2_048;
export const BATCH_BYTES_MAX = 1024 * 1024;
/** Largest message received, bytes: the owner cuts its batches at 1 MiB, a single step may be larger. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** Idle time after which a stream is probed, and how long the answer may take, milliseconds. */
export const KEEPALIVE_MS = 5_000;
export const KEEPALIVE_TIMEOUT_MS = 2_500;

/** What a host may set. */
export interface WorkerLimits {
  readonly stepsPerStreamMax: number;
  readonly bytesPerStreamMax: number;
  readonly runningStepsMax: number;
  readonly keptResultsMax: number;
  readonly keptBytesMax: number;
}

export const DEFAULT_WORKER_LIMITS: WorkerLimits = {
  stepsPerStreamMax: STEPS_PER_STREAM_MAX,
  bytesPerStreamMax: BYTES_PER_STREAM_MAX,
  runningStepsMax: RUNNING_STEPS_MAX,
  keptResultsMax: KEPT_RESULTS_MAX,
  keptBytesMax: KEPT_BYTES_MAX,
};
