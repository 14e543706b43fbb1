/**
 * `npm start [-- --once]`: brings Millrace up, runs the example on real input, and stays up; with `--once` it ends
 * instead, with exit status 0 only when everything happened exactly once.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startClassifier } from './classifier-service.ts';
import { startMailServer } from './mail-server.ts';
import { millrace, requireMillrace, ROOT } from './millrace-command.ts';
import { createProgress } from './progress.ts';
import { createPublicApi } from './public-api.ts';
import { runExample } from './run-example.ts';
import { totalsTable } from './totals-table.ts';

interface Up {
  readonly already: boolean;
  readonly keyFile: string;
  readonly gateway: { readonly http: string; readonly grpc: string };
  readonly trigger: { readonly http: string };
}

const SEED_DEFAULT = 'millrace';

const { values } = parseArgs({ options: { once: { type: 'boolean', default: false }, seed: { type: 'string', default: SEED_DEFAULT } } });
const say = (line: string): void => console.log(line);
let stopping = false;
const interrupted = new Promise<'interrupted'>((settle) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stopping = true;
      settle('interrupted');
    });
  }
});

const dataDir = values.once ? await mkdtemp(path.join(os.tmpdir(), 'millrace-example-')) : path.join(ROOT, '.millrace');
const startedAt = performance.now();
const classifier = await startClassifier(values.seed);
const mailServer = await startMailServer();
/** Whether Millrace was started here, and is to be stopped here. */
let mine = false;

async function bringUp(): Promise<Up> {
  const words = ['up', '--detach', '--output', 'json', '--data', dataDir, ...(values.once ? ['--port-base', '0'] : [])];
  const up = JSON.parse(await requireMillrace(words, { environment: { MILLRACE_SMTP_URL: mailServer.url, MILLRACE_SMTP_FROM: 'Millrace <millrace@example.com>' } })) as Up;
  mine = !up.already;
  return up;
}

say('Starting Millrace: nats-server, mongod and six services');
const starting = bringUp();

async function main(): Promise<number> {
  const up = await starting;
  if (up.already) {
    console.error(`Millrace is up on ${dataDir} already, without the example's mail server. Stop it with \`npx millrace down\`, or run the example apart from it with \`npm start -- --once\`.`);
    return 1;
  }
  const key = (await readFile(up.keyFile, 'utf8')).trim();
  const run = new Date().toISOString().replaceAll(/[-:]|\..*/g, '').toLowerCase();
  const progress = createProgress({ isTTY: process.stdout.isTTY === true, write: (text) => void process.stdout.write(text) });
  const result = await runExample({ api: createPublicApi(up.gateway.http, key), dataDir, trigger: up.trigger.http, classifier, mailServer, run, progress, say });

  say(`\n${totalsTable(result.totals)}`);
  say(`${result.redelivered} deliveries were sent twice; the HTTP service failed ${classifier.failures()} times.\n`);
  await millrace(['trace', result.tellingExecution, '--data', dataDir], { show: true });
  if (result.problems.length > 0) console.error(`\nNOT as it has to be:\n${result.problems.map((problem) => `  ${problem}`).join('\n')}`);
  else say(`\nEvery delivery ended in exactly one completed execution, every mail arrived once (${((performance.now() - startedAt) / 1000).toFixed(1)} s in all).`);
  if (values.once) return result.problems.length === 0 ? 0 : 1;

  say(`
Look further:
  npx millrace status
  npx millrace list --org acme
  npx millrace show ${result.tellingExecution}
  npx millrace trace ${result.summaryExecution}   (down to the mail)
  REST      ${up.gateway.http}/openapi.json   (key in ${path.relative(process.cwd(), up.keyFile)})
  gRPC      ${up.gateway.grpc}
  webhooks  ${up.trigger.http}/v1/hooks/{organisation}/github

Ctrl-C stops everything; the data stays in ${path.relative(process.cwd(), dataDir) || '.'}.`);
  await interrupted;
  return result.problems.length === 0 ? 0 : 1;
}

const outcome = await Promise.race([
  main().catch((error: unknown) => {
    if (stopping) return 1;
    console.error(error instanceof Error ? error.message : error);
    if (mine) console.error(`The logs are in ${path.join(dataDir, 'logs')}.`);
    return 1;
  }),
  interrupted,
]);
// Interrupted while it comes up: what came up has to go.
await starting.catch(() => undefined);
if (mine) {
  say('Stopping');
  await millrace(['down', '--data', dataDir]);
}
await Promise.all([classifier.close(), mailServer.close()]);
if (values.once && outcome !== 1) await rm(dataDir, { recursive: true, force: true });
process.exit(outcome === 'interrupted' ? (values.once ? 130 : 0) : outcome);
