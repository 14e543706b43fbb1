/**
 * Makes a lane run in this process: opens its log, takes it, and joins it to the process's other parts.
 */
import type { Clock } from '@millrace/clock';
import type { Logger } from '@millrace/telemetry';
import { Lane } from './lane.ts';
import { readInputs, type InputPorts } from './input-reader.ts';
import { openLaneLog } from './lane-log.ts';
import type { OpenLogStream } from './log-stream.ts';
import type { LanePorts } from './ports.ts';
import { takeLane, type TakenLane, type TakingPorts } from './take-lane.ts';

export interface LaneSourceOptions {
  readonly open: OpenLogStream;
  readonly instance: string;
  readonly lanePorts: LanePorts;
  readonly takingPorts: TakingPorts;
  readonly inputPorts: InputPorts;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes lane `number` as `epoch` and lets it run. */
export async function runLane(number: number, epoch: number, options: LaneSourceOptions): Promise<Lane> {
  const { open, instance, clock, logger } = options;
  const ended = new AbortController();
  const log = await openLaneLog({ open, lane: number, clock, signal: ended.signal });
  let taken: TakenLane;
  try {
    taken = await takeLane(log, epoch, instance, options.takingPorts);
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
