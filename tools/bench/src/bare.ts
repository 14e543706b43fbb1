/** `bench bare`: the commit cycle alone, to measure the product against in one run. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startNats } from '@millrace/servers';
import type { BarePlan } from './bare-engine.ts';
import { PAYLOAD } from './documents.ts';
import type { Endings } from './endings.ts';
import { machine, probeFsync } from './machine.ts';
import type { BenchOptions } from './options.ts';
import { groupUsage } from './peers/process-group.ts';
import { round, spreadOf } from './statistics.ts';

const WARM_UP_SECONDS = 4;
const STEPS = 10;

interface Round {
  readonly stepsPerSecond: number;
  readonly executionsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly eventsPerFrame: number;
}

export async function runBare(options: BenchOptions, endings: Endings): Promise<Readonly<Record<string, unknown>>> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-bench-'));
  const starting = startNats({ dataDir: path.join(folder, 'nats') });
  endings.add(async () => {
    await (await starting.catch(() => undefined))?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const nats = await starting;
  const plan: BarePlan = { nats: nats.url, inFlight: options.inFlight, steps: STEPS, input: PAYLOAD, warmUpSeconds: WARM_UP_SECONDS, seconds: options.seconds, rounds: options.rounds };
  const start = (file: string, argument: string) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=32', fileURLToPath(new URL(file, import.meta.url)), argument], { stdio: ['ignore', 'pipe', 'inherit'] });
    endings.add(() => void child.kill('SIGKILL'));
    return child;
  };
  const engine = start('bare-engine.ts', JSON.stringify(plan));
  const rounds: Round[] = [];
  let worker: ReturnType<typeof start> | undefined;
  createInterface({ input: engine.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as ({ readonly kind: 'round' } & Round) | { readonly kind: 'listening'; readonly port: number };
    if (message.kind === 'listening') worker = start('bare-worker.ts', `127.0.0.1:${message.port}`);
    else {
      rounds.push(message);
      process.stderr.write(`  round ${rounds.length}: ${Math.round(message.stepsPerSecond)} steps/s, p50 ${message.p50Ms.toFixed(1)} ms, p99 ${message.p99Ms.toFixed(1)} ms\n`);
    }
    if (rounds.length === options.rounds) usage = ['engine', 'worker', 'nats-server'].map((name, index) => ({ name, ...usageOf([engine.pid, worker?.pid, nats.pid][index]) }));
  });
  let usage: readonly { readonly name: string; readonly cpuSeconds: number; readonly memoryMiB: number }[] = [];
  const status = await new Promise((settle) => engine.once('exit', settle));
  if (rounds.length < options.rounds) throw new Error(`the bare engine ended with status ${String(status)}`);
  const middle = [...rounds].sort((a, b) => a.stepsPerSecond - b.stepsPerSecond)[rounds.length >> 1];
  return {
    work: 'bare',
    inflight: options.inFlight,
    rounds: options.rounds,
    stepsPerSecond: spreadOf(rounds.map((each) => round(each.stepsPerSecond))),
    executionsPerSecond: spreadOf(rounds.map((each) => round(each.executionsPerSecond))),
    latencyMs: { p50: round(middle?.p50Ms ?? 0, 2), p99: round(middle?.p99Ms ?? 0, 2) },
    payloadBytes: JSON.stringify(PAYLOAD).length,
    durability: { syncAlways: 'as nats-server is configured here', replicas: 1, lanes: 1, fsyncMs: probeFsync(folder, []) },
    eventsPerFrame: round(middle?.eventsPerFrame ?? 0),
    processes: usage.map(({ name, cpuSeconds, memoryMiB }) => ({ name, cpuSeconds: round(cpuSeconds, 2), residentMiB: round(memoryMiB) })),
    machine: machine(),
    note: 'the commit cycle alone: no language, limits, recovery, history, events, traces or gateway; processor time is that of the whole run',
  };
}

function usageOf(pid: number | undefined): { readonly cpuSeconds: number; readonly memoryMiB: number } {
  return pid === undefined ? { cpuSeconds: 0, memoryMiB: 0 } : groupUsage([pid]);
}
