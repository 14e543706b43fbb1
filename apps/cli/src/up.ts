/** `millrace up`: starts everything on this machine, in the foreground or, with `--detach`, behind. */
import { isRunning, readClusterState } from '@millrace/cluster';
import { MillraceError } from '@millrace/errors';
import { DATA_OPTION, OUTPUT_OPTION, type Arguments, type Command, type OptionSpecification } from './command.ts';
import { askSupervisor } from './control-client.ts';
import { dataFolderOf } from './data-folder.ts';
import { detach, type SupervisorMessage } from './detach.ts';
import { EXIT } from './exit-status.ts';
import { parsePortBase, parseScale } from './scale-option.ts';
import { supervise, upDocument, type SuperviseOptions, type UpDocument } from './supervise.ts';
import { writeJson, type Terminal } from './terminal.ts';

const PORT_BASE_DEFAULT = '7700';

const options = {
  ...DATA_OPTION,
  scale: { type: 'texts', value: 'NAME=N', help: 'instances of a service; changes those of one that is up already' },
  'port-base': { type: 'text', value: 'N', help: `first of three fixed ports (${PORT_BASE_DEFAULT}); 0: all are free ones` },
  'no-restart': { type: 'flag', help: 'leave processes that die alone' },
  ...OUTPUT_OPTION,
} as const satisfies Record<string, OptionSpecification>;

function settingsOf(given: Arguments, terminal: Terminal): Pick<SuperviseOptions, 'dataDir' | 'scale' | 'portBase' | 'restart'> {
  return {
    dataDir: dataFolderOf(given, terminal),
    scale: parseScale(given.texts('scale')),
    portBase: parsePortBase(given.text('port-base') ?? PORT_BASE_DEFAULT),
    restart: !given.flag('no-restart'),
  };
}

export const upCommand: Command = {
  name: 'up',
  synopsis: '[--detach] [--data DIR] [--scale NAME=N]…',
  summary: 'Start Millrace on this machine and keep it running',
  options: { detach: { type: 'flag', help: 'return when it is ready, and leave it running' }, ...options },
  positionals: { least: 0, most: 0 },
  async run(given, terminal) {
    const settings = settingsOf(given, terminal);
    const running = runningOn(settings.dataDir);
    const print = (up: UpDocument, head: string): void => (given.json ? writeJson(terminal, up) : terminal.write(upText(up, head)));
    if (running !== undefined && Object.keys(settings.scale).length > 0) {
      await askSupervisor(settings.dataDir, { kind: 'scale', scale: settings.scale }, (line) => terminal.writeError(`${line}\n`), terminal.interrupted);
      print(running, 'Millrace was up already; it has as many instances as were asked for.');
      return EXIT.ok;
    }
    if (running !== undefined) {
      if (!given.flag('detach')) throw new MillraceError('configuration-invalid', { message: `Millrace is up on ${settings.dataDir} already (process ${running.supervisor}); stop it with \`millrace down\`, or use another folder with --data` });
      print(running, 'Millrace was up already.');
      return EXIT.ok;
    }
    const report = (line: string): void => terminal.writeError(`${line}\n`);
    if (given.flag('detach')) {
      const { dataDir, scale, portBase, restart } = settings;
      const words = ['--data', dataDir, '--port-base', String(portBase), ...Object.entries(scale).flatMap(([name, count]) => ['--scale', `${name}=${count}`]), ...(restart ? [] : ['--no-restart'])];
      const up = await detach({ dataDir, node: terminal.node, words, environment: terminal.environment, report, signal: terminal.interrupted });
      print(up, 'Millrace is up. `millrace down` stops it.');
      return EXIT.ok;
    }
    await supervise({ ...settings, report, signal: terminal.interrupted, onReady: (up) => print(up, 'Millrace is up. Ctrl-C stops it.') }, terminal.pid);
    return EXIT.ok;
  },
};

/** The process that `up --detach` leaves behind. */
export const superviseCommand: Command = {
  name: 'supervise',
  synopsis: '',
  summary: 'Keep a cluster running, as `up --detach` starts it',
  hidden: true,
  options,
  positionals: { least: 0, most: 0 },
  async run(given, terminal) {
    const tell = (message: SupervisorMessage): void => terminal.tellParent?.(message);
    const report = (line: string): void => {
      terminal.writeError(`${new Date().toISOString()} ${line}\n`);
      tell({ kind: 'report', line });
    };
    try {
      await supervise({ ...settingsOf(given, terminal), report, signal: terminal.interrupted, onReady: (up) => tell({ kind: 'ready', up }) }, terminal.pid);
      return EXIT.ok;
    } catch (error) {
      const { reason, message } = MillraceError.from(error);
      tell({ kind: 'failed', reason, message });
      throw error;
    }
  },
};

/** What is up on a data folder; undefined when nothing is. */
function runningOn(dataDir: string): UpDocument | undefined {
  const state = readClusterState(dataDir);
  return state !== undefined && isRunning(state.supervisor) ? upDocument(dataDir, state.supervisor.pid, state.addresses, true) : undefined;
}

export function upText({ gateway, trigger, dataDir, keyFile }: UpDocument, head: string): string {
  return `${head}

  REST      ${gateway.http}  (${gateway.http}/openapi.json)
  gRPC      ${gateway.grpc}
  webhooks  ${trigger.http}/v1/hooks/{organisation}/{name}
  key       ${keyFile}
  data      ${dataDir}
`;
}
