/**
 * Makes a lane run in this process: opens its log, takes it, and joins it to the process's other parts.
 */
import type { Clock } from '@millrace/clock';
import type { Logger } from '@millrace/telemetry';
import { Lane } from './lane.ts';
import { readInputs, type InputPorts } from './input-reader.ts';
import { openLaneLog, type LaneLog } from './lane-log.ts';
import type { OpenLogStream } from './log-stream.ts';
import type { LanePorts } from './ports.ts';
import { beginReplay, takeLane, type LaneReplay, type TakenLane, type TakingPorts } from './take-lane.ts';

export interface LaneSourceOptions {
  readonly open: OpenLogStream;
  readonly instance: string;
  readonly lanePorts: LanePorts;
  readonly takingPorts: TakingPorts;
  readonly inputPorts: InputPorts;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A lane whose log is being followed, before it is taken. */
export interface PreparedLane {
  readonly log: LaneLog;
  readonly ended: AbortController;
  readonly replay: LaneReplay;
}

/** Frames of a round after which the rest is little enough to be read behind the fence. */
const CAUGHT_UP_FRAMES = 20;
const ROUNDS_MAX = 20;

/** Reads ahead: what is in the log of a lane whose owner is about to hand it over. Resolves when little is left to read. */
export async function prepareLane(number: number, options: LaneSourceOptions): Promise<PreparedLane> {
  const ended = new AbortController();
  try {
    const log = await openLaneLog({ open: options.open, lane: number, clock: options.clock, signal: ended.signal });
    const replay = await beginReplay(log, options.takingPorts);
    for (let round = 0; round < ROUNDS_MAX; round++) if ((await replay.readTo((await log.tail()).sequence)) <= CAUGHT_UP_FRAMES) break;
    return { log, ended, replay };
  } catch (error) {
    ended.abort();
    throw error;
  }
}

/** Takes lane `number` as `epoch` and lets it run. */
export async function runLane(number: number, epoch: number, options: LaneSourceOptions, prepared?: PreparedLane): Promise<Lane> {
  const { open, instance, clock, logger } = options;
  const ended = prepared?.ended ?? new AbortController();
  const log = prepared?.log ?? (await openLaneLog({ open, lane: number, clock, signal: ended.signal }));
  let taken: TakenLane;
  try {
    taken = await takeLane(log, epoch, instance, options.takingPorts, prepared?.replay);
  } catch (error) {
    ended.abort();
    throw error;
  }
  const lane = new Lane({ number, epoch, log, ports: options.lanePorts, clock, logger, taken });
  void lane.ended.then(() => ended.abort());
  void readInputs(lane, options.inputPorts, clock, ended.signal, logger).catch((error: unknown) => {
    if (ended.signal.aborted) return;
    // An input that cannot be read stops the lane: it is never skipped.
    logger.error('Inputs of a lane cannot be read', { lane: number, error });
    void lane.stop();
  });
  return lane;
}
