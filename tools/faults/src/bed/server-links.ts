/** Links in front of several nats-servers and between them, so that one can be cut off from its clients, its peers, or both. */
import { startTcpProxy, type TcpProxy } from '@millrace/testkit';

export interface ServerLinks {
  /** For `routePort` of the cluster. */
  routePort(from: number, to: number, port: number): Promise<number>;
  /** What clients are given for the cluster's addresses. */
  clientUrl(url: string): Promise<string>;
  /** Nothing more passes between a server and the others, as if they were gone; nor its clients, where `clients` is set. */
  cutOff(server: number, clients: boolean): void;
  heal(): void;
  close(): Promise<void>;
}

export function serverLinks(): ServerLinks {
  const routes: { readonly from: number; readonly to: number; readonly link: TcpProxy }[] = [];
  let clientLinks: readonly TcpProxy[] = [];
  const all = (): readonly TcpProxy[] => [...routes.map(({ link }) => link), ...clientLinks];
  return {
    async routePort(from, to, port) {
      const link = await startTcpProxy({ targetPort: port });
      routes.push({ from, to, link });
      return link.port;
    },
    async clientUrl(url) {
      if (clientLinks.length === 0) clientLinks = await Promise.all(url.split(',').map((each) => startTcpProxy({ targetPort: Number(new URL(each).port) })));
      return clientLinks.map(({ host, port }) => `nats://${host}:${port}`).join(',');
    },
    cutOff(server, clients) {
      for (const { from, to, link } of routes) if (from === server || to === server) link.cut();
      if (clients) clientLinks[server]?.cut();
    },
    heal: () => all().forEach((link) => link.restore()),
    close: async () => void (await Promise.all(all().map((link) => link.close()))),
  };
}
