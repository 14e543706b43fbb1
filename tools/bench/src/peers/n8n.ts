/** n8n: one process on SQLite; it saves an execution once, at its end. Nodes that set fields, reached by webhook. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePorts } from '@millrace/servers';
import type { Endings } from '../endings.ts';
import { STEPS_OF, type ComparedWork, type Engine, type RunningEngine } from './engine.ts';
import { command, installPackages, peerFolder, versionOf } from './install.ts';
import { answers, runPeerClient, startPeerProcess } from './peer-process.ts';
import { turnFolder } from './turn-folder.ts';

/** The newest that installs without what lies outside the registry; its spreadsheet dependency is the registry's. */
const PACKAGES = { n8n: '2.8.4' } as const;
const OVERRIDES = { xlsx: '0.18.5' } as const;
/** Webhooks are registered a while after the server answers, in milliseconds. */
const QUIET = { N8N_DIAGNOSTICS_ENABLED: 'false', N8N_VERSION_NOTIFICATIONS_ENABLED: 'false', N8N_TEMPLATES_ENABLED: 'false', N8N_PERSONALIZATION_ENABLED: 'false' } as const;

export function n8n(): Engine {
  return {
    name: 'n8n',
    title: 'n8n on SQLite, Edit Fields nodes, an execution saved once at its end',
    inFlight: { 'chain-10': 200, ping: 200 },
    prepare: async () => void (await installPackages('n8n', PACKAGES, OVERRIDES)),
    start,
  };
}

async function start(endings: Endings): Promise<RunningEngine> {
  const installed = peerFolder('n8n');
  const program = path.join(installed, 'node_modules/n8n/bin/n8n');
  const folder = await turnFolder(endings);
  const [port = 0, broker = 0] = await freePorts(2);
  const environment = { ...QUIET, N8N_USER_FOLDER: folder, N8N_LISTEN_ADDRESS: '127.0.0.1', N8N_HOST: '127.0.0.1', N8N_PORT: String(port), N8N_RUNNERS_BROKER_PORT: String(broker) };
  for (const work of ['chain-10', 'ping'] as const) {
    const file = path.join(folder, `${work}.json`);
    await writeFile(file, JSON.stringify(workflow(work)));
    await command(`importing ${work}`, process.execPath, [program, 'import:workflow', `--input=${file}`], { environment });
    await command(`publishing ${work}`, process.execPath, [program, 'publish:workflow', `--id=${idOf(work)}`], { environment });
  }
  const address = `http://127.0.0.1:${port}`;
  const server = await startPeerProcess({
    file: process.execPath,
    args: [program, 'start'],
    logFile: path.join(folder, 'n8n.log'),
    endings,
    environment,
    ready: async () => (await answers(`${address}/healthz`)) && (await fetch(`${address}/webhook/ping`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":0,"text":""}' })).ok,
  });
  return {
    durability: { log: 'SQLite (WAL)', saved: 'once, when an execution ends; a crash loses what runs', replicas: 1 },
    versions: { n8n: await versionOf(installed, 'n8n') },
    measure: (plan) => runPeerClient(plan, { program: 'n8n/client.mjs', folder: installed, endings, more: { address }, groups: { server: [server.pid] } }),
    stop: server.stop,
  };
}

function idOf(work: ComparedWork): string {
  return work === 'ping' ? 'benchping0000001' : 'benchchain000010';
}

/** A webhook, and so many nodes that each build the same two fields from the one before. */
function workflow(work: ComparedWork): unknown {
  const names = Array.from({ length: STEPS_OF[work] }, (_, index) => `Step ${index + 1}`);
  const number = STEPS_OF[work];
  const nodes = names.map((name, index) => {
    const from = index === 0 ? '$json.body' : '$json';
    const assignments = [
      { id: 'a', name: 'a', type: 'number', value: `={{ ${from}.a + 1 }}` },
      { id: 'text', name: 'text', type: 'string', value: `={{ ${from}.text }}` },
    ];
    return { id: `${work}-${index}`, name, type: 'n8n-nodes-base.set', typeVersion: 3.4, position: [200 * (index + 1), 0], parameters: { mode: 'manual', includeOtherFields: false, options: {}, assignments: { assignments } } };
  });
  const webhook = { id: `${work}-hook`, name: 'Webhook', type: 'n8n-nodes-base.webhook', typeVersion: 2, position: [0, 0], webhookId: `00000000-0000-4000-8000-0000000000${number + 10}`, parameters: { httpMethod: 'POST', path: work, responseMode: 'lastNode', options: {} } };
  const order = ['Webhook', ...names];
  const connections = Object.fromEntries(order.slice(0, -1).map((name, index) => [name, { main: [[{ node: order[index + 1], type: 'main', index: 0 }]] }]));
  return { id: idOf(work), name: work, active: false, nodes: [webhook, ...nodes], connections, settings: { executionOrder: 'v1' }, pinData: {}, meta: null, tags: [], versionId: `11111111-1111-4111-8111-1111111111${number + 10}` };
}
