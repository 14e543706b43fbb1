/** Counts for metrics; they only grow. */
export interface LaneCounts {
  frames: number;
  messages: number;
  steps: number;
  started: number;
  ended: number;
  framedBytes: number;
}
