/** DBOS: a library over PostgreSQL; workflows, steps and client are one process. */
import { EngineMissing, type Engine } from './engine.ts';
import { installPackages, peerFolder, versionOf } from './install.ts';
import { runPeerClient } from './peer-process.ts';
import { findPostgres, startPostgres } from './postgres.ts';

const PACKAGES = { '@dbos-inc/dbos-sdk': '5.3.0' } as const;

export function dbos(): Engine {
  return {
    name: 'dbos',
    title: 'DBOS, a library over PostgreSQL; the client is in the same process',
    inFlight: { 'chain-10': 500, ping: 500 },
    async prepare() {
      await installPackages('dbos', PACKAGES);
      await findPostgres();
    },
    async start(endings) {
      const installed = peerFolder('dbos');
      const postgres = await startPostgres(endings);
      if (postgres.settings['fsync'] !== 'on') throw new EngineMissing('PostgreSQL says that it does not sync');
      let turn = 0;
      return {
        durability: { log: 'PostgreSQL', ...postgres.settings, replicas: 1 },
        versions: { dbos: await versionOf(installed, '@dbos-inc/dbos-sdk'), postgresql: postgres.version },
        async measure(plan) {
          const database = await postgres.createDatabase(`bench_${++turn}`);
          return runPeerClient(plan, { program: 'dbos/program.mjs', folder: installed, endings, more: { database }, groups: { server: [postgres.pid] } });
        },
        stop: postgres.stop,
      };
    },
  };
}
