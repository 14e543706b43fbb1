/** The stream of events, as everyone who publishes to it or reads from it makes sure that it exists. */
import type { StreamSpecification } from './stream.ts';
import { EVENTS_STREAM, EVENTS_SUBJECTS } from './subjects.ts';

/** Disk for events; the only stream that forgets its oldest messages when it is full. */
export const EVENTS_BYTES_MAX = 512 * 1024 * 1024;
/** How long events are kept, milliseconds. */
export const EVENTS_AGE_MS_MAX = 24 * 3_600_000;

export const eventsStreamConfig: StreamSpecification = { name: EVENTS_STREAM, subjects: [EVENTS_SUBJECTS], maxBytes: EVENTS_BYTES_MAX, maxAgeMs: EVENTS_AGE_MS_MAX, discard: 'old' };
