/**
 * `millrace scale lanes N`: has so many lanes from now on, and shows how slots move until they are balanced.
 *
 * Owns asking and showing. Does not own the plan: it goes on when this command is interrupted.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Lanes } from '@millrace/contracts/gateway/v1/gateway';
import { GATEWAY_OPTIONS, UsageError, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { textTable } from './text-table.ts';
import { writeJson } from './terminal.ts';
import { withGateway } from './with-gateway.ts';

/** Between two looks at the progress, in milliseconds. */
const LOOK_MS = 250;
/** How long slots may take to move before the command stops to watch, in milliseconds. */
const WATCH_MS_MAX = 120_000;

export const scaleCommand: Command = {
  name: 'scale',
  synopsis: 'lanes N',
  summary: 'Have N lanes. Slots move to new ones while work goes on; lanes are added, never taken away',
  options: GATEWAY_OPTIONS,
  positionals: { least: 2, most: 2 },
  async run(given, terminal) {
    const [what, text = ''] = given.positionals;
    if (what !== 'lanes') throw new UsageError(`scale lanes N is what there is, not scale ${what}; instances of services are scaled with \`millrace up --scale NAME=N\``);
    if (!/^\d{1,5}$/.test(text)) throw new UsageError(`N is a number of lanes, not ${text}`);
    return withGateway(given, terminal, async (gateway) => {
      let lanes = await gateway.scaleLanes(Number(text));
      const total = lanes.slotsToMove;
      if (!given.json) terminal.write(`${lanes.lanes.length} lanes; ${total === 0 ? 'every slot is where it shall be' : `${total} of 4096 slots move`}.\n`);
      const until = performance.now() + WATCH_MS_MAX;
      let shown = total;
      while (!isSettled(lanes) && !terminal.interrupted.aborted && performance.now() < until) {
        await delay(LOOK_MS);
        lanes = await gateway.lanes();
        if (lanes.slotsToMove === shown || given.json) continue;
        shown = lanes.slotsToMove;
        terminal.write(`${total - shown} of ${total} slots have moved\n`);
      }
      if (given.json) writeJson(terminal, lanes);
      else terminal.write(lanesText(lanes));
      if (isSettled(lanes)) return EXIT.ok;
      if (!given.json) terminal.writeError('Not all slots have moved yet; it goes on: see `millrace status`.\n');
      return EXIT.unfinished;
    });
  },
};

function isSettled({ lanes, slotsToMove, movesUnderWay }: Lanes): boolean {
  return slotsToMove === 0 && movesUnderWay === 0 && lanes.every(({ owner }) => owner !== '');
}

function lanesText({ lanes }: Lanes): string {
  return textTable(['lane', 'owner', 'epoch', 'slots'], lanes.map(({ lane, owner, epoch, slots }) => [String(lane), owner === '' ? '-' : owner, String(epoch), String(slots)]), ['right', 'left', 'right', 'right']);
}
