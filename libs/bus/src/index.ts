export {
  CONNECT_TIMEOUT_MS,
  PINGS_OUT_MAX,
  PING_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  REQUEST_TIMEOUT_MS,
  connectBus,
  type Bus,
  type BusOptions,
  type BusStatus,
} from './connection.ts';
export {
  VALUE_BYTES_MAX,
  decodeJson,
  encodeJson,
  openBucket,
  type Bucket,
  type BucketEntry,
  type BucketOptions,
  type Stored,
  type WriteOptions,
} from './bucket.ts';
export type { Watch, WatchOptions } from './watch.ts';
export { FRESH_MS, WATCH_STALE_MS } from './watch-consumer.ts';
export { readDurable, type DurableReading, type DurableReadingOptions } from './durable-reading.ts';
export { isConflict, isPassing, isStreamMissing, untilAnswered } from './retry.ts';
export { ensureStream, type StreamSpecification } from './stream.ts';
export type { Addresses, Instance } from './instance.ts';
export {
  HEARTBEAT_MS,
  INSTANCE_TTL_MS,
  LEASE_MARGIN_MS,
  LEASE_MS,
  joinRegistry,
  keepPlace,
  type Joining,
  type LeaseLoss,
  type PlaceOptions,
  type Registration,
} from './registration.ts';
export { followRegistry, watchRegistry, type Registry } from './registry.ts';
export {
  BUCKETS,
  ARRIVALS_STREAM,
  ARRIVALS_SUBJECT,
  EVENTS_STREAM,
  EVENTS_SUBJECTS,
  NOTIFY_STREAM,
  NOTIFY_SUBJECTS,
  eventSubject,
  lifecycleSubject,
  inputStream,
  inputSubject,
  laneStream,
  laneSubject,
  notifySubject,
  type BucketName,
} from './subjects.ts';
export {
  LANE_INPUT_DUPLICATE_WINDOW_MS,
  LANE_INPUT_STREAM_BYTES_MAX,
  laneInputStreamConfig,
} from './lane-streams.ts';
export { NOTIFY_DUPLICATE_WINDOW_MS, NOTIFY_MESSAGE_BYTES_MAX, NOTIFY_STREAM_BYTES_MAX, notifyStreamConfig } from './notify-stream.ts';
export { LANE_TABLE_KEY, laneClaimKey, followLanes, watchLanes, type LaneClaim, type LaneDirectory } from './lane-directory.ts';
export { keyedExecutionId, newExecutionId, type NewExecution } from './identity.ts';
export { packFrame, unpackFrame } from './frame-bytes.ts';
export { readStream, READ_STALE_MS, type StreamMessage, type StreamReading } from './stream-reader.ts';
export { busShortfalls, MAX_PAYLOAD_BYTES_NEEDED, payloadShortfalls, PRODUCTION_REPLICAS, type Shortfall } from './durability.ts';
export { EVENTS_AGE_MS_MAX, EVENTS_BYTES_MAX, eventsStreamConfig } from './events-stream.ts';
export { createDeadLetters, DEAD_LETTERS_AGE_MS_MAX, DEAD_LETTERS_BYTES_MAX, DEAD_LETTER_TEXT_BYTES_MAX, type DeadLetter, type DeadLetters, type UnreadableMessage } from './dead-letters.ts';
