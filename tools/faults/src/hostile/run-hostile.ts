/**
 * E6 by measurement: a cluster, a quiet load of one customer, and one hostile input of another after the other.
 *
 * For each input the load is measured alone, then while the input is thrown again and again. Right is: every throw
 * ends as the input's pattern says, the load's p99 stays below twice its quiet value, nothing of the load fails, no
 * process grows by more than GROWTH_MIB_MAX while an input is thrown, and none dies. Growth since the run began is
 * said beside it.
 *
 * Machines are shared: a pair of windows in which the bound of latency was broken is measured again, and counts as
 * broken when all tries were.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { WorkflowServiceClient } from '@millrace/contracts/gateway/v1/gateway';
import { startCluster, type Cluster } from '@millrace/cluster';
import { temporaryFolder } from '@millrace/testkit';
import { createCustomer, type Customer } from './customer.ts';
import { HOSTILE_INPUTS, type HostileInput } from './hostile-inputs.ts';
import { watchMemory, type MemoryWatch } from './memory-watch.ts';
import type { QuietOptions, QuietWindow } from './quiet-load.ts';

/** Most that a process may grow by, in MiB. */
export const GROWTH_MIB_MAX = 256;
/** Throws under way at once. */
const THROWERS = 2;
/** Between two throws of one thrower, in milliseconds. */
const PAUSE_MS = 20;
/** Windows are measured again so often before a bound counts as broken. */
const TRIES = 3;
const WARM_UP_MS = 6_000;
/** Before a quiet window: the load is looked at for so long, in milliseconds, and again so often. */
const SETTLE_MS = 1_000;
const SETTLE_TRIES = 30;

export interface HostileOptions {
  /** Length of each window, in seconds. */
  readonly seconds: number;
  /** Starts a second of the quiet load. */
  readonly rate: number;
  /** Added to twice the quiet p99, in milliseconds: 0 is the bound itself, more is for tests on busy machines. */
  readonly slackMs: number;
  readonly wanted: (input: HostileInput) => boolean;
  readonly report?: (line: string) => void;
}

export interface HostileRow {
  readonly name: string;
  readonly throws: number;
  /** Each different way it ended, with how often. */
  readonly endings: readonly { readonly text: string; readonly count: number }[];
  readonly quietP99Ms: number;
  readonly meanwhileP99Ms: number;
  readonly tries: number;
  /** The process that grew most while the input was thrown, and by how much. */
  readonly grew: { readonly name: string; readonly mib: number };
  /** The most that any process has grown by since the run began, in MiB. */
  readonly sinceStartMiB: number;
  /** Growth of every process while the input was thrown, in MiB. */
  readonly growth: Readonly<Record<string, number>>;
  /** Empty when every bound held. */
  readonly broken: readonly string[];
}

export async function runHostile({ seconds, rate, slackMs, wanted, report = () => undefined }: HostileOptions): Promise<readonly HostileRow[]> {
  const closing: (() => Promise<unknown> | void)[] = [];
  try {
    const folder = await temporaryFolder('hostile');
    closing.push(() => folder.remove());
    const key = `mr_hostile_${randomBytes(24).toString('hex')}`;
    const target = await startTarget();
    closing.push(() => void target.close());
    const cluster = await startCluster({ dataDir: folder.path, restart: false, report: () => undefined, operatorKeyHash: createHash('sha256').update(key).digest('hex'), environment: { MILLRACE_ALLOW_LOOPBACK: 'true' } });
    closing.push(() => cluster.stop());
    await cluster.ready();
    await applyQuiet(cluster, key);
    const customer = await createCustomer(cluster, key, `http://127.0.0.1:${(target.address() as AddressInfo).port}`);
    closing.push(() => customer.close());
    const load = startLoad({ address: cluster.addresses.gatewayGrpc, key, organisation: 'default', workflow: 'quiet', inputJson: '{"n":1}', rate });
    closing.push(() => load.end());
    await load.window(WARM_UP_MS);
    const pids = (await cluster.status()).flatMap(({ instance, pid }) => (pid === undefined ? [] : [{ name: instance, pid }]));
    const memory = watchMemory(pids);
    closing.push(() => memory.stop());
    const rows: HostileRow[] = [];
    for (const input of HOSTILE_INPUTS.filter(wanted)) {
      const row = await measure(input, { customer, load, memory, cluster, names: pids, seconds, slackMs });
      rows.push(row);
      report(lineOf(row));
    }
    return rows;
  } finally {
    for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step();
  }
}

