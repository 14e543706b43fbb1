/**
 * Keeps outbound connections away from addresses that only this machine or its network can reach.
 *
 * Owns the list of ranges and the check. It is made on resolved addresses, at the moment of connecting, so a
 * name that resolves differently the second time gains nothing.
 */
import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/** Not the outside world: IANA's special-purpose registries (RFC 6890) and what embeds IPv4 in IPv6. */
const RANGES: readonly (readonly [network: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.88.99.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 4, 'ipv4'],
  ['240.0.0.0', 4, 'ipv4'],
  ['::', 96, 'ipv6'],
  ['::ffff:0:0', 96, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['2001::', 23, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

// One list a family: a list checks IPv4 addresses against ranges of mapped IPv6 addresses too.
const blocked = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [network, prefix, family] of RANGES) blocked[family].addSubnet(network, prefix, family);

/** The code of the error with which a guarded connection fails. */
export const ADDRESS_BLOCKED = 'EADDRBLOCKED';

export class AddressBlocked extends Error {
  readonly code = ADDRESS_BLOCKED;

  constructor(host: string) {
    super(`${host} is an address of this machine or its network; connectors reach those only in development mode (MILLRACE_ALLOW_LOOPBACK)`);
  }
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

export interface AddressGuard {
  /** Refuses a host that is written as an address: those are never looked up. @throws AddressBlocked */
  checkHost(host: string): void;
  /** For the `lookup` option of `net.connect` and `tls.connect`. */
  readonly lookup: (host: string, options: LookupOptions, callback: LookupCallback) => void;
  /** The first address of a host that may be reached. @throws AddressBlocked, or the resolver's error */
  resolve(host: string): Promise<string>;
}

/** Whether an address is kept away from. */
export function isBlockedAddress(address: string): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return blocked[family].check(address, family);
}

export function createAddressGuard({ allowLoopback }: { readonly allowLoopback: boolean }): AddressGuard {
  const allowed = (address: string): boolean => allowLoopback || !isBlockedAddress(address);
  const lookup: AddressGuard['lookup'] = (host, options, callback) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const reachable = addresses.filter(({ address }) => allowed(address));
      const first = reachable[0];
      if (first === undefined) return callback(new AddressBlocked(host), '', 0);
      if (options.all === true) callback(null, reachable);
      else callback(null, first.address, first.family);
    });
  };
  const bare = (host: string): string => (host.startsWith('[') ? host.slice(1, -1) : host);
  return {
    checkHost: (host) => {
      const address = bare(host);
      if (isIP(address) !== 0 && !allowed(address)) throw new AddressBlocked(host);
    },
    lookup,
    resolve: (host) =>
      new Promise((found, failed) => {
        const address = bare(host);
        if (isIP(address) !== 0) return allowed(address) ? found(address) : failed(new AddressBlocked(host));
        lookup(host, {}, (error, resolved) => (error !== null ? failed(error) : found(String(resolved))));
      }),
  };
}
