/**
 * The stream of deliveries asked for, as everyone who publishes to it or reads from it makes sure that it exists.
 */
import type { StreamSpecification } from './stream.ts';
import { NOTIFY_STREAM, NOTIFY_SUBJECTS } from './subjects.ts';

/** Disk for requests that the notification service has not stored yet; beyond it new ones are refused. */
export const NOTIFY_STREAM_BYTES_MAX = 1024 * 1024 * 1024;
/** Largest request, in bytes. */
export const NOTIFY_MESSAGE_BYTES_MAX = 1024 * 1024;
/** How long a repeated publish with the same message id is recognised, in milliseconds; later ones are known by their key. */
export const NOTIFY_DUPLICATE_WINDOW_MS = 120_000;

/** On disk, refusing when full; a request leaves it when its delivery is stored. */
export const notifyStreamConfig: StreamSpecification = {
  name: NOTIFY_STREAM,
  subjects: [NOTIFY_SUBJECTS],
  retention: 'workqueue',
  maxBytes: NOTIFY_STREAM_BYTES_MAX,
  maxMessageBytes: NOTIFY_MESSAGE_BYTES_MAX,
  duplicateWindowMs: NOTIFY_DUPLICATE_WINDOW_MS,
  discard: 'new',
};
