/**
 * Makes a lane run in this process: opens its log, takes it, and joins it to the process's other parts.
 */
import type { Bus } from '@millrace/bus';
import type { Logger } from '@millrace/telemetry';
import { finishedOf, Lane } from './lane.ts';
import { readInputs, type InputPorts } from './input-reader.ts';
import { openLaneLog } from './lane-log.ts';
import type { LanePorts } from './ports.ts';
import { takeLane, type TakingPorts } from './take-lane.ts';

export interface LaneSourceOptions {
  readonly bus: Bus;
  readonly instance: string;
  readonly lanePorts: LanePorts;
  readonly takingPorts: TakingPorts;
  readonly inputPorts: InputPorts;
  readonly logger: Logger;
}

/** Takes lane `number` as `epoch` and lets it run. */
export async function runLane(number: number, epoch: number, options: LaneSourceOptions): Promise<Lane> {
  const { bus, instance, logger } = options;
  const ended = new AbortController();
  const log = await openLaneLog(bus, number, ended.signal);
  const taken = await takeLane(log, epoch, instance, options.takingPorts);
  const lane = new Lane({ number, epoch, instance, log, ports: options.lanePorts, logger, inputSequence: taken.inputSequence, memory: taken.memory });
  for (const actor of taken.actors.values()) {
    const finished = finishedOf(actor);
    if (finished === undefined) lane.actors.set(actor.execution.id, actor);
    else {
      lane.finished.set(finished.id, finished);
      if (finished.key !== undefined) lane.memory.remember(finished.id, finished.inputText, finished.endedAtMs);
    }
  }
  lane.resume(taken.lastSequence);
  void lane.ended.then(() => ended.abort());
  void readInputs(bus, lane, options.inputPorts, ended.signal, logger).catch((error: unknown) => {
    if (ended.signal.aborted) return;
    // An input that cannot be read stops the lane: it is never skipped.
    logger.error('Inputs of a lane cannot be read', { lane: number, error });
    void lane.stop();
  });
  return lane;
}
