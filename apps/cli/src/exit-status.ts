/** Exit statuses of the command line. They are part of its interface: scripts look at them. */
export const EXIT = {
  ok: 0,
  /** Wrong usage, no connection, or what was asked for was refused. */
  failed: 1,
  /** `run`: the execution faulted. */
  faulted: 2,
  /** `run`: the execution was cancelled. */
  cancelled: 3,
  /** `run`: the execution has not ended in time; it goes on. */
  unfinished: 4,
} as const;
