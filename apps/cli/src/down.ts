/**
 * `millrace down`: stops what is up on a data folder; the data stays.
 *
 * Works also when the supervisor has died: then what it had started, and nothing else, is ended.
 */
import { endLeftovers, isRunning, readClusterState, removeClusterState, signalProcess, untilEnded } from '@millrace/cluster';
import { MillraceError } from '@millrace/errors';
import { DATA_OPTION, OUTPUT_OPTION, type Command } from './command.ts';
import { dataFolderOf } from './data-folder.ts';
import { EXIT } from './exit-status.ts';
import { writeJson } from './terminal.ts';

/** How long a supervisor may take: three groups of services and the servers, each with its own limit. */
const STOP_MS = 90_000;

export const downCommand: Command = {
  name: 'down',
  synopsis: '[--data DIR]',
  summary: 'Stop what `up` started; the data stays',
  options: { ...DATA_OPTION, ...OUTPUT_OPTION },
  positionals: { least: 0, most: 0 },
  async run(given, terminal) {
    const dataDir = dataFolderOf(given, terminal);
    const state = readClusterState(dataDir);
    const say = (outcome: 'stopped' | 'cleaned' | 'not-up', text: string, ended = 0): number => {
      if (given.json) writeJson(terminal, { outcome, dataDir, ended });
      else terminal.write(`${text}\n`);
      return EXIT.ok;
    };
    if (state === undefined) return say('not-up', `Nothing is up on ${dataDir}.`);
    const graceful = isRunning(state.supervisor);
    if (graceful) {
      signalProcess(state.supervisor, 'SIGTERM');
      if (!(await untilEnded(state.supervisor, STOP_MS))) {
        throw new MillraceError('deadline-exceeded', { message: `The supervisor (process ${state.supervisor.pid}) has not ended after ${STOP_MS / 1000} s; its log is in ${dataDir}/logs. Call \`millrace down\` again, or end the process` });
      }
    }
    const left = await endLeftovers(readClusterState(dataDir) ?? state);
    removeClusterState(dataDir);
    return graceful ? say('stopped', `Stopped. The data stays in ${dataDir}.`, left.length) : say('cleaned', `The supervisor had died; ended ${left.length} processes that it had left. The data stays in ${dataDir}.`, left.length);
  },
};
