/**
 * The input stream of a lane, as everyone who writes to it or reads from it makes sure that it exists.
 *
 * Services that accept starts and the orchestrator create it alike, so either can be there first.
 */
import type { StreamSpecification } from './stream.ts';
import { inputStream, inputSubject } from './subjects.ts';

/** Disk for inputs that the lane's owner has not taken yet; beyond it new ones are refused. NATS reserves it. */
export const LANE_INPUT_STREAM_BYTES_MAX = 256 * 1024 * 1024;
/** How long a repeated append with the same message id is recognised, in milliseconds. */
export const LANE_INPUT_DUPLICATE_WINDOW_MS = 120_000;

/** On disk, refusing when full. */
export function laneInputStreamConfig(lane: number): StreamSpecification {
  return {
    name: inputStream(lane),
    subjects: [inputSubject(lane)],
    maxBytes: LANE_INPUT_STREAM_BYTES_MAX,
    duplicateWindowMs: LANE_INPUT_DUPLICATE_WINDOW_MS,
    discard: 'new',
  };
}