interface Bed {
  readonly customer: Customer;
  readonly load: Load;
  readonly memory: MemoryWatch;
  readonly cluster: Cluster;
  readonly names: readonly { readonly name: string; readonly pid: number }[];
  readonly seconds: number;
  readonly slackMs: number;
}

async function measure(input: HostileInput, bed: Bed): Promise<HostileRow> {
  const { customer, load, memory, seconds, slackMs } = bed;
  const endings = new Map<string, number>();
  const broken: string[] = [];
  let throws = 0;
  let best = { quietP99Ms: NaN, meanwhileP99Ms: Infinity };
  let tries = 0;
  let failed = 0;
  let firstFailure = '';
  await input.prepare?.(customer).catch((error: unknown) => void endings.set(`not applied: ${error instanceof Error ? error.message : String(error)}`, 1));
  do {
    tries++;
    const quiet = await quietWindow(load, seconds * 1_000);
    if (tries === 1) memory.begin();
    let throwing = true;
    const throwers = Array.from({ length: THROWERS }, async () => {
      while (throwing) {
        const { text } = await input.throw(customer);
        throws++;
        endings.set(short(text), (endings.get(short(text)) ?? 0) + 1);
        if (throwing) await new Promise((settle) => setTimeout(settle, PAUSE_MS));
      }
    });
    const meanwhile = await load.window(seconds * 1_000);
    throwing = false;
    await Promise.all(throwers);
    failed += quiet.failed + meanwhile.failed;
    firstFailure ||= quiet.firstFailure || meanwhile.firstFailure;
    const found = { quietP99Ms: p99(quiet.latenciesMs), meanwhileP99Ms: p99(meanwhile.latenciesMs) };
    if (found.meanwhileP99Ms / found.quietP99Ms < best.meanwhileP99Ms / best.quietP99Ms || Number.isNaN(best.quietP99Ms)) best = found;
  } while (best.meanwhileP99Ms >= 2 * best.quietP99Ms + slackMs && tries < TRIES);
  if (best.meanwhileP99Ms >= 2 * best.quietP99Ms + slackMs) broken.push(`p99 of others ${best.meanwhileP99Ms.toFixed(1)} ms, quiet ${best.quietP99Ms.toFixed(1)} ms`);
  if (failed > 0) broken.push(`${failed} executions of others failed: ${firstFailure}`);
  if (throws === 0) broken.push('nothing was thrown');
  for (const text of endings.keys()) if (!input.right.test(text)) broken.push(`ended as ${text}`);
  const sinceStartMiB = Math.round(Math.max(0, ...memory.sinceStart().values()));
  const growth = Object.fromEntries([...memory.growth()].map(([name, mib]) => [name, Math.round(mib)]));
  const [name = '', mib = 0] = Object.entries(growth).sort(([, a], [, b]) => b - a)[0] ?? [];
  for (const [grown, by] of Object.entries(growth)) if (by > GROWTH_MIB_MAX) broken.push(`${grown} grew by ${by} MiB`);
  const alive = new Map((await bed.cluster.status()).map(({ instance, pid }) => [instance, pid]));
  for (const each of bed.names) if (alive.get(each.name) !== each.pid) broken.push(`${each.name} has died`);
  return { name: input.name, throws, endings: [...endings].map(([text, count]) => ({ text, count })), ...best, tries, grew: { name, mib }, sinceStartMiB, growth, broken };
}

