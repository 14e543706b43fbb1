/**
 * How much CPU the worker runtime takes for a step, with a handler that answers at once.
 *
 *     node libs/worker/src/bench/throughput.ts [seconds] [batch] [batches in flight]
 *
 * Runs the worker in this process against a peer in another one that speaks the owner's side of the
 * protocol, keeps so many batches outstanding and says that each result is durable. Prints JSON.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { DispatchService, type OwnerMessage, type WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import { startWorker } from '../index.ts';

const PAYLOAD = JSON.stringify({ text: 'x'.repeat(180), count: 1 });
const WARM_UP_MS = 2_000;

function servePeer(batch: number, inFlight: number): void {
  const server = new Server();
  server.addService(DispatchService, {
    work: (stream: ServerDuplexStream<WorkerMessage, OwnerMessage>) => {
      let activation = 0;
      const dispatch = (count: number): void => {
        const steps = Array.from({ length: count }, () => ({
          organisation: 'default',
          execution: `00000000000000000000${activation % 1000}`,
          lane: 0,
          epoch: 1,
          run: 1,
          activation: (activation += 1),
          attempt: 1,
          operation: 'millrace.echo:1.0.0@default',
          connection: '',
          argumentsJson: PAYLOAD,
          timeoutMs: 0,
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
          dispatchedAtMs: Date.now(),
        }));
        stream.write({ message: { $case: 'steps', value: { steps, durable: [] } } });
      };
      stream.on('data', ({ message }: WorkerMessage) => {
        if (message?.$case === 'hello') for (let each = 0; each < inFlight; each += 1) dispatch(batch);
        if (message?.$case !== 'results') return;
        stream.write({ message: { $case: 'durable', value: { numbers: message.value.results.map((result) => result.number) } } });
        dispatch(message.value.results.length);
      });
      stream.on('error', () => stream.end());
    },
  });
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, port) => process.stdout.write(`${port}\n`));
}

async function measure(seconds: number, batch: number, inFlight: number): Promise<void> {
  const peer = spawn(process.execPath, [fileURLToPath(import.meta.url), 'peer', String(batch), String(inFlight)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<string>((resolve) => createInterface({ input: peer.stdout }).once('line', resolve));
  const silent = (): void => undefined;
  const worker = startWorker({
    worker: 'bench',
    service: 'bench',
    version: '0',
    handler: { operations: ['millrace.echo:1.0.0@default'], execute: (step) => ({ kind: 'output', json: step.argumentsJson }) },
    owners: { list: () => [{ instance: 'peer', address: `127.0.0.1:${port}` }], onChange: () => silent },
    lanes: { ownerOf: () => undefined, laneOf: () => undefined, onChange: () => silent },
    log: { debug: silent, info: silent, warn: silent },
  });
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const before = { steps: worker.stats().executed, cpu: process.cpuUsage(), at: performance.now() };
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const cpu = process.cpuUsage(before.cpu);
  const steps = worker.stats().executed - before.steps;
  const wallSeconds = (performance.now() - before.at) / 1000;
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  await worker.close();
  peer.kill();
  const report = {
    batch,
    inFlight,
    payloadBytes: PAYLOAD.length,
    stepsPerSecond: Math.round(steps / wallSeconds),
    cpuMicrosecondsPerStep: Number(((cpuSeconds * 1e6) / steps).toFixed(2)),
    coresAt30000StepsPerSecond: Number(((cpuSeconds / steps) * 30_000).toFixed(3)),
    residentMiB: Math.round(process.memoryUsage().rss / 1024 / 1024),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

const [first = '5', second = '50', third = '4'] = process.argv.slice(2);
if (first === 'peer') servePeer(Number(second), Number(third));
else await measure(Number(first), Number(second), Number(third));
