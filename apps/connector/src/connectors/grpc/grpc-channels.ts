/**
 * Channels to gRPC services, shared by calls to the same address.
 *
 * G1 The address that is dialled is the one that the guard has looked at: names are resolved here, not by gRPC.
 * G2 TLS on port 443 and where no port is named, and on 8443; on other ports the connection is in clear, and
 *    credentials then go to no address of the open internet.
 */
import { isIPv6 } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import { AddressBlocked, isBlockedAddress, type AddressGuard } from '../../address-guard.ts';
import { failure, refused } from '../../failure.ts';
import { GRPC_CHANNELS_MAX, GRPC_IDLE_MS, OUTPUT_BYTES_MAX } from '../../limits.ts';
import { LruMap } from '../../lru-map.ts';
import type { Performed } from '../../manifest.ts';
import { rootOf } from '../../outbound/outbound-http.ts';

const TLS_PORTS = new Set([443, 8443]);

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
  readonly hasCredentials: boolean;
}

/** The service cannot be dialled; `performed` says how the step ends. */
export class DialRefused extends Error {
  readonly performed: Performed;

  constructor(performed: Performed) {
    super(performed.kind === 'failure' ? performed.failure.detail : '');
    this.performed = performed;
  }
}

export class GrpcChannels {
  readonly #guard: AddressGuard;
  readonly #clients = new LruMap<string, Client>(GRPC_CHANNELS_MAX, (client) => client.close());

  constructor(guard: AddressGuard) {
    this.#guard = guard;
  }

  /** @throws DialRefused */
  async clientFor({ host, port, hasCredentials }: ServiceAddress): Promise<Client> {
    const address = await this.#resolve(host);
    const secure = TLS_PORTS.has(port);
    if (hasCredentials && !secure && !isBlockedAddress(address)) {
      throw new DialRefused(refused(failure('configuration', 400, `credentials would go to ${host}:${port} in clear; offer the service with TLS on port 443 or 8443`)));
    }
    const target = isIPv6(address) ? `ipv6:[${address}]:${port}` : `ipv4:${address}:${port}`;
    const key = `${secure ? 'tls' : 'clear'} ${host} ${target}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const client = new Client(target, secure ? credentials.createSsl() : credentials.createInsecure(), {
      'grpc.default_authority': `${host}:${port}`,
      ...(secure ? { 'grpc.ssl_target_name_override': host } : {}),
      'grpc.max_receive_message_length': OUTPUT_BYTES_MAX,
      'grpc.client_idle_timeout_ms': GRPC_IDLE_MS,
    });
    this.#clients.set(key, client);
    return client;
  }

  async #resolve(host: string): Promise<string> {
    try {
      return await this.#guard.resolve(host);
    } catch (error) {
      if (error instanceof AddressBlocked) throw new DialRefused(refused(failure('authorization', 403, error.message)));
      throw new DialRefused(refused(failure('communication', 503, `${host} cannot be resolved: ${rootOf(error).code}`), 'down'));
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