/** What the input before has left behind must not count as quiet: waits until nothing is far behind, then measures. */
async function quietWindow(load: Load, ms: number): Promise<QuietWindow> {
  for (let tries = 0; tries < SETTLE_TRIES; tries++) {
    const { open, latenciesMs } = await load.window(SETTLE_MS);
    if (latenciesMs.length > 0 && open < latenciesMs.length / 2 && Math.max(...latenciesMs) < 1_000) break;
  }
  return load.window(ms);
}

function p99(latenciesMs: readonly number[]): number {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Infinity;
}

interface Load {
  /** Waits so long and yields what ended meanwhile. */
  window(ms: number): Promise<QuietWindow>;
  end(): Promise<void>;
}

function startLoad(options: QuietOptions): Load {
  const child: ChildProcess = fork(path.join(import.meta.dirname, 'quiet-load.ts'), [JSON.stringify(options)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ask = async (): Promise<QuietWindow> => {
    if (!child.connected) throw new Error('the client of the quiet load has ended');
    child.send('window');
    const [answer] = (await once(child, 'message')) as [QuietWindow];
    return answer;
  };
  return {
    async window(ms) {
      await ask();
      await new Promise((settle) => setTimeout(settle, ms));
      return ask();
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      if (child.connected) child.send('end');
      const late = setTimeout(() => child.kill('SIGKILL'), 2_000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Answers that are too much: `/bytes/N` of JSON, `/deep`, `/drip` without an end. */
async function startTarget(): Promise<Server> {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const server = createServer((request, response) => {
    const [, kind = '', count = '0'] = (request.url ?? '').split('/');
    response.on('error', () => undefined);
    response.setHeader('content-type', 'application/json');
    if (kind === 'deep') {
      response.end('['.repeat(100_000) + ']'.repeat(100_000));
    } else if (kind === 'drip') {
      response.write('"');
      const timer = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(timer));
    } else {
      let left = Number(count);
      response.write('"');
      const more = (): void => {
        while (left > 0 && !response.destroyed) {
          left -= chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
        response.end('"');
      };
      more();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Three echo steps, each with an expression. */
async function applyQuiet(cluster: Cluster, key: string): Promise<void> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${key}`);
  metadata.set('millrace-organisation', 'default');
  const client = new WorkflowServiceClient(cluster.addresses.gatewayGrpc, credentials.createInsecure());
  const tasks = ['a', 'b', 'c'].map((name) => `  - ${name}:\n      call: millrace.echo:1.0.0@default\n      with: { n: '\${ .n + 1 }' }\n`).join('');
  const document = `document: { dsl: '1.0.3', namespace: quiet, name: quiet, version: 1.0.0 }\ndo:\n${tasks}`;
  await new Promise<void>((settle, fail) => client.applyWorkflow({ document, fileName: 'quiet.yaml', unregistered: false, dryRun: false, draft: false }, metadata, (error) => (error === null ? settle() : fail(error))));
  client.close();
}

const SHORT = 160;

function short(text: string): string {
  const plain = text.replaceAll(/https:\/\/serverlessworkflow\.io\/spec\/1\.0\.0\/errors\//g, '').replaceAll(/\s+/g, ' ');
  return plain.length <= SHORT ? plain : `${plain.slice(0, SHORT)}…`;
}

/** A line of the table. */
export function lineOf(row: HostileRow): string {
  const endings = row.endings.map(({ text, count }) => `${count}x ${text.slice(0, 70)}`).join('; ');
  const bounds = `p99 ${row.quietP99Ms.toFixed(1)} / ${row.meanwhileP99Ms.toFixed(1)} ms${row.tries > 1 ? ` (try ${row.tries})` : ''}`;
  return `${row.broken.length === 0 ? 'ok    ' : 'BROKEN'} ${row.name.padEnd(46)} ${bounds.padEnd(34)} +${row.grew.mib} MiB ${row.grew.name} (${row.sinceStartMiB} since the start)  ${endings}`;
}
