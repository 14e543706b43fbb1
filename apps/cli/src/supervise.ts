/**
 * A cluster for as long as this process runs: the body of `up`, in the foreground and behind `--detach`.
 *
 * Owns the operator key and the order ready, told, interrupted, stopped. Does not own processes (@millrace/cluster).
 */
import { startCluster, type ClusterAddresses } from '@millrace/cluster';
import { serveControl, type ControlServer } from './control-server.ts';
import { hashOfKey, keyFile, operatorKey } from './data-folder.ts';
import { untilLanesOwned } from './lanes-owned.ts';
import type { Scale } from './scale-option.ts';

export interface SuperviseOptions {
  readonly dataDir: string;
  readonly scale: Scale;
  readonly portBase: number;
  readonly restart: boolean;
  readonly report: (line: string) => void;
  readonly onReady: (up: UpDocument) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** What `up --output json` prints. */
export interface UpDocument {
  /** It was up before this command. */
  readonly already: boolean;
  readonly dataDir: string;
  readonly keyFile: string;
  readonly supervisor: number;
  readonly gateway: { readonly http: string; readonly grpc: string };
  readonly trigger: { readonly http: string };
}

export function upDocument(dataDir: string, supervisor: number, addresses: ClusterAddresses, already: boolean): UpDocument {
  return { already, dataDir, keyFile: keyFile(dataDir), supervisor, gateway: { http: addresses.gatewayHttp, grpc: addresses.gatewayGrpc }, trigger: { http: addresses.triggerHttp } };
}

/** Resolves when everything has been stopped. @throws MillraceError when something does not start; the rest is stopped again. */
export async function supervise(options: SuperviseOptions, pid: number): Promise<void> {
  const { dataDir, scale, portBase, restart, report, signal } = options;
  const key = await operatorKey(dataDir);
  let control: ControlServer | undefined;
  const tell = (line: string): void => {
    report(line);
    control?.report(line);
  };
  const cluster = await startCluster({ dataDir, scale, portBase, restart, report: tell, operatorKeyHash: hashOfKey(key) });
  try {
    const interrupted = new Promise<void>((settle) => {
      if (signal.aborted) settle();
      else signal.addEventListener('abort', () => settle(), { once: true });
    });
    await Promise.race([cluster.ready(), interrupted]);
    const owners = new Set(cluster.of('orchestrator').map((each) => each.addresses.grpc));
    if (!signal.aborted && !(await untilLanesOwned(cluster.servers.nats.url, owners, signal))) report('Some lanes have no owner yet: starts wait for them');
    if (!signal.aborted) control = await serveControl(dataDir, cluster);
    if (!signal.aborted) options.onReady(upDocument(dataDir, pid, cluster.addresses, false));
    await interrupted;
    report('Stopping; a second Ctrl-C ends it at once');
  } finally {
    control?.close();
    await cluster.stop();
  }
}
