/**
 * A real nats-server with JetStream on loopback, durable by default: every acknowledged message was synced to disk.
 *
 * Owns: its configuration file, its ports, readiness, restart on the same ports. Does not own: streams and consumers.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '@millrace/errors';
import { serverBinary, type LookUp } from './binaries.ts';
import { freePorts } from './free-port.ts';
import { launched } from './launcher.ts';
import { startProcess, tailOf, type ExitStatus, type ServerProcess } from './server-process.ts';

/** Membership of a cluster; all its servers run on loopback. */
export interface NatsMembership {
  readonly name: string;
  /** Port for the other servers of the cluster. */
  readonly port: number;
  /** Ports of the servers to which this one makes connections; the own one may be among them. */
  readonly routePorts: readonly number[];
  /** Port that this server names to others as its own; the real one where absent. */
  readonly advertisedPort?: number;
}

export interface NatsOptions extends LookUp {
  /** Holds the configuration, the log and the JetStream store; made when missing, kept on stop. */
  readonly dataDir: string;
  /** Client port; 0 or absent picks a free one. */
  readonly port?: number;
  /** Monitoring port; 0 or absent picks a free one. */
  readonly monitorPort?: number;
  /** Server name, unique in a cluster. */
  readonly name?: string;
  /** `always` (the default) syncs before each acknowledgement; otherwise a duration such as `2m` between syncs. */
  readonly syncInterval?: string;
  /** What streams may use and reserve together, in bytes; three quarters of the free disk where absent. */
  readonly storeBytesMax?: number;
  /** Largest message, in bytes. */
  readonly maxPayloadBytes?: number;
  readonly cluster?: NatsMembership;
  /** Defaults to `nats-server.log` in the data folder. */
  readonly logFile?: string;
  /** Leaves the server running when this process ends. */
  readonly detached?: boolean;
  /** A command that becomes the server, with the binary and its arguments after its own: see launcher.ts. */
  readonly launcher?: readonly string[];
}

/** A running nats-server. */
export interface NatsServer {
  readonly name: string;
  readonly url: string;
  readonly monitorUrl: string;
  readonly port: number;
  readonly monitorPort: number;
  /** Of the process that runs at the moment; changes with a restart. */
  readonly pid: number;
  /** Resolves when the process that runs at the moment has ended. */
  readonly exited: Promise<ExitStatus>;
  /** Asks it to end, by SIGTERM unless told otherwise; the data stays. */
  stop(signal?: NodeJS.Signals): Promise<ExitStatus>;
  /** SIGKILL, as a crash. */
  kill(): Promise<ExitStatus>;
  /** Starts again on the same ports and data, after stopping what still runs; resolves when it is ready. */
  restart(): Promise<void>;
}

const DEFAULT_NAME = 'millrace';
/** Default for the largest message, in bytes. */
export const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;
/** How long a start may take until the server answers, in milliseconds; replaying a large store needs a while. */
export const READY_TIMEOUT_MS = 60_000;
export const READY_POLL_MS = 15;
/** How often other free ports are tried when somebody took the chosen ones meanwhile. */
const PORT_ATTEMPTS = 5;

/**
 * Starts a server and waits until JetStream answers.
 *
 * @throws MillraceError `server-missing` when there is no binary, `bus-failed` when it does not start; the message
 * quotes the end of its log.
 */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const binary = await serverBinary('nats-server', options);
  await mkdir(options.dataDir, { recursive: true });
  for (let attempt = 1; ; attempt += 1) {
    const [anyPort, anyMonitorPort] = (await freePorts(2)) as [number, number];
    const port = options.port || anyPort;
    const monitorPort = options.monitorPort || anyMonitorPort;
    try {
      return await startOn(binary, options, port, monitorPort);
    } catch (error) {
      const chosenHere = port === anyPort || monitorPort === anyMonitorPort;
      if (!chosenHere || attempt === PORT_ATTEMPTS || !/address already in use/.test(String(error))) throw error;
    }
  }
}

async function startOn(binary: string, options: NatsOptions, port: number, monitorPort: number): Promise<NatsServer> {
  const configFile = path.join(options.dataDir, 'nats-server.conf');
  const logFile = options.logFile ?? path.join(options.dataDir, 'nats-server.log');
  const monitorUrl = `http://127.0.0.1:${monitorPort}`;
  await writeFile(configFile, configuration(options, port, monitorPort));

  const launch = async (): Promise<ServerProcess> => {
    const started = await startProcess({ ...launched(options.launcher, binary, ['-c', configFile]), outputFile: logFile, detached: options.detached ?? false });
    try {
      await ready(started, monitorUrl, options.cluster !== undefined);
      return started;
    } catch (error) {
      await started.kill();
      const message = `nats-server did not start on port ${port}: ${(error as Error).message}\n${await tailOf(logFile)}`;
      throw new MillraceError('bus-failed', { message, cause: error });
    }
  };

  let current = await launch();
  return {
    name: options.name ?? DEFAULT_NAME,
    url: `nats://127.0.0.1:${port}`,
    monitorUrl,
    port,
    monitorPort,
    get pid() {
      return current.pid;
    },
    get exited() {
      return current.exited;
    },
    stop: (signal) => current.stop(signal),
    kill: () => current.kill(),
    async restart() {
      await current.stop();
      current = await launch();
    },
  };
}

function configuration(options: NatsOptions, port: number, monitorPort: number): string {
  const text = (value: string): string => JSON.stringify(value);
  const lines = [
    `server_name: ${text(options.name ?? DEFAULT_NAME)}`,
    `listen: "127.0.0.1:${port}"`,
    `http: "127.0.0.1:${monitorPort}"`,
    `max_payload: ${options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES}`,
    'jetstream {',
    `  store_dir: ${text(path.resolve(options.dataDir))}`,
    // In quotes: a bare 2m would be read as two million.
    `  sync_interval: ${text(options.syncInterval ?? 'always')}`,
    ...(options.storeBytesMax === undefined ? [] : [`  max_file_store: ${options.storeBytesMax}`]),
    '}',
  ];
  const { cluster } = options;
  if (cluster !== undefined) {
    const routes = cluster.routePorts.map((routePort) => text(`nats://127.0.0.1:${routePort}`));
    lines.push('cluster {', `  name: ${text(cluster.name)}`, `  listen: "127.0.0.1:${cluster.port}"`, `  routes: [${routes.join(', ')}]`);
    if (cluster.advertisedPort !== undefined) lines.push(`  advertise: "127.0.0.1:${cluster.advertisedPort}"`);
    // Clients know all servers by the address they are given, and go by no other: a link in between would be left out.
    lines.push('  no_advertise: true', '}');
  }
  return `${lines.join('\n')}\n`;
}

async function ready(server: ServerProcess, monitorUrl: string, clustered: boolean): Promise<void> {
  // In a cluster the first server is ready before there is a quorum: whoever starts the last one waits for that.
  const url = `${monitorUrl}/healthz${clustered ? '?js-server-only=true' : ''}`;
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (!server.running()) {
      const { code, signal } = await server.exited;
      throw new Error(`it ended with ${signal ?? `exit status ${code}`}`);
    }
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    const healthy = answer?.ok === true;
    await answer?.arrayBuffer();
    // Another server may answer on a port that was taken from us; ours then ends by itself.
    if (healthy && server.running()) return;
    await sleep(READY_POLL_MS);
  }
  throw new Error(`it was not ready after ${READY_TIMEOUT_MS} ms`);
}
