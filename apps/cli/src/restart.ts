/** `millrace restart [SERVICE…]`: replaces the instances of a cluster that runs, one after the other, while it works. */
import { isServiceName, SERVICES, type ServiceName } from '@millrace/cluster';
import { DATA_OPTION, OUTPUT_OPTION, UsageError, type Command } from './command.ts';
import { askSupervisor } from './control-client.ts';
import { dataFolderOf } from './data-folder.ts';
import { EXIT } from './exit-status.ts';
import { writeJson } from './terminal.ts';

export const restartCommand: Command = {
  name: 'restart',
  synopsis: '[SERVICE…] [--data DIR]',
  summary: 'Replace every instance, one after the other, while work goes on. A successor is ready before its predecessor ends',
  options: { ...DATA_OPTION, ...OUTPUT_OPTION },
  positionals: { least: 0, most: SERVICES.length },
  async run(given, terminal) {
    const services = given.positionals.map((name): ServiceName => {
      if (!isServiceName(name)) throw new UsageError(`There is no service ${name}; there are ${SERVICES.join(', ')}`);
      return name;
    });
    const began = performance.now();
    const replaced: string[] = [];
    await askSupervisor(
      dataFolderOf(given, terminal),
      { kind: 'restart', services },
      (line) => {
        replaced.push(line);
        if (!given.json) terminal.write(`${line}\n`);
      },
      terminal.interrupted,
    );
    const seconds = (performance.now() - began) / 1_000;
    if (given.json) writeJson(terminal, { replaced, seconds });
    else terminal.write(`Restarted in ${seconds.toFixed(1)} s.\n`);
    return EXIT.ok;
  },
};
